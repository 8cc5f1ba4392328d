//! Which objects trigger a reconcile, and the caches of them.
//!
//! One watch a kind, limited by label to what belongs to us. An event on any object requests a reconcile of the
//! instance that the object's label names. There is no resync: what is not watched (Secrets) is read now and then. Kinds that
//! the cluster may lack are watched while it has them. With namespaces in the scope there is one watch for each of
//! them and each kind, and still one cache of each kind.

mod adapters;
mod bounds;
mod namespaces;
mod optional;
mod owned;
mod selector;
mod servers;
mod signing_keys;
mod source;
mod stamp;
mod trigger;

use dittofs_shared::labels;
use futures::channel::mpsc::UnboundedReceiver;
use futures::future::{BoxFuture, FutureExt as _, join_all};
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{ConfigMap, PersistentVolumeClaim, Pod, Service, ServiceAccount};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use k8s_openapi::api::rbac::v1::{Role, RoleBinding};
use kube::Client;
use kube::runtime::reflector::Store;
use tokio::sync::watch::Receiver;
use tokio::task::JoinSet;

use crate::cache::{Cache, Lists};
use crate::hearing::Hearing;
use crate::kind::NamespacedKind;
use crate::scope::Scope;
use crate::server::{InstanceRef, Place, Server};
use crate::wake::Wake;
pub use adapters::Departed;
pub use namespaces::Namespaces;
pub use optional::{Optional, Presence};
use owned::{Owned, forget_writers, keep_our_choices, keep_our_times};
pub use selector::{InvalidSelector, check as check_selector};
use servers::Servers;
pub use signing_keys::SigningKeys;
use source::{Sent, Source};
use trigger::Trigger;
pub use trigger::instances_of;

/// Caches of the objects that belong to us.
#[derive(Clone)]
#[allow(missing_docs)]
pub struct Caches {
    pub servers: Cache<Server>,
    /// Which of them share a signing key.
    pub signing_keys: SigningKeys,
    pub config_maps: Cache<ConfigMap>,
    /// ConfigMaps with a published state that have left the cache.
    pub departed: Departed,
    pub services: Cache<Service>,
    pub network_policies: Cache<NetworkPolicy>,
    pub stateful_sets: Cache<StatefulSet>,
    pub pods: Cache<Pod>,
    pub disruption_budgets: Cache<PodDisruptionBudget>,
    pub claims: Cache<PersistentVolumeClaim>,
    pub service_accounts: Cache<ServiceAccount>,
    pub roles: Cache<Role>,
    pub role_bindings: Cache<RoleBinding>,
    /// Kinds that the cluster may lack.
    pub optional: Optional,
}

/// The tasks that keep caches up to date, and which caches have yet to sync.
#[derive(Default)]
struct Tasks {
    running: JoinSet<()>,
    syncing: Vec<BoxFuture<'static, ()>>,
    /// How far the lists of each kind have got.
    lists: Vec<(String, Receiver<Lists>)>,
}

impl Tasks {
    /// Runs the task that fills a cache.
    fn spawn<W, K>(&mut self, source: &Source, cache: &Cache<K>, labels: &str)
    where
        W: Sent + kube::Resource<DynamicType = ()>,
        K: NamespacedKind + From<W>,
    {
        let (source, labels) = (source.clone(), labels.to_owned());
        let (filled, synced) = (cache.clone(), cache.clone());
        self.lists
            .push((K::kind(cache.kind()).into_owned(), cache.lists()));
        self.syncing
            .push(async move { synced.synced().await }.boxed());
        self.running
            .spawn(async move { source.follow::<W, K>(&filled, &(), &labels, |_| {}).await });
    }
}

/// Running watches. They end when this is dropped.
pub struct Watch {
    /// The caches.
    pub caches: Caches,
    /// Requests reconciles.
    pub wake: Wake,
    /// Which namespaces are managed.
    pub namespaces: Namespaces,
    /// Where the `DittoServers` are.
    pub places: Store<Place>,
    requests: UnboundedReceiver<InstanceRef>,
    tasks: Tasks,
}

impl Watch {
    /// Starts the watches, and notes when something is heard of them. Returns at once; see [`Watch::synced`]. `tell` is
    /// called with each namespace of the scope whenever it begins or ceases to be managed.
    pub fn start(
        client: &Client,
        scope: &Scope,
        hearing: &Hearing,
        tell: impl Fn(&str, bool) + Send + 'static,
    ) -> Self {
        let (wake, requests) = Wake::new();
        let mut tasks = Tasks::default();
        let source = Source {
            client: client.clone(),
            namespaces: scope.namespaces().map(str::to_owned).collect(),
            hearing: hearing.clone(),
        };
        let Servers {
            cache: servers,
            places,
            signing_keys,
        } = servers::watch(&source, scope.selector(), &wake, &mut tasks);
        let trigger = Trigger {
            wake: wake.clone(),
            servers: servers.clone(),
        };
        let optional = optional::watch(&source, &trigger, &mut tasks.running);
        let mut owned = Owned {
            source: &source,
            wake: &wake,
            tasks: &mut tasks,
        };
        let caches = owned_caches(&mut owned, optional, servers, signing_keys);
        let lists = std::mem::take(&mut tasks.lists);
        let namespaces = Namespaces::new(&source.namespaces, lists, &wake);
        if !source.namespaces.is_empty() {
            tasks.running.spawn(namespaces.clone().follow(tell));
        }
        Self {
            caches,
            wake,
            namespaces,
            places,
            requests,
            tasks,
        }
    }

    /// Waits until every cache has synced: before that, a missing object may exist. A namespace that the operator has no
    /// rights in is not waited for, see [`Namespaces`].
    pub async fn synced(&mut self) {
        join_all(std::mem::take(&mut self.tasks.syncing)).await;
        self.caches.optional.settled().await;
    }

    /// The instances to reconcile, and what keeps the watches running.
    pub fn split(self) -> (UnboundedReceiver<InstanceRef>, JoinSet<()>) {
        (self.requests, self.tasks.running)
    }

    /// Number of kinds that are watched.
    pub fn running(&self) -> usize {
        self.tasks.running.len()
    }
}

/// Watches the objects that instances have.
fn owned_caches(
    owned: &mut Owned<'_>,
    optional: Optional,
    servers: Cache<Server>,
    signing_keys: SigningKeys,
) -> Caches {
    let managed = labels::managed_selector();
    // The StatefulSet controller creates pods and claims with the labels of the selector.
    let selected = format!("{}={}", labels::APP, labels::APP_VALUE);
    let departed = Departed::default();
    Caches {
        config_maps: adapters::watch(owned, &managed, &departed),
        departed,
        services: owned.watch(&managed, keep_our_choices),
        network_policies: owned.watch(&managed, forget_writers),
        stateful_sets: owned.watch(&managed, keep_our_times),
        disruption_budgets: owned.watch(&managed, forget_writers),
        pods: owned.watch(&selected, forget_writers),
        claims: owned.watch(&selected, forget_writers),
        service_accounts: owned.watch(&managed, forget_writers),
        roles: owned.watch(&managed, forget_writers),
        role_bindings: owned.watch(&managed, forget_writers),
        optional,
        servers,
        signing_keys,
    }
}
