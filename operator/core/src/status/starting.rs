//! A server that takes its time to start.

use dittofs_shared::Duration;
use k8s_openapi::api::core::v1::ContainerStatus;

use super::pod::container::crashes;
use super::{Finding, Reason, View};
use crate::pod_status;

/// The finding while the server container is running and not up yet. `None`: there is no such container, or it
/// crashes.
pub(super) fn starting(view: &View<'_>) -> Option<Finding> {
    let server = pod_status::server(view.pod?)?;
    // Why it crashes is more important than that it is being started again.
    let message = (!crashes(server))
        .then(|| message(server, &view.instance.spec.startup_timeout))
        .flatten()?;
    Some(Finding::no(Reason::ServerStarting, message))
}

/// The same text for as long as the container runs: an elapsed time would be a write of the status each time.
fn message(server: &ContainerStatus, timeout: &Duration) -> Option<String> {
    let running = server.state.as_ref()?.running.as_ref()?;
    if server.started == Some(true) {
        return None;
    }
    let since = running.started_at.as_ref();
    let since = since.map_or_else(String::new, |time| format!(" since {}", time.0));
    let before = match server.restart_count {
        0 => String::new(),
        1 => ". It has been restarted once".to_owned(),
        restarts => format!(". It has been restarted {restarts} times"),
    };
    Some(format!(
        "the server has been starting{since} and is opening its stores. It is restarted if that takes longer than spec.startupTimeout \
         ({timeout}){before}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_long_start_is_explained() {
        let timeout = std::time::Duration::from_hours(1).into();
        let running = json!({"running": {"startedAt": "2026-01-02T03:04:05Z"}});
        for (started, state, restarts, end) in [
            (Some(false), &running, 0, Some("(3600s)")),
            (None, &running, 1, Some("It has been restarted once")),
            (
                Some(false),
                &running,
                3,
                Some("It has been restarted 3 times"),
            ),
            (Some(true), &running, 0, None),
            (
                Some(false),
                &json!({"waiting": {"reason": "CrashLoopBackOff"}}),
                3,
                None,
            ),
        ] {
            let container = serde_json::from_value(json!({
                "name": "dittofs", "image": "", "imageID": "", "ready": false, "restartCount": restarts,
                "started": started, "state": state,
            }))
            .unwrap();
            let said = message(&container, &timeout);
            assert_eq!(said.is_some(), end.is_some(), "{state} {said:?}");
            let said = said.unwrap_or_default();
            assert!(said.ends_with(end.unwrap_or_default()), "{said}");
            assert!(
                end.is_none() || said.contains("since 2026-01-02T03:04:05Z"),
                "{said}"
            );
        }
    }
}
