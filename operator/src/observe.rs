//! Reads only: the observed state of an instance.
#![expect(
    clippy::disallowed_methods,
    reason = "the time is a part of what is observed"
)]

mod secrets;

use dittofs_shared::settings::{publish_to, uid_of};
use dittofs_shared::{crd::DittoServer, labels, names};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::runtime::reflector::{ObjectRef, Store};
use kube::{Client, Resource, ResourceExt as _};
use std::hash::Hash;
use std::sync::Arc;

use crate::read::ReadError;
use crate::watch::{GuardedDittoServer, Optional, Presence, Stores};
use dittofs_operator_core::observed::{Observed, OptionalObjects};
use dittofs_operator_core::optional::OptionalKind;
use dittofs_operator_core::ownership::{Claimant, controller};
use dittofs_operator_core::secrets::connection;
use dittofs_operator_core::secrets::references::{secret_names, signing_key};
use secrets::read_secrets;

/// Reads everything that belongs to an instance.
///
/// # Errors
/// A Secret cannot be read. It is then unknown whether it exists, and nothing may be concluded.
pub async fn observe(
    server: &DittoServer,
    stores: &Stores,
    client: &Client,
) -> Result<Observed, ReadError> {
    let name = server.name_any();
    let namespace = server.namespace().unwrap_or_default();
    let claimant = Claimant {
        name: &name,
        uid: server.meta().uid.as_deref().unwrap_or_default(),
    };
    let named = secret_names(&name, &server.spec);
    let mut secrets = read_secrets(client, claimant, &namespace, named).await?;
    if let Some(generated) = connection::generated_for(server, &secrets) {
        secrets.extend(read_secrets(client, claimant, &namespace, vec![generated]).await?);
    }
    let ours = |metadata: &ObjectMeta| claimant.has(metadata);
    let settings = find(&stores.config_maps, &names::sidecar(&name), &namespace);
    let publish_to = settings
        .filter(|settings| ours(&settings.metadata))
        .and_then(|settings| publish_to(settings.data.as_ref()?).map(str::to_owned));
    let published = |metadata: &ObjectMeta| {
        let uid = publish_to.as_deref().and_then(uid_of);
        ours(metadata) || (uid.is_some() && metadata.uid.as_deref() == uid)
    };
    Ok(Observed {
        at: Timestamp::now(),
        adapters: find(&stores.config_maps, &names::adapters(&name), &namespace)
            .filter(|config_map| published(&config_map.metadata)),
        stateful_set: find(&stores.stateful_sets, &name, &namespace)
            .filter(|stateful_set| ours(&stateful_set.metadata)),
        pod: find(&stores.pods, &names::pod(&name), &namespace)
            .filter(|pod| may_be_of(&name, &pod.metadata)),
        publish_to,
        claims: selected(&stores.claims, |claim| {
            claim.namespace().as_deref() == Some(&namespace)
                && claim.labels().get(labels::INSTANCE) == Some(&name)
        }),
        adapter_services: selected(&stores.services, |service| {
            service.namespace() == server.namespace()
                && ours(&service.metadata)
                && service.labels().contains_key(labels::ADAPTER)
        }),
        network_policies: selected(&stores.network_policies, |policy| {
            policy.namespace() == server.namespace() && ours(&policy.metadata)
        }),
        secrets,
        key_sharers: key_sharers(server, &stores.servers),
        optional: optional(claimant, &namespace, &stores.optional),
        server: server.clone(),
    })
}

/// Some objects of a kind, sorted by name: their order in the cache is arbitrary, and no message may depend on it.
fn selected<K>(store: &Store<K>, is_wanted: impl Fn(&K) -> bool) -> Vec<Arc<K>>
where
    K: Resource<DynamicType: Eq + Hash + Clone> + Clone + 'static,
{
    let mut found = store.state_filter(is_wanted);
    found.sort_unstable_by_key(|object| object.name_any());
    found
}

/// The StatefulSet that controls a pod may be one that is just being recreated: its uid does not count here.
fn may_be_of(stateful_set: &str, pod: &ObjectMeta) -> bool {
    controller(pod).is_none_or(|owner| owner.kind == "StatefulSet" && owner.name == stateful_set)
}

fn optional(claimant: Claimant<'_>, namespace: &str, known: &Optional) -> OptionalObjects {
    let mut found = OptionalObjects::default();
    for kind in OptionalKind::ALL {
        match (kind, known.of(kind)) {
            (_, Presence::Absent(absence)) => {
                found.absent.insert(kind, absence);
            }
            (OptionalKind::PerconaPGCluster, Presence::Present(store)) => {
                let name = names::percona_cluster(claimant.name);
                let key = ObjectRef::new_with(&name, kind.resource()).within(namespace);
                found.percona = store.get(&key);
            }
            (_, Presence::Present(store)) => {
                let owned = selected(&store, |object| {
                    object.namespace().as_deref() == Some(namespace)
                        && claimant.has(&object.metadata)
                });
                found.owned.insert(kind, owned);
            }
        }
    }
    found
}

/// Only instances in our scope are seen.
fn key_sharers(server: &DittoServer, servers: &Store<GuardedDittoServer>) -> Vec<String> {
    let key = |server: &DittoServer| signing_key(&server.name_any(), &server.spec);
    let own = key(server);
    let shares = |other: &DittoServer| {
        let key = key(other);
        other.namespace() == server.namespace()
            && other.uid() != server.uid()
            && (key.name, key.part) == (own.name.clone(), own.part.clone())
    };
    let state = servers.state();
    let others = state.iter().filter_map(|other| other.0.as_ref().ok());
    let mut names: Vec<_> = others
        .filter(|other| shares(other))
        .map(kube::ResourceExt::name_any)
        .collect();
    names.sort();
    names
}

fn find<K>(store: &Store<K>, name: &str, namespace: &str) -> Option<Arc<K>>
where
    K: Resource<DynamicType = ()> + Clone + 'static,
    K::DynamicType: Eq + Hash + Clone,
{
    store.get(&ObjectRef::new(name).within(namespace))
}
