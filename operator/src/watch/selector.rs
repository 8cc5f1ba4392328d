//! Whether the API server accepts the label selector of the command line, so that the operator need not parse it.

use dittofs_shared::crd::DittoServer;
use kube::api::ListParams;
use kube::{Api, Client};

use crate::REQUEST_DEADLINE;
use crate::scope::Scope;
use dittofs_runtime::api_error::ApiError;

/// The API server refuses the selector.
#[derive(Debug, thiserror::Error)]
#[error(
    "--selector {selector:?} (or DITTOFS_OPERATOR_SELECTOR) is not a label selector such as shard=a or 'shard in (a,b)': {reason}"
)]
pub struct InvalidSelector {
    selector: String,
    reason: String,
}

/// Asks for one `DittoServer` at most. Without an answer within [`REQUEST_DEADLINE`], the watches will show whether the selector
/// is valid.
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
    let selector = scope.selector();
    match tokio::time::timeout(REQUEST_DEADLINE, servers.list_metadata(&parameters)).await {
        Ok(Err(kube::Error::Api(status))) if status.reason == "BadRequest" => {
            return Err(InvalidSelector {
                selector: selector.to_owned(),
                reason: status.message.clone(),
            });
        }
        Ok(Err(error)) => {
            let error = ApiError(&error);
            tracing::warn!(%error, selector, "cannot check the label selector; continuing without the check");
        }
        Err(_) => tracing::warn!(
            selector,
            "cannot check the label selector: no answer in time; continuing without the check"
        ),
        Ok(Ok(_)) => {}
    }
    Ok(())
}
