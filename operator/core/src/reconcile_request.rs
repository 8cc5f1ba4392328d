//! Pure: whether an annotation requests a reconcile that applies every object again.

use dittofs_shared::crd::{DittoServer, DittoServerStatus};
use dittofs_shared::labels;
use kube::ResourceExt as _;

/// The value of the annotation, unless it was handled already.
pub fn of(server: &DittoServer) -> Option<&str> {
    let requested = server.annotations().get(labels::RECONCILE_NOW)?;
    let handled = server.status.as_ref().and_then(handled);
    (handled != Some(requested.as_str())).then_some(requested)
}

/// The value that was handled last.
pub fn handled(status: &DittoServerStatus) -> Option<&str> {
    status.last_handled_reconcile_at.as_deref()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[test]
    fn a_value_counts_until_it_has_been_handled() {
        let one = || json!({labels::RECONCILE_NOW: "1"});
        for (annotations, status, expected) in [
            (json!({}), Value::Null, None),
            (json!({}), json!({"lastHandledReconcileAt": "1"}), None),
            (one(), Value::Null, Some("1")),
            (one(), json!({}), Some("1")),
            (one(), json!({"lastHandledReconcileAt": "0"}), Some("1")),
            (one(), json!({"lastHandledReconcileAt": "1"}), None),
        ] {
            let server: DittoServer = serde_json::from_value(json!({
                "apiVersion": "dittofs.dittofs.com/v1alpha1", "kind": "DittoServer",
                "metadata": {"name": "files", "annotations": annotations},
                "spec": {"storage": {"metadataSize": "1Gi"}}, "status": status,
            }))
            .unwrap();
            assert_eq!(of(&server), expected, "{annotations} {status}");
        }
    }
}
