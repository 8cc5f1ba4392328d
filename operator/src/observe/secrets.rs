//! Reads Secrets. Only digests are kept, no contents.

use k8s_openapi::api::core::v1::Secret;
use kube::{Api, Client};
use std::collections::BTreeMap;

use crate::read::{ReadError, within_deadline};
use crate::secrets::KnownSecrets;
use dittofs_operator_core::ownership::Claimant;
use dittofs_operator_core::secrets::SecretFacts;

/// Reads the Secrets of one instance.
pub(super) struct Reader<'a> {
    pub client: &'a Client,
    pub claimant: Claimant<'a>,
    pub namespace: &'a str,
}

impl Reader<'_> {
    /// Secrets by name, read unless they are known. Those that do not exist are left out.
    pub async fn read(
        &self,
        names: Vec<String>,
        known: &mut KnownSecrets,
    ) -> Result<BTreeMap<String, SecretFacts>, ReadError> {
        let unknown = names.iter().filter(|name| known.get(name).is_none());
        let reads = unknown.map(|name| self.read_one(name.clone()));
        for (name, facts) in futures::future::try_join_all(reads).await? {
            known.learn(name, facts);
        }
        let found = names.into_iter().filter_map(|name| {
            let facts = known.get(&name).flatten()?.clone();
            Some((name, facts))
        });
        Ok(found.collect())
    }

    async fn read_one(&self, name: String) -> Result<(String, Option<SecretFacts>), ReadError> {
        let api: Api<Secret> = Api::namespaced(self.client.clone(), self.namespace);
        let what = || format!("Secret {}/{name}", self.namespace);
        let secret = within_deadline(what, api.get_opt(&name)).await?;
        let facts = secret.map(|secret| SecretFacts::of(&secret, self.claimant));
        Ok((name, facts))
    }
}
