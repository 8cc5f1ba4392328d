//! Whether the API server accepts the label selector of the command line, so that the operator need not parse it.

use dittofs_shared::crd::DittoServer;
use kube::api::ListParams;
use kube::{Api, Client};

use crate::scope::Scope;

/// The API server refuses the selector.
#[derive(Debug, thiserror::Error)]
#[error(
    "--selector {selector:?} (or DITTOFS_OPERATOR_SELECTOR) is not a label selector such as shard=a or 'shard in (a,b)': {reason}"
)]
pub struct InvalidSelector {
    selector: String,
    reason: String,
}

/// Requests at most one `DittoServer`. If there is no answer, the watches retry.
///
/// # Errors
/// The API server refuses the selector.
pub async fn check(client: &Client, scope: &Scope) -> Result<(), InvalidSelector> {
    if scope.selector().is_empty() {
        return Ok(());
    }
    // In a namespace that the operator has rights in.
    let servers: Api<DittoServer> = match scope.namespaces().next() {
        Some(namespace) => Api::namespaced(client.clone(), namespace),
        None => Api::all(client.clone()),
    };
    let parameters = ListParams::default().labels(scope.selector()).limit(1);
    match servers.list_metadata(&parameters).await {
        Err(kube::Error::Api(status)) if status.code == 400 => Err(InvalidSelector {
            selector: scope.selector().to_owned(),
            reason: status.message.clone(),
        }),
        Err(error) => {
            tracing::warn!(%error, selector = scope.selector(), "cannot check the label selector; continuing without the check");
            Ok(())
        }
        Ok(_) => Ok(()),
    }
}
