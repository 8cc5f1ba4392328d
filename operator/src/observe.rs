//! Reads only: what there is of an instance.

use dittofs_shared::{labels, names, server::DittoServer};
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{ConfigMap, PersistentVolumeClaim, Pod, Secret, Service};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use kube::api::DynamicObject;
use kube::runtime::reflector::{ObjectRef, Store};
use kube::{Api, Client, Resource, ResourceExt as _};
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::hash::Hash;
use std::sync::Arc;
use std::time::Duration;

use crate::connection_string::{self, ConnectionProblem};
use crate::instance::connection;
use crate::named_secrets::{secret_names, signing_key};
use crate::optional::{Absence, OptionalKind};
use crate::watch::{Optional, Presence, Server, Stores};

/// Deadline of one request to the API server.
pub const REQUEST_DEADLINE: Duration = Duration::from_secs(10);

/// All that is known of an instance before anything is decided.
#[derive(Clone, Debug)]
pub struct Observed {
    /// The `DittoServer` itself.
    pub server: DittoServer,
    /// ConfigMap `{name}-adapters`.
    pub adapters: Option<Arc<ConfigMap>>,
    /// The StatefulSet.
    pub stateful_set: Option<Arc<StatefulSet>>,
    /// The pod.
    pub pod: Option<Arc<Pod>>,
    /// The claims that bear the labels of the instance.
    pub claims: Vec<Arc<PersistentVolumeClaim>>,
    /// The Services of adapters, whatever they are called.
    pub adapter_services: Vec<Arc<Service>>,
    /// The NetworkPolicies, baseline included.
    pub network_policies: Vec<Arc<NetworkPolicy>>,
    /// The Secrets that the instance refers to or that are made for it, by name. Absent: there is none.
    pub secrets: BTreeMap<String, SecretFacts>,
    /// Other `DittoServers` of the namespace whose tokens are signed with the same key.
    pub key_sharers: Vec<String>,
    /// What there is of the kinds that a cluster may be without.
    pub optional: OptionalObjects,
}

/// What there is of the kinds that a cluster may be without.
#[derive(Clone, Debug, Default)]
pub struct OptionalObjects {
    /// The kinds of which there is nothing, and why.
    pub absent: BTreeMap<OptionalKind, Absence>,
    /// PerconaPGCluster `{name}-postgres`, whosever it is.
    pub percona: Option<Arc<DynamicObject>>,
    /// The ServiceMonitors, TCPRoutes and UDPRoutes that are the instance's.
    pub owned: BTreeMap<OptionalKind, Vec<Arc<DynamicObject>>>,
}

/// What is remembered of a Secret: digests, no contents.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SecretFacts {
    /// By key: a digest of the value and its length in bytes.
    pub keys: BTreeMap<String, (String, usize)>,
    /// By key: what keeps its value from being a connection string.
    pub connections: BTreeMap<String, Result<(), ConnectionProblem>>,
    /// Keys whose values cannot be environment variables.
    pub not_text: BTreeSet<String>,
    /// Changes whenever the Secret does.
    pub resource_version: Option<String>,
}

/// Why an instance could not be looked at.
#[derive(Debug, thiserror::Error)]
pub enum ObserveError {
    /// A Secret could not be read. That it is missing is no error here.
    #[error("reading Secret {namespace}/{name} failed")]
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
    #[error("reading Secret {namespace}/{name} took more than {} s", REQUEST_DEADLINE.as_secs())]
    Deadline {
        /// Namespace of the Secret.
        namespace: String,
        /// Name of the Secret.
        name: String,
    },
}

/// Looks at everything that belongs to an instance.
///
/// # Errors
/// A Secret cannot be read. It is then unknown whether it is there, and nothing may be concluded.
pub async fn observe(
    server: &DittoServer,
    stores: &Stores,
    client: &Client,
) -> Result<Observed, ObserveError> {
    let name = server.name_any();
    let namespace = server.namespace().unwrap_or_default();
    let mut secrets = read_secrets(client, &namespace, secret_names(&name, &server.spec)).await?;
    if let Some(made) = connection::made_for(server, &secrets) {
        secrets.extend(read_secrets(client, &namespace, vec![made]).await?);
    }
    Ok(Observed {
        adapters: find(&stores.config_maps, &names::adapters(&name), &namespace),
        stateful_set: find(&stores.stateful_sets, &name, &namespace),
        pod: find(&stores.pods, &names::pod(&name), &namespace),
        claims: selected(&stores.claims, |claim| {
            claim.namespace().as_deref() == Some(&namespace)
                && claim.labels().get(labels::INSTANCE) == Some(&name)
        }),
        adapter_services: selected(&stores.services, |service| {
            belongs_to(service, server) && service.labels().contains_key(labels::ADAPTER)
        }),
        network_policies: selected(&stores.network_policies, |policy| {
            belongs_to(policy, server)
        }),
        secrets,
        key_sharers: key_sharers(server, &stores.servers),
        optional: optional(server, &stores.optional),
        server: server.clone(),
    })
}

