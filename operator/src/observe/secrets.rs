//! Reads Secrets. Only digests are kept, no contents.

use k8s_openapi::api::core::v1::Secret;
use kube::{Api, Client, ResourceExt as _};
use std::collections::BTreeMap;

use crate::read::{ReadError, within_deadline};
use dittofs_operator_core::ownership::Claimant;
use dittofs_operator_core::secrets::{KeyFacts, SecretFacts};

/// Reads Secrets by name. Those that do not exist are left out.
pub(super) async fn read_secrets(
    client: &Client,
    claimant: Claimant<'_>,
    namespace: &str,
    names: Vec<String>,
) -> Result<BTreeMap<String, SecretFacts>, ReadError> {
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
) -> Result<Option<(String, SecretFacts)>, ReadError> {
    let what = || format!("Secret {namespace}/{name}");
    let secret = within_deadline(what, api.get_opt(&name)).await?;
    Ok(secret.map(|secret| (name, facts(&secret, claimant))))
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
