//! Reads only: the observed state of an instance.
#![expect(
    clippy::disallowed_methods,
    reason = "the time is a part of what is observed"
)]

mod secrets;
mod warnings;

use dittofs_shared::settings::{publish_to, uid_of};
use dittofs_shared::{crd::DittoServer, labels, names};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::ConfigMap;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::{Client, Resource as _, ResourceExt as _};
use std::collections::BTreeMap;
use std::sync::Arc;

use crate::read::ReadError;
use crate::secrets::KnownSecrets;
use crate::watch::{Caches, Optional, Presence};
use dittofs_operator_core::observed::{Observed, OptionalObjects};
use dittofs_operator_core::optional::OptionalKind;
use dittofs_operator_core::ownership::{Claimant, controller};
use dittofs_operator_core::secrets::SecretFacts;
use dittofs_operator_core::secrets::connection;
use dittofs_operator_core::secrets::references::secret_names;
use secrets::Reader;
pub use warnings::warnings;

/// Reads everything that belongs to an instance: from the caches, and Secrets of which nothing is known yet from the
/// API server.
///
/// # Errors
/// A Secret cannot be read. It is then unknown whether it exists, and nothing may be concluded.
pub async fn observe(
    server: &DittoServer,
    caches: &Caches,
    client: &Client,
    known: &mut KnownSecrets,
) -> Result<Observed, ReadError> {
    let name = server.name_any();
    let namespace = server.namespace().unwrap_or_default();
    let claimant = Claimant {
        name: &name,
        uid: server.meta().uid.as_deref().unwrap_or_default(),
    };
    let secrets = self::secrets(server, client, known).await?;
    let (publish_to, adapters) = published(caches, claimant, &namespace);
    let ours = |metadata: &ObjectMeta| claimant.has(metadata);
    let mut claims = caches.claims.of_instance(&namespace, &name);
    claims.retain(|claim| claim.labels().get(labels::INSTANCE) == Some(&name));
    let mut adapter_services = caches.services.of_instance(&namespace, &name);
    adapter_services.retain(|service| {
        ours(&service.metadata) && service.labels().contains_key(labels::ADAPTER)
    });
    let mut network_policies = caches.network_policies.of_instance(&namespace, &name);
    network_policies.retain(|policy| ours(&policy.metadata));
    let stateful_set = caches.stateful_sets.get(&namespace, &name);
    let pod = caches.pods.get(&namespace, &names::pod(&name));
    Ok(Observed {
        at: Timestamp::now(),
        adapters,
        stateful_set: stateful_set.filter(|stateful_set| ours(&stateful_set.metadata)),
        pod: pod.filter(|pod| may_be_of(&name, &pod.metadata)),
        publish_to,
        claims,
        adapter_services,
        network_policies,
        secrets,
        key_sharers: caches.signing_keys.sharers(&namespace, &name),
        optional: optional(claimant, &namespace, &caches.optional),
        server: server.clone(),
    })
}

/// The Secrets of an instance: those that are not known yet are read from the API server.
///
/// # Errors
/// One cannot be read.
pub async fn secrets(
    server: &DittoServer,
    client: &Client,
    known: &mut KnownSecrets,
) -> Result<BTreeMap<String, SecretFacts>, ReadError> {
    let (name, namespace) = (server.name_any(), server.namespace().unwrap_or_default());
    let reader = Reader {
        client,
        claimant: Claimant {
            name: &name,
            uid: server.meta().uid.as_deref().unwrap_or_default(),
        },
        namespace: &namespace,
    };
    let named = secret_names(&name, &server.spec);
    let mut secrets = reader.read(named, known).await?;
    if let Some(generated) = connection::generated_for(server, &secrets) {
        secrets.extend(reader.read(vec![generated], known).await?);
    }
    Ok(secrets)
}

/// Where the sidecar publishes, as its settings say, and what it has published.
fn published(
    caches: &Caches,
    claimant: Claimant<'_>,
    namespace: &str,
) -> (Option<String>, Option<Arc<ConfigMap>>) {
    let config_maps = &caches.config_maps;
    let settings = config_maps.get(namespace, &names::sidecar(claimant.name));
    let publish_to = settings
        .filter(|settings| claimant.has(&settings.metadata))
        .and_then(|settings| publish_to(settings.data.as_ref()?).map(str::to_owned));
    let uid = publish_to.as_deref().and_then(uid_of);
    let adapters = config_maps
        .get(namespace, &names::adapters(claimant.name))
        .filter(|adapters| {
            let metadata = &adapters.metadata;
            claimant.has(metadata) || (uid.is_some() && metadata.uid.as_deref() == uid)
        });
    (publish_to, adapters)
}

/// The StatefulSet that controls a pod may be one that is just being recreated: its uid does not count here.
fn may_be_of(stateful_set: &str, pod: &ObjectMeta) -> bool {
    controller(pod).is_none_or(|owner| owner.kind == "StatefulSet" && owner.name == stateful_set)
}

fn optional(claimant: Claimant<'_>, namespace: &str, known: &Optional) -> OptionalObjects {
    let mut found = OptionalObjects::default();
    for kind in OptionalKind::ALL {
        match (kind, known.of(kind, namespace)) {
            (_, Presence::Absent(absence)) => {
                found.absent.insert(kind, absence);
            }
            (OptionalKind::PerconaPGCluster, Presence::Present(cache)) => {
                found.percona = cache.get(namespace, &names::percona_cluster(claimant.name));
            }
            (_, Presence::Present(cache)) => {
                let mut owned = cache.of_instance(namespace, claimant.name);
                owned.retain(|object| claimant.has(&object.metadata));
                found.owned.insert(kind, owned);
            }
        }
    }
    found
}
