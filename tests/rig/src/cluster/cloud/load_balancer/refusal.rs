//! What the service controller of Kubernetes says of a load balancer that its cloud refuses: one Event, which counts
//! the attempts.

use super::{Error, REFUSED};
use k8s_openapi::api::core::v1::{Event, EventSource, Service};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use kube::api::{Api, Patch, PatchParams, PostParams};
use kube::{Client, Resource as _, ResourceExt as _};
use serde_json::json;
use std::time::Duration;

/// After which it tries again. The real one takes longer each time.
pub(super) const RETRY: Duration = Duration::from_secs(5);
const CONTROLLER: &str = "service-controller";

pub(super) async fn tell(client: &Client, service: &Service, reason: &str) -> Result<(), Error> {
    let namespace = service.namespace().unwrap_or_default();
    let api: Api<Event> = Api::namespaced(client.clone(), &namespace);
    let event = first(service, reason);
    let name = event.name_any();
    let Some(known) = api.get_opt(&name).await? else {
        api.create(&PostParams::default(), &event).await?;
        return Ok(());
    };
    let again = json!({
        "count": known.count.unwrap_or_default() + 1,
        "lastTimestamp": event.last_timestamp,
        "message": event.message,
    });
    api.patch(&name, &PatchParams::default(), &Patch::Merge(again))
        .await?;
    Ok(())
}

fn first(service: &Service, reason: &str) -> Event {
    let now = Some(Time(jiff::Timestamp::now()));
    Event {
        metadata: ObjectMeta {
            name: Some(format!(
                "{}.{}",
                service.name_any(),
                service.uid().unwrap_or_default()
            )),
            namespace: service.namespace(),
            ..ObjectMeta::default()
        },
        involved_object: service.object_ref(&()),
        type_: Some("Warning".to_owned()),
        reason: Some(REFUSED.to_owned()),
        message: Some(format!(
            "Error syncing load balancer: failed to ensure load balancer: {reason}"
        )),
        source: Some(EventSource {
            component: Some(CONTROLLER.to_owned()),
            ..EventSource::default()
        }),
        reporting_component: Some(CONTROLLER.to_owned()),
        first_timestamp: now.clone(),
        last_timestamp: now,
        count: Some(1),
        ..Event::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_worded_as_the_real_one_is() {
        let service: Service = serde_json::from_value(
            json!({"metadata": {"name": "files-smb", "namespace": "n", "uid": "u"}}),
        )
        .unwrap();
        let event = first(&service, "no address is left");
        assert_eq!(event.involved_object.kind.as_deref(), Some("Service"));
        assert_eq!(
            event.message.as_deref(),
            Some("Error syncing load balancer: failed to ensure load balancer: no address is left")
        );
    }
}
