//! Writes Events.

use dittofs_operator_core::events::Notice;
use dittofs_shared::crd::DittoServer;
use k8s_openapi::api::events::v1::Event;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use kube::api::PostParams;
use kube::{Api, Client, Resource as _, ResourceExt as _};

use crate::observe::REQUEST_DEADLINE;

/// Name under which we report.
const CONTROLLER: &str = "dittofs-operator";
/// Longest note that the API server takes, in bytes.
const LONGEST_NOTE: usize = 1024;

/// Writes the Events. One that cannot be written is logged: it must not keep anything else from happening.
pub async fn publish(client: &Client, server: &DittoServer, notices: Vec<Notice>) {
    let api: Api<Event> = Api::namespaced(client.clone(), &server.namespace().unwrap_or_default());
    for notice in notices {
        tracing::info!(
            instance = format!(
                "{}/{}",
                server.namespace().unwrap_or_default(),
                server.name_any()
            ),
            reason = notice.reason,
            "{}",
            notice.note
        );
        let event = event(server, &notice);
        match tokio::time::timeout(REQUEST_DEADLINE, api.create(&PostParams::default(), &event))
            .await
        {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => {
                tracing::warn!(%error, reason = notice.reason, "an Event could not be written");
            }
            Err(_) => tracing::warn!(
                reason = notice.reason,
                "an Event could not be written in time"
            ),
        }
    }
}

fn event(server: &DittoServer, notice: &Notice) -> Event {
    let now = jiff::Timestamp::now();
    let mut note = notice.note.clone();
    note.truncate(note.floor_char_boundary(LONGEST_NOTE));
    Event {
        metadata: ObjectMeta {
            name: Some(format!(
                "{}.{:x}.{:08x}",
                server.name_any(),
                now.as_nanosecond(),
                rand::random::<u32>()
            )),
            namespace: server.namespace(),
            ..ObjectMeta::default()
        },
        action: Some(notice.action.clone()),
        event_time: Some(MicroTime(now)),
        note: Some(note),
        reason: Some(notice.reason.clone()),
        regarding: Some(server.object_ref(&())),
        reporting_controller: Some(CONTROLLER.to_owned()),
        reporting_instance: Some(CONTROLLER.to_owned()),
        type_: Some(notice.severity.as_str().to_owned()),
        ..Event::default()
    }
}
