//! NetworkPolicies, of which nothing may be more or less than desired.

use k8s_openapi::api::networking::v1::NetworkPolicy;
use kube::runtime::reflector::{ObjectRef, Store};

use super::Applied;
use super::request::Put;
use super::write::Writer;

impl Writer<'_> {
    /// Applies the policies in order. Stops at one that does not exist yet and cannot be created: a later one would
    /// close what this one should have opened.
    pub async fn put_policies(
        &self,
        store: &Store<NetworkPolicy>,
        policies: &[NetworkPolicy],
        applied: &mut Applied,
    ) {
        for policy in policies {
            let put = self.put(Put::new(store, &whole(policy))).await;
            let missing = put.is_err() && store.get(&ObjectRef::from_obj(policy)).is_none();
            applied.record(put);
            if missing {
                return;
            }
        }
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
