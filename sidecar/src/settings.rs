//! Follows the ConfigMap with the settings. A change needs no restart.

use crate::clock::Clock;
use crate::cluster::Cluster;
use crate::complaints::Complaints;
use dittofs_runtime::api_error::WatchError;
use dittofs_runtime::backoff;
use dittofs_runtime::client::ClientError;
use dittofs_shared::settings::{Settings, SettingsError, log_level_name};
use futures::StreamExt;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{ExponentialBackoff, watch_object};
use std::convert::Infallible;
use std::pin::pin;
use std::time::Duration;
use tokio::sync::watch;

/// First wait after a failure.
const FIRST_WAIT: Duration = Duration::from_secs(1);

/// Follows the settings for ever.
pub async fn follow(
    cluster: &Cluster,
    settings: watch::Sender<Settings>,
    clock: impl Clock,
) -> Infallible {
    let mut complaints = Complaints::default();
    let mut backoff = backoff::Backoff::new(FIRST_WAIT);
    loop {
        if let Err(error) = listen(cluster, &settings, &mut complaints, &clock).await {
            complain(&mut complaints, &error.to_string(), &clock);
        }
        tokio::time::sleep(backoff.next().unwrap_or(backoff::MOST)).await;
    }
}

/// Ends only when there is no client; the stream itself tries again.
async fn listen(
    cluster: &Cluster,
    settings: &watch::Sender<Settings>,
    complaints: &mut Complaints,
    clock: &impl Clock,
) -> Result<(), ClientError> {
    let name = cluster.settings_name();
    let waits = ExponentialBackoff::from(backoff::builder(FIRST_WAIT));
    let stream = watch_object(cluster.config_maps().await?, &name).backoff(waits);
    let mut stream = pin!(stream);
    while let Some(event) = stream.next().await {
        match event {
            Ok(found) => {
                if let Some(tries) = complaints.over() {
                    tracing::info!(tries, "the settings can be read again");
                }
                take(settings, &name, found);
            }
            Err(error) => complain(complaints, &WatchError(&error).to_string(), clock),
        }
    }
    Ok(())
}

fn take(settings: &watch::Sender<Settings>, name: &str, found: Option<ConfigMap>) {
    match read(found) {
        Ok(Some(new)) => {
            settings.send_if_modified(|old| {
                for line in differences(old, &new) {
                    tracing::info!("{line}");
                }
                let news = *old != new;
                *old = new;
                news
            });
        }
        Ok(None) => {
            tracing::info!("ConfigMap {name} does not exist; the settings stay as they are");
        }
        Err(error) => tracing::warn!("ConfigMap {name}: {error}; the settings stay as they are"),
    }
}

fn read(found: Option<ConfigMap>) -> Result<Option<Settings>, SettingsError> {
    let decode = |found: ConfigMap| Settings::decode(&found.data.unwrap_or_default());
    found.map(decode).transpose()
}

/// What changed, a line each.
fn differences(old: &Settings, new: &Settings) -> Vec<String> {
    let mut lines = Vec::new();
    if old.polling_interval != new.polling_interval {
        let (old, new) = (old.polling_interval, new.polling_interval);
        lines.push(format!(
            "the adapters are looked at every {new:?} (was {old:?})"
        ));
    }
    if old.removal_hold != new.removal_hold {
        let (old, new) = (old.removal_hold, new.removal_hold);
        lines.push(format!(
            "an adapter that is gone is kept for {new:?} (was {old:?})"
        ));
    }
    if old.log_level != new.log_level {
        let (old, new) = (log_level_name(old.log_level), log_level_name(new.log_level));
        lines.push(format!("the log level is {new} (was {old})"));
    }
    lines
}

fn complain(complaints: &mut Complaints, why: &str, clock: &impl Clock) {
    if let Some(tries) = complaints.again(why, clock().steady) {
        tracing::warn!(
            tries,
            "the settings cannot be followed, and stay as they are: {why}"
        );
    }
}

/// Until the operator asks a sidecar that was started at this moment to end: its image was changed, and its kubelet does not
/// restart it by itself. The sidecar that comes after it was started later.
pub async fn asked_to_end(mut settings: watch::Receiver<Settings>, started: Timestamp) {
    loop {
        let moment = settings.borrow_and_update().end_if_started_before;
        if moment.is_some_and(|moment| started < moment) {
            tracing::info!(
                "the operator asks this sidecar to end, so that its new image is started"
            );
            return;
        }
        changed(&mut settings).await;
    }
}

/// Until the value changes. For ever when nobody is left to change it.
pub(crate) async fn changed<T>(receiver: &mut watch::Receiver<T>) {
    if receiver.changed().await.is_err() {
        std::future::pending::<()>().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt as _;
    use std::collections::BTreeMap;

    fn config_map(key: &str, value: &str) -> ConfigMap {
        ConfigMap {
            data: Some(BTreeMap::from([(key.to_owned(), value.to_owned())])),
            ..ConfigMap::default()
        }
    }

    #[test]
    fn settings_that_cannot_be_used_change_nothing() {
        let (sender, receiver) = watch::channel(Settings::default());
        take(
            &sender,
            "files-sidecar",
            Some(config_map("pollingInterval", "soon")),
        );
        take(&sender, "files-sidecar", None);
        assert!(!receiver.has_changed().unwrap());
        take(
            &sender,
            "files-sidecar",
            Some(config_map("removalHold", "90s")),
        );
        assert_eq!(receiver.borrow().removal_hold, Duration::from_secs(90));
    }

    #[test]
    fn a_sidecar_ends_when_those_of_its_age_are_asked_to_and_a_later_one_does_not() {
        let started: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let before = |moment: &str| Settings {
            end_if_started_before: Some(moment.parse().unwrap()),
            ..Settings::default()
        };
        let (sender, receiver) = watch::channel(Settings::default());
        let mut ends = pin!(asked_to_end(receiver, started));
        assert!(ends.as_mut().now_or_never().is_none());
        for (moment, expected) in [
            ("2025-12-31T23:59:40Z", false),
            ("2026-01-01T00:00:00Z", false),
            ("2026-01-01T00:00:10Z", true),
        ] {
            sender.send_replace(before(moment));
            let ended = ends.as_mut().now_or_never().is_some();
            assert_eq!(ended, expected, "{moment}");
        }
    }

    #[test]
    fn each_difference_is_told() {
        let old = Settings::default();
        let new = Settings {
            polling_interval: Duration::from_millis(250),
            publish_to: Some("uid".into()),
            ..old.clone()
        };
        assert_eq!(
            differences(&old, &new),
            ["the adapters are looked at every 250ms (was 500ms)"]
        );
    }
}
