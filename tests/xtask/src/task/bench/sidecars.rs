//! Plays the sidecars of all instances: publishes in the name of each, with its own rights.

use super::Error;
use super::added;
use super::instances::Place;
use dittofs_rig::wait_for;
use http::{Request, header};
use k8s_openapi::api::apps::v1::StatefulSet;
use kube::{Api, Client, ResourceExt as _};
use serde_json::json;
use std::convert::Infallible;
use std::time::Duration;

/// Port of SMB in the pod.
pub const SMB: u16 = 1445;
/// The other one, for changes.
pub const OTHER_SMB: u16 = 1446;
const SIDE_BY_SIDE: usize = 32;
const PATIENCE: Duration = Duration::from_mins(5);
const MANAGED: &str = "app.kubernetes.io/managed-by=dittofs-operator";

/// Publishes two adapters for each instance whose StatefulSet appears: that is when a pod would start.
///
/// # Errors
/// The API server refuses.
pub async fn serve(client: &Client) -> Result<Infallible, Error> {
    let sets: Api<StatefulSet> = Api::all(client.clone());
    added::each(&sets, MANAGED, SIDE_BY_SIDE, |set| async move {
        let place = Place {
            namespace: set.namespace().unwrap_or_default(),
            name: set.name_any(),
        };
        publish_first(client, &place).await
    })
    .await
}

/// The account gets its rights, and the ConfigMap is made, at about the same time as the StatefulSet.
async fn publish_first(client: &Client, place: &Place) -> Result<(), Error> {
    wait_for("the rights of a sidecar", PATIENCE, || async {
        let published = publish(client, place, SMB).await;
        published.map_err(|error| error.to_string())
    })
    .await?;
    Ok(())
}

/// Publishes the state of two adapters.
///
/// # Errors
/// The API server refuses.
pub async fn publish(client: &Client, place: &Place, smb: u16) -> Result<(), Error> {
    let Place { namespace, name } = place;
    let adapters = format!(
        "[\n{{\"type\":\"nfs\",\"port\":12049,\"enabled\":true,\"running\":true}},\n{{\"type\":\"smb\",\"port\":{smb},\"enabled\":true,\"running\":true}}\n]\n"
    );
    let state = json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": format!("{name}-adapters")},
        "data": {
            "schema": "v1", "adapters": adapters,
            "server": "{\"status\":\"reachable\",\"since\":\"2026-01-01T00:00:00Z\"}",
        },
    });
    let path = format!(
        "/api/v1/namespaces/{namespace}/configmaps/{name}-adapters?fieldManager=dittofs-sidecar&force=true"
    );
    let request = Request::patch(path)
        .header(header::CONTENT_TYPE, "application/apply-patch+yaml")
        // One connection for all of them; RBAC judges each by its own account.
        .header(
            "impersonate-user",
            format!("system:serviceaccount:{namespace}:{name}-sidecar"),
        )
        .body(state.to_string().into_bytes())?;
    client.request_text(request).await?;
    Ok(())
}

/// Runs a scenario while the sidecars publish.
///
/// # Errors
/// That of the scenario, or of the sidecars.
pub async fn during<T>(
    client: &Client,
    scenario: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    tokio::select! {
        ended = serve(client) => match ended? {},
        outcome = scenario => outcome,
    }
}