/// Some objects of a kind, by name: their order in a store is any, and what is said of them must not depend on it.
fn selected<K>(store: &Store<K>, is_wanted: impl Fn(&K) -> bool) -> Vec<Arc<K>>
where
    K: Resource<DynamicType: Eq + Hash + Clone> + Clone + 'static,
{
    let mut found = store.state_filter(is_wanted);
    found.sort_unstable_by_key(|object| object.name_any());
    found
}

fn optional(server: &DittoServer, known: &Optional) -> OptionalObjects {
    let mut found = OptionalObjects::default();
    for kind in OptionalKind::ALL {
        match (kind, known.of(kind)) {
            (_, Presence::Absent(absence)) => {
                found.absent.insert(kind, absence);
            }
            (OptionalKind::PerconaPGCluster, Presence::Present(store)) => {
                let name = names::percona_cluster(&server.name_any());
                let namespace = server.namespace().unwrap_or_default();
                let key = ObjectRef::new_with(&name, kind.resource()).within(&namespace);
                found.percona = store.get(&key);
            }
            (_, Presence::Present(store)) => {
                let owned = selected(&store, |object| belongs_to(object, server));
                found.owned.insert(kind, owned);
            }
        }
    }
    found
}

async fn read_secrets(
    client: &Client,
    namespace: &str,
    names: Vec<String>,
) -> Result<BTreeMap<String, SecretFacts>, ObserveError> {
    let api: Api<Secret> = Api::namespaced(client.clone(), namespace);
    let reads = names
        .into_iter()
        .map(|name| read_secret(&api, namespace, name));
    let found = futures::future::try_join_all(reads).await?;
    Ok(found.into_iter().flatten().collect())
}

async fn read_secret(
    api: &Api<Secret>,
    namespace: &str,
    name: String,
) -> Result<Option<(String, SecretFacts)>, ObserveError> {
    match tokio::time::timeout(REQUEST_DEADLINE, api.get_opt(&name)).await {
        Ok(Ok(secret)) => Ok(secret.map(|secret| (name, facts(&secret)))),
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

fn facts(secret: &Secret) -> SecretFacts {
    let keys = secret.data.iter().flatten();
    let connection = |bytes: &[u8]| connection_string::parse(bytes).map(drop);
    SecretFacts {
        connections: keys
            .clone()
            .map(|(key, value)| (key.clone(), connection(&value.0)))
            .collect(),
        keys: keys
            .map(|(key, value)| (key.clone(), (digest(&value.0), value.0.len())))
            .collect(),
        not_text: secret
            .data
            .iter()
            .flatten()
            .filter(|(_, value)| is_odd(&value.0))
            .map(|(key, _)| key.clone())
            .collect(),
        resource_version: secret.resource_version(),
    }
}

fn is_odd(value: &[u8]) -> bool {
    value.contains(&0) || str::from_utf8(value).is_err()
}

/// Only those of our scope are seen.
fn key_sharers(server: &DittoServer, servers: &Store<Server>) -> Vec<String> {
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

/// SHA-256 in hexadecimal.
pub fn digest(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    Sha256::digest(bytes)
        .iter()
        .fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
}

fn find<K>(store: &Store<K>, name: &str, namespace: &str) -> Option<Arc<K>>
where
    K: Resource<DynamicType = ()> + Clone + 'static,
    K::DynamicType: Eq + Hash + Clone,
{
    store.get(&ObjectRef::new(name).within(namespace))
}

fn belongs_to<K: Resource>(object: &K, server: &DittoServer) -> bool {
    object.namespace() == server.namespace() && is_owned_by(object, server.uid().as_deref())
}

/// Whether the object's controller is the one with this uid.
pub fn is_owned_by<K: Resource>(object: &K, uid: Option<&str>) -> bool {
    object
        .owner_references()
        .iter()
        .any(|owner| owner.controller == Some(true) && Some(owner.uid.as_str()) == uid)
}
