//! Reads Secrets. Only digests are kept, no contents.

use k8s_openapi::api::core::v1::Secret;
use kube::{Api, Client, ResourceExt as _};
use std::collections::BTreeMap;

use crate::REQUEST_DEADLINE;
use dittofs_operator_core::ownership::Claimant;
use dittofs_operator_core::secrets::{KeyFacts, SecretFacts};

/// Why an instance could not be observed.
#[derive(Debug, thiserror::Error)]
pub enum ObserveError {
    /// A Secret could not be read. A missing one is no error here.
    #[error("cannot read Secret {namespace}/{name}")]
    Secret {
        /// Namespace of the Secret.
        namespace: String,
        /// Name of the Secret.
        name: String,
        /// What the API server said.
        #[source]
        source: Box<kube::Error>,
    },
    /// The API server did not answer in time.
    #[error("cannot read Secret {namespace}/{name}: the API server did not answer within {} s", REQUEST_DEADLINE.as_secs())]
    Deadline {
        /// Namespace of the Secret.
        namespace: String,
        /// Name of the Secret.
        name: String,
    },
}

/// Reads Secrets by name. Those that do not exist are left out.
pub(super) async fn read_secrets(
    client: &Client,
    claimant: Claimant<'_>,
    namespace: &str,
    names: Vec<String>,
) -> Result<BTreeMap<String, SecretFacts>, ObserveError> {
    let api: Api<Secret> = Api::namespaced(client.clone(), namespace);
    let reads = names
        .into_iter()
        .map(|name| read_secret(&api, claimant, namespace, name));
    let found = futures::future::try_join_all(reads).await?;
    Ok(found.into_iter().flatten().collect())
}

async fn read_secret(
    api: &Api<Secret>,
    claimant: Claimant<'_>,
    namespace: &str,
    name: String,
) -> Result<Option<(String, SecretFacts)>, ObserveError> {
    match tokio::time::timeout(REQUEST_DEADLINE, api.get_opt(&name)).await {
        Ok(Ok(secret)) => Ok(secret.map(|secret| (name, facts(&secret, claimant)))),
        Ok(Err(source)) => Err(ObserveError::Secret {
            namespace: namespace.to_owned(),
            name,
            source: Box::new(source),
        }),
        Err(_) => Err(ObserveError::Deadline {
            namespace: namespace.to_owned(),
            name,
        }),
    }
}

fn facts(secret: &Secret, claimant: Claimant<'_>) -> SecretFacts {
    let keys = secret.data.iter().flatten();
    let keys = keys.map(|(key, value)| (key.clone(), KeyFacts::of(&value.0)));
    SecretFacts {
        keys: keys.collect(),
        resource_version: secret.resource_version(),
        ownership: claimant.ownership_of(&secret.metadata),
    }
}
