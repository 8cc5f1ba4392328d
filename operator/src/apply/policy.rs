//! NetworkPolicies, of which nothing may be more or less than desired.

use k8s_openapi::api::networking::v1::NetworkPolicy;
use kube::runtime::reflector::{ObjectRef, Store};

use super::Applied;
use super::write::Writer;

impl Writer<'_> {
    /// Applies the policies in their order. One that is not there yet and cannot be made ends it: a later one would
    /// close what this one should have opened.
    pub async fn put_policies(
        &self,
        store: &Store<NetworkPolicy>,
        policies: &[NetworkPolicy],
        applied: &mut Applied,
    ) {
        for policy in policies {
            let put = self.put(store, &whole(policy)).await;
            let missing = put.is_err() && store.get(&ObjectRef::from_obj(policy)).is_none();
            applied.note(put);
            if missing {
                return;
            }
        }
    }
}

/// No rule at all is said as an empty list. Nothing would be said by leaving the list out, and rules that somebody has
/// added there would stay.
fn whole(policy: &NetworkPolicy) -> NetworkPolicy {
    let mut policy = policy.clone();
    let spec = policy.spec.get_or_insert_default();
    spec.ingress.get_or_insert_default();
    spec.egress.get_or_insert_default();
    policy
}
