//! When a cluster counts as ready, and the one right its node needs.

use crate::cluster::access::Access;
use crate::cluster::network::NODE_NAME;
use crate::cluster::{Error, Mode};
use k8s_openapi::api::core::v1::{Node, ServiceAccount};
use k8s_openapi::api::rbac::v1::ClusterRoleBinding;
use kube::api::{Api, Patch, PatchParams};
use kube::{Client, ResourceExt};
use serde_json::json;

/// What the rig signs its own objects with.
pub(crate) const FIELD_MANAGER: &str = "dittofs-rig";

/// The API server answers and says it is ready.
pub(crate) async fn api_server(client: Client, _: Mode) -> Result<(), String> {
    let request = http::Request::get("/readyz")
        .body(Vec::new())
        .map_err(|e| e.to_string())?;
    match client.request_text(request).await {
        Ok(answer) if answer == "ok" => Ok(()),
        Ok(answer) => Err(answer),
        Err(error) => Err(describe(&error)),
    }
}

/// Pods can be made, and run if there is a node.
pub(crate) async fn cluster(client: Client, mode: Mode) -> Result<(), String> {
    let accounts: Api<ServiceAccount> = Api::namespaced(client.clone(), "default");
    if let Err(error) = accounts.get("default").await {
        return Err(format!(
            "no ServiceAccount default/default: {}",
            describe(&error)
        ));
    }
    match mode {
        Mode::ControlPlane => Ok(()),
        Mode::Node => match Api::<Node>::all(client).get(NODE_NAME).await {
            Ok(node) => judge(&node),
            Err(error) => Err(format!("no node {NODE_NAME}: {}", describe(&error))),
        },
    }
}

/// The classic rights of nodes, by group, instead of a bootstrap of single ones.
pub(crate) async fn admit_nodes(access: &Access) -> Result<(), Error> {
    let binding = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": "rig:nodes"},
        "roleRef": {
            "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "system:node",
        },
        "subjects": [
            {"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": "system:nodes"},
        ],
    });
    let api: Api<ClusterRoleBinding> = Api::all(access.rig_client()?);
    api.patch(
        "rig:nodes",
        &PatchParams::apply(FIELD_MANAGER),
        &Patch::Apply(binding),
    )
    .await
    .map_err(|e| Error::Setup {
        doing: "give nodes their rights",
        source: Box::new(e),
    })?;
    Ok(())
}

/// Ready, and no longer tainted: a pod made now is scheduled at once.
fn judge(node: &Node) -> Result<(), String> {
    let conditions = node
        .status
        .as_ref()
        .and_then(|status| status.conditions.as_deref());
    let ready = conditions
        .unwrap_or_default()
        .iter()
        .find(|c| c.type_ == "Ready");
    let taints = node
        .spec
        .as_ref()
        .and_then(|spec| spec.taints.as_deref())
        .unwrap_or_default();
    match ready {
        None => Err(format!("{} has no condition Ready yet", node.name_any())),
        Some(ready) if ready.status != "True" => Err(format!(
            "{} is not ready: {}",
            node.name_any(),
            ready.message.as_deref().unwrap_or("no message")
        )),
        Some(_) => match taints.first() {
            Some(taint) => Err(format!("{} has the taint {}", node.name_any(), taint.key)),
            None => Ok(()),
        },
    }
}

fn describe(error: &kube::Error) -> String {
    match error {
        kube::Error::Api(status) => {
            format!("{} ({})", status.message, status.code)
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(ready: Option<&str>, taint: Option<&str>) -> Node {
        let conditions: Vec<_> = ready
            .map(|status| json!({"type": "Ready", "status": status, "message": "CNI is not there"}))
            .into_iter()
            .collect();
        let taints: Vec<_> = taint
            .map(|key| json!({"key": key, "effect": "NoSchedule"}))
            .into_iter()
            .collect();
        serde_json::from_value(json!({
            "metadata": {"name": "node0"},
            "spec": {"taints": taints},
            "status": {"conditions": conditions},
        }))
        .unwrap()
    }

    #[test]
    fn a_node_counts_once_it_is_ready_and_untainted() {
        assert!(
            judge(&node(None, None))
                .unwrap_err()
                .contains("no condition")
        );
        assert!(
            judge(&node(Some("False"), None))
                .unwrap_err()
                .contains("CNI is not there")
        );
        let tainted = node(Some("True"), Some("node.kubernetes.io/not-ready"));
        assert!(judge(&tainted).unwrap_err().contains("not-ready"));
        assert_eq!(judge(&node(Some("True"), None)), Ok(()));
    }
}
