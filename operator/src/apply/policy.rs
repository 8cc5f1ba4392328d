//! NetworkPolicies, of which nothing may be more or less than desired.

use k8s_openapi::api::networking::v1::NetworkPolicy;
use kube::ResourceExt as _;

use super::Applied;
use super::request::Put;
use super::write::Writer;
use crate::cache::Cache;

impl Writer<'_> {
    /// Applies the policies in order. Stops at one that does not exist yet and cannot be created: a later one would
    /// close what this one should have opened.
    pub async fn put_policies(
        &self,
        cache: &Cache<NetworkPolicy>,
        policies: &[NetworkPolicy],
    ) -> Applied {
        let mut applied = Applied::default();
        for policy in policies {
            let put = self.put(Put::new(cache, &whole(policy))).await;
            let namespace = &self.instance.namespace;
            let missing = put.is_err() && !cache.has(namespace, &policy.name_any());
            applied.record(put);
            if missing {
                break;
            }
        }
        applied
    }
}

/// Writes "no rules" as an empty list. Without the list, rules that another writer has added would stay.
fn whole(policy: &NetworkPolicy) -> NetworkPolicy {
    let mut policy = policy.clone();
    let spec = policy.spec.get_or_insert_default();
    spec.ingress.get_or_insert_default();
    spec.egress.get_or_insert_default();
    policy
}
