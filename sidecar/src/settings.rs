//! Watches the ConfigMap with the settings. Changes take effect without a restart.

use crate::channel::changed;
use crate::clock::Clock;
use crate::cluster::Cluster;
use crate::log_limit::LogLimit;
use dittofs_runtime::backoff;
use dittofs_runtime::follow::{self, Event};
use dittofs_shared::settings::{Settings, SettingsError, log_level_name};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::ConfigMap;
use std::convert::Infallible;
use std::time::Duration;
use tokio::sync::watch;

/// First wait after a failure.
const FIRST_WAIT: Duration = Duration::from_secs(1);

/// Watches the settings until it is dropped.
pub async fn follow(
    cluster: &Cluster,
    settings: watch::Sender<Settings>,
    clock: impl Clock,
) -> Infallible {
    let mut log_limit = LogLimit::default();
    let mut backoff = backoff::Backoff::new(FIRST_WAIT);
    let target = loop {
        match cluster.settings().await {
            Ok(target) => break target,
            Err(error) => log_failure(&mut log_limit, &error.to_string(), &clock),
        }
        tokio::time::sleep(backoff.next().unwrap_or(backoff::MAX_DELAY)).await;
    };
    let name = cluster.settings_name();
    let mut listed = None;
    follow::follow(&target, |event: Event<ConfigMap>| match event {
        Event::Listing => listed = None,
        Event::Listed(found) => listed = Some(found),
        Event::Complete => update(&settings, &name, listed.take()),
        Event::Applied(found) => update(&settings, &name, Some(found)),
        Event::Deleted(_) => update(&settings, &name, None),
        Event::Alive => {
            if let Some(tries) = log_limit.succeeded() {
                tracing::info!(tries, "the settings can be watched again");
            }
        }
        Event::Failed(failure) => log_failure(&mut log_limit, &failure.to_string(), &clock),
    })
    .await
}

fn update(settings: &watch::Sender<Settings>, name: &str, found: Option<ConfigMap>) {
    match decode(found) {
        Ok(Some(new)) => {
            settings.send_if_modified(|old| {
                for line in differences(old, &new) {
                    tracing::info!("{line}");
                }
                let modified = *old != new;
                *old = new;
                modified
            });
        }
        Ok(None) => {
            tracing::info!("ConfigMap {name} does not exist; keeping the current settings");
        }
        Err(error) => tracing::warn!("ConfigMap {name}: {error}; keeping the current settings"),
    }
}

fn decode(found: Option<ConfigMap>) -> Result<Option<Settings>, SettingsError> {
    let decode = |found: ConfigMap| Settings::decode(&found.data.unwrap_or_default());
    found.map(decode).transpose()
}

/// The changes that are logged, one line each.
fn differences(old: &Settings, new: &Settings) -> Vec<String> {
    let mut lines = Vec::new();
    if old.polling_interval != new.polling_interval {
        let (old, new) = (old.polling_interval, new.polling_interval);
        lines.push(format!("pollingInterval changed from {old:?} to {new:?}"));
    }
    if old.resync_interval != new.resync_interval {
        let (old, new) = (old.resync_interval, new.resync_interval);
        lines.push(format!("resyncInterval changed from {old:?} to {new:?}"));
    }
    if old.removal_hold != new.removal_hold {
        let (old, new) = (old.removal_hold, new.removal_hold);
        lines.push(format!("removalHold changed from {old:?} to {new:?}"));
    }
    if old.log_level != new.log_level {
        let (old, new) = (log_level_name(old.log_level), log_level_name(new.log_level));
        lines.push(format!("logLevel changed from {old} to {new}"));
    }
    lines
}

fn log_failure(log_limit: &mut LogLimit, failure: &str, clock: &impl Clock) {
    if let Some(tries) = log_limit.failed(failure, clock().steady) {
        tracing::warn!(
            tries,
            "cannot watch the settings, keeping the current ones: {failure}"
        );
    }
}

/// Waits until the operator asks sidecars that were started at this time to exit: the image was changed, and the
/// kubelet has not restarted the container by itself. The next sidecar starts later, so the request does not apply to
/// it.
pub async fn exit_requested(mut settings: watch::Receiver<Settings>, started: Timestamp) {
    loop {
        let before = settings.borrow_and_update().end_if_started_before;
        if before.is_some_and(|before| started < before) {
            tracing::info!(
                "exiting as requested by the operator, so that the kubelet starts the new image"
            );
            return;
        }
        changed(&mut settings).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt as _;
    use std::collections::BTreeMap;
    use std::pin::pin;

    fn config_map(key: &str, value: &str) -> ConfigMap {
        ConfigMap {
            data: Some(BTreeMap::from([(key.to_owned(), value.to_owned())])),
            ..ConfigMap::default()
        }
    }

    #[test]
    fn invalid_settings_change_nothing() {
        let (sender, receiver) = watch::channel(Settings::default());
        update(
            &sender,
            "files-sidecar",
            Some(config_map("pollingInterval", "soon")),
        );
        update(&sender, "files-sidecar", None);
        assert!(!receiver.has_changed().unwrap());
        update(
            &sender,
            "files-sidecar",
            Some(config_map("removalHold", "90s")),
        );
        assert_eq!(receiver.borrow().removal_hold, Duration::from_secs(90));
    }

    #[test]
    fn a_sidecar_exits_when_asked_and_a_later_one_does_not() {
        let started: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let before = |time: &str| Settings {
            end_if_started_before: Some(time.parse().unwrap()),
            ..Settings::default()
        };
        let (sender, receiver) = watch::channel(Settings::default());
        let mut exits = pin!(exit_requested(receiver, started));
        assert!(exits.as_mut().now_or_never().is_none());
        for (time, expected) in [
            ("2025-12-31T23:59:40Z", false),
            ("2026-01-01T00:00:00Z", false),
            ("2026-01-01T00:00:10Z", true),
        ] {
            sender.send_replace(before(time));
            let exited = exits.as_mut().now_or_never().is_some();
            assert_eq!(exited, expected, "{time}");
        }
    }

    #[test]
    fn each_difference_is_logged() {
        let old = Settings::default();
        let new = Settings {
            polling_interval: Duration::from_millis(250),
            resync_interval: Duration::from_mins(5),
            publish_to: Some("uid".into()),
            ..old.clone()
        };
        assert_eq!(
            differences(&old, &new),
            [
                "pollingInterval changed from 500ms to 250ms",
                "resyncInterval changed from 30s to 300s"
            ]
        );
    }
}
