//! Pure: how long the server may take to stop, so that the kubelet does not kill it before it has flushed.
//!
//! Version 0.29.0 of the server stops in stages, one after the other, and each ends after `shutdown_timeout` at the
//! latest: snapshots in flight, the NFS adapter, the SMB adapter, the flush of metadata, the workers that write
//! contents back. Then it closes its stores. For all of it together it gives itself three times `shutdown_timeout`
//! and 5 s, after which it ends whatever it is doing. So the grace period of the pod has to be longer than that sum,
//! or the kubelet would be first. Where three stages use up their time, the flush has those 5 s; a longer grace
//! period gives it more as soon as one of the three ends earlier.

use dittofs_shared::crd::DittoServerSpec;
use serde_json::Value;
use std::time::Duration;

/// `shutdown_timeout` of a server without that setting, and what follows from the default grace period.
pub const DEFAULT_STAGE: Duration = Duration::from_secs(30);
/// The key, as `configOverrides` has it.
const KEY: &str = "shutdown_timeout";
/// The same as a variable of the server, which overrides its configuration.
const VARIABLE: &str = "DITTOFS_SHUTDOWN_TIMEOUT";
/// How many times `shutdown_timeout` the server gives itself.
const STAGES: u32 = 3;
/// What it adds to that.
const ADDED: Duration = Duration::from_secs(5);
/// What the kubelet and the sidecar need besides.
const MARGIN: Duration = Duration::from_secs(10);

/// How a server stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shutdown {
    /// `shutdown_timeout` as the operator writes it.
    pub stage: Duration,
    /// Grace period of the pod.
    pub grace_seconds: i64,
}

impl Shutdown {
    /// From the grace period in the spec, unless the user sets a `shutdown_timeout` that needs more.
    pub fn of(spec: &DittoServerSpec) -> Self {
        let requested = spec.termination_grace_period_seconds;
        let whole = Duration::from_secs(requested.try_into().unwrap_or_default());
        let share = whole.saturating_sub(ADDED + MARGIN) / STAGES;
        let stage = Duration::from_secs(share.as_secs().max(1));
        let needed = needed(given(spec).unwrap_or(stage));
        Self {
            stage,
            grace_seconds: requested.max(needed),
        }
    }
}

/// The grace period, in seconds, without which a server with this `shutdown_timeout` could be killed.
fn needed(stage: Duration) -> i64 {
    let longest = stage.saturating_mul(STAGES).saturating_add(ADDED + MARGIN);
    longest
        .as_millis()
        .div_ceil(1000)
        .try_into()
        .unwrap_or(i64::MAX)
}

/// What the user sets. The server does not start with a value that it cannot parse.
fn given(spec: &DittoServerSpec) -> Option<Duration> {
    let variable = spec
        .pod
        .env
        .iter()
        .find(|variable| variable.name == VARIABLE);
    let variable = variable.and_then(|variable| variable.value.as_deref());
    if let Some(text) = variable.filter(|text| !text.is_empty()) {
        return duration(text);
    }
    match spec.config_overrides.as_ref()?.0.get(KEY)? {
        Value::Null => Some(DEFAULT_STAGE),
        Value::String(text) => duration(text),
        number => number.as_u64().map(Duration::from_nanos).map(or_default),
    }
}

fn duration(text: &str) -> Option<Duration> {
    let duration: dittofs_shared::Duration = text.parse().ok()?;
    (!duration.is_negative()).then(|| or_default(duration.into()))
}

/// The server reads zero as unset.
fn or_default(stage: Duration) -> Duration {
    if stage.is_zero() {
        DEFAULT_STAGE
    } else {
        stage
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn stops(grace: i64, more: &Value) -> (u64, i64) {
        let mut spec = json!({
            "storage": {"metadataSize": "1Gi"}, "terminationGracePeriodSeconds": grace,
        });
        spec.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        let spec = serde_json::from_value(spec).unwrap();
        let Shutdown {
            stage,
            grace_seconds,
        } = Shutdown::of(&spec);
        (stage.as_secs(), grace_seconds)
    }

    #[test]
    fn the_server_stops_by_itself_before_the_grace_period_is_over() {
        for (grace, stage) in [
            (36, 7),
            (37, 7),
            (39, 8),
            (105, 30),
            (106, 30),
            (600, 195),
            (86_400, 28_795),
        ] {
            assert_eq!(stops(grace, &json!({})), (stage, grace), "{grace} s");
        }
        for grace in 36..1000 {
            let (stage, of_pod) = stops(grace, &json!({}));
            assert_eq!(of_pod, grace, "the grace period is as requested");
            assert!(
                3 * stage + 5 + 10 <= grace.unsigned_abs(),
                "{grace} s, stages of {stage} s"
            );
        }
    }

    #[test]
    fn a_longer_stage_that_the_user_gives_lengthens_the_grace_period() {
        let overridden = |value: Value| json!({"configOverrides": {"shutdown_timeout": value}});
        let variable = |value: &str| json!({"pod": {"env": [{"name": "DITTOFS_SHUTDOWN_TIMEOUT", "value": value}]}});
        for (more, grace) in [
            (overridden(json!("1m")), 195),
            (overridden(json!("1.5s")), 36),
            (overridden(json!("7.1s")), 37),
            (overridden(json!(60_000_000_000_u64)), 195),
            (overridden(json!(null)), 105),
            (overridden(json!("0s")), 105),
            (overridden(json!("soon")), 36),
            (overridden(json!("-1m")), 36),
            (overridden(json!({"a": 1})), 36),
            (variable("2m"), 375),
            (variable(""), 36),
            (
                json!({"configOverrides": {"logging": {"level": "INFO"}}}),
                36,
            ),
        ] {
            assert_eq!(stops(36, &more), (7, grace), "{more}");
        }
        let mut both = overridden(json!("1m"));
        both["pod"] = variable("10s")["pod"].clone();
        assert_eq!(stops(36, &both), (7, 45), "the variable counts");
    }
}
