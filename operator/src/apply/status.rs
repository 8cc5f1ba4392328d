//! The status of a `DittoServer`.

use dittofs_shared::crd::{DittoServer, DittoServerStatus};
use dittofs_shared::labels;
use kube::api::{Patch, PatchParams};
use kube::{Api, Client, Resource, ResourceExt as _};
use serde_json::json;

use super::request::within_deadline;
use crate::cache::Cache;
use crate::server::Server;
use dittofs_operator_core::outcome::ApplyError;

/// Writes the status of a `DittoServer`, unless it has been deleted meanwhile.
///
/// # Errors
/// The API server refuses.
pub async fn write_status(
    client: &Client,
    servers: &Cache<Server>,
    server: &impl Resource<DynamicType = ()>,
    status: &DittoServerStatus,
) -> Result<(), ApplyError> {
    let (name, namespace) = (server.name_any(), server.namespace().unwrap_or_default());
    let api: Api<DittoServer> = Api::namespaced(client.clone(), &namespace);
    let body = json!({
        "apiVersion": DittoServer::api_version(&()),
        "kind": DittoServer::kind(&()),
        "metadata": {"name": name, "namespace": namespace},
        "status": status,
    });
    let parameters = PatchParams::apply(labels::STATUS_MANAGER).force();
    let ticket = servers.ticket();
    match within_deadline(api.patch_status(&name, &parameters, &Patch::Apply(body))).await {
        Err(error) if error.is_not_found() => Ok(()),
        result => result.map(|now| servers.learn(ticket, &Server::of(now))),
    }
}
