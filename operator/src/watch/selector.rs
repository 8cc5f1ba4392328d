//! Whether the API server accepts the label selector of the command line, so that the operator need not parse it.

use dittofs_shared::crd::DittoServer;
use kube::api::ListParams;
use kube::{Api, Client};

use crate::REQUEST_DEADLINE;
use crate::scope::Scope;
use dittofs_operator_core::outcome::code;
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
    let parameters = ListParams::default().labels(scope.selector()).limit(1);
    for servers in places(client, scope) {
        let request = tokio::time::timeout(REQUEST_DEADLINE, servers.list_metadata(&parameters));
        match request.await {
            Ok(Err(kube::Error::Api(status))) if status.reason == "BadRequest" => {
                return Err(InvalidSelector {
                    selector: scope.selector().to_owned(),
                    reason: status.message.clone(),
                });
            }
            // Another namespace may have the rights that this one lacks.
            Ok(Err(kube::Error::Api(status))) if status.code == code::FORBIDDEN => {}
            Ok(Err(error)) => return unchecked(scope, &ApiError(&error).to_string()),
            Err(_) => return unchecked(scope, "no answer in time"),
            Ok(Ok(_)) => return Ok(()),
        }
    }
    unchecked(scope, "no rights to list DittoServers")
}

/// Where to ask.
fn places(client: &Client, scope: &Scope) -> Vec<Api<DittoServer>> {
    let one = |namespace| Api::namespaced(client.clone(), namespace);
    let mut places: Vec<_> = scope.namespaces().map(one).collect();
    if places.is_empty() {
        places.push(Api::all(client.clone()));
    }
    places
}

#[expect(clippy::unnecessary_wraps, reason = "the end of every way but one")]
fn unchecked(scope: &Scope, error: &str) -> Result<(), InvalidSelector> {
    let selector = scope.selector();
    tracing::warn!(
        error,
        selector,
        "cannot check the label selector; continuing without the check"
    );
    Ok(())
}
