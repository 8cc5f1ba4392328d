//! Writes Events.
#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "Events are created here"
)]

use dittofs_operator_core::events::Notice;
use k8s_openapi::api::events::v1::Event;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use kube::api::PostParams;
use kube::{Api, Client, Resource, ResourceExt as _};
use std::time::Duration;

use crate::apply::within_deadline;
use dittofs_operator_core::outcome::ApplyError;

/// Before an Event is sent once more.
const PAUSE: Duration = Duration::from_secs(1);
/// Name of the controller in Events.
const CONTROLLER: &str = "dittofs-operator";
/// Longest note and longest name of an instance that the API server accepts, in bytes.
const MAX_NOTE: usize = 1024;
const MAX_INSTANCE: usize = 128;

/// Writes Events in the name of this process.
#[derive(Clone)]
pub struct Recorder {
    client: Client,
    instance: String,
}

impl Recorder {
    /// `identity` names this process among its replicas, such as the name of the pod.
    pub fn new(client: Client, identity: &str) -> Self {
        Self {
            client,
            instance: shortened(identity, MAX_INSTANCE),
        }
    }

    /// Writes and logs the Events. A failure to write one is logged, and has no other effect.
    pub async fn publish(&self, server: &impl Resource<DynamicType = ()>, notices: Vec<Notice>) {
        let (name, namespace) = (server.name_any(), server.namespace().unwrap_or_default());
        let api: Api<Event> = Api::namespaced(self.client.clone(), &namespace);
        for notice in notices {
            let reason = &notice.reason;
            tracing::info!(
                instance = format!("{namespace}/{name}"),
                reason,
                "{}",
                notice.note
            );
            let event = event(server, &notice, &self.instance);
            let created = match create(&api, &event).await {
                // What it is about has been written and will not be told again.
                Err(error) if error.is_passing() => {
                    tokio::time::sleep(PAUSE).await;
                    create(&api, &event).await
                }
                created => created,
            };
            if let Err(error) = created {
                tracing::warn!(%error, reason, "cannot write an Event");
            }
        }
    }
}

/// One that is there already was created by an attempt of which the answer did not arrive.
async fn create(api: &Api<Event>, event: &Event) -> Result<(), ApplyError> {
    match within_deadline(api.create(&PostParams::default(), event)).await {
        Err(error) if error.is_conflict() => Ok(()),
        created => created.map(drop),
    }
}

fn shortened(text: &str, most: usize) -> String {
    text.split_at(text.floor_char_boundary(most)).0.to_owned()
}

fn event(server: &impl Resource<DynamicType = ()>, notice: &Notice, instance: &str) -> Event {
    let now = jiff::Timestamp::now();
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
        note: Some(shortened(&notice.note, MAX_NOTE)),
        reason: Some(notice.reason.clone()),
        regarding: Some(server.object_ref(&())),
        reporting_controller: Some(CONTROLLER.to_owned()),
        reporting_instance: Some(instance.to_owned()),
        type_: Some(notice.severity.as_str().to_owned()),
        ..Event::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_shortened_between_two_characters() {
        assert_eq!(shortened("operator-0", 128), "operator-0");
        assert_eq!(shortened("operator", 4), "oper");
        assert_eq!(shortened("aäb", 2), "a");
    }
}
