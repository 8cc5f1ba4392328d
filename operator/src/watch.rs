//! Which objects trigger a reconcile, and the caches of them.
//!
//! One watch a kind, limited by label to what belongs to us. An event on any object requests a reconcile of the
//! instance that the object's label names. There is no resync: what is not watched (Secrets) is read in each
//! reconcile. Kinds that the cluster may lack are watched while it has them. With namespaces in the scope there is
//! one watch for each of them and each kind, and still one cache of each kind.

mod adapters;
mod optional;
mod outage;
mod owned;
mod selector;
mod servers;
mod source;
mod trigger;

use dittofs_shared::{crd::DittoServer, labels};
use futures::FutureExt as _;
use futures::channel::mpsc::{UnboundedReceiver, UnboundedSender, unbounded};
use futures::future::{BoxFuture, try_join_all};
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{ConfigMap, PersistentVolumeClaim, Pod, Service, ServiceAccount};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use k8s_openapi::api::rbac::v1::{Role, RoleBinding};
use kube::Client;
use kube::core::DeserializeGuard;
use kube::runtime::reflector::store::WriterDropped;
use kube::runtime::reflector::{ObjectRef, Store};
use kube::runtime::watcher;
use tokio::task::JoinSet;

use crate::kind::NamespacedKind;
use crate::scope::Scope;
pub use adapters::Departed;
pub use optional::{Optional, Presence};
use owned::{Owned, forget_writers, keep_our_choices, keep_our_times};
pub use selector::{InvalidSelector, check as check_selector};
use source::Source;
pub use trigger::instances_of;

/// A `DittoServer` that may not be valid. An invalid one must not stop the watch of all the others.
pub type GuardedDittoServer = DeserializeGuard<DittoServer>;

/// Where requests for reconciles go.
pub type Requests = UnboundedSender<ObjectRef<GuardedDittoServer>>;

/// Caches of the objects that belong to us.
#[derive(Clone)]
#[allow(missing_docs)]
pub struct Stores {
    pub servers: Store<GuardedDittoServer>,
    pub config_maps: Store<ConfigMap>,
    /// ConfigMaps with a published state that have left the cache.
    pub departed: Departed,
    pub services: Store<Service>,
    pub network_policies: Store<NetworkPolicy>,
    pub stateful_sets: Store<StatefulSet>,
    pub pods: Store<Pod>,
    pub disruption_budgets: Store<PodDisruptionBudget>,
    pub claims: Store<PersistentVolumeClaim>,
    pub service_accounts: Store<ServiceAccount>,
    pub roles: Store<Role>,
    pub role_bindings: Store<RoleBinding>,
    /// Kinds that the cluster may lack.
    pub optional: Optional,
}

/// The tasks that keep caches up to date, and which caches have yet to sync.
#[derive(Default)]
struct Tasks {
    running: JoinSet<()>,
    syncing: Vec<BoxFuture<'static, Result<(), WriterDropped>>>,
}

impl Tasks {
    /// Runs the task that fills a cache.
    fn spawn<K: NamespacedKind>(
        &mut self,
        store: &Store<K>,
        task: impl Future<Output = ()> + Send + 'static,
    ) {
        let store = store.clone();
        let synced = async move { store.wait_until_ready().await };
        self.syncing.push(synced.boxed());
        self.running.spawn(task);
    }
}

/// Running watches. They end when this is dropped.
pub struct Watch {
    /// The caches.
    pub stores: Stores,
    /// Where requests for reconciles go.
    pub sender: Requests,
    requests: UnboundedReceiver<ObjectRef<GuardedDittoServer>>,
    tasks: Tasks,
}

impl Watch {
    /// Starts the watches. Returns at once; see [`Watch::synced`].
    pub fn start(client: &Client, scope: &Scope) -> Self {
        let (sender, requests) = unbounded();
        let mut tasks = Tasks::default();
        let source = Source {
            client: client.clone(),
            namespaces: scope.namespaces().map(str::to_owned).collect(),
        };
        let (servers, trigger) = servers::watch(&source, scope.selector(), sender, &mut tasks);
        let optional = optional::watch(&source, &trigger, &mut tasks.running);
        let mut owned = Owned {
            source: &source,
            trigger: &trigger,
            tasks: &mut tasks,
        };
        let managed = watcher::Config::default().labels(&labels::managed_selector());
        // The StatefulSet controller creates pods and claims with the labels of the selector.
        let selected =
            watcher::Config::default().labels(&format!("{}={}", labels::APP, labels::APP_VALUE));
        let departed = Departed::default();
        let stores = Stores {
            config_maps: adapters::watch(&mut owned, &managed, &departed),
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
        };
        Self {
            stores,
            sender: trigger.requests,
            requests,
            tasks,
        }
    }

    /// Waits until every cache has synced: before that, a missing object may exist.
    ///
    /// # Errors
    /// A watch has ended, which only happens during a shutdown.
    pub async fn synced(&mut self) -> Result<(), WriterDropped> {
        try_join_all(std::mem::take(&mut self.tasks.syncing)).await?;
        self.stores.optional.settled().await;
        Ok(())
    }

    /// The requests, and what keeps the watches running.
    pub fn split(
        self,
    ) -> (
        UnboundedReceiver<ObjectRef<GuardedDittoServer>>,
        JoinSet<()>,
    ) {
        (self.requests, self.tasks.running)
    }

    /// Number of kinds that are watched.
    pub fn running(&self) -> usize {
        self.tasks.running.len()
    }
}
