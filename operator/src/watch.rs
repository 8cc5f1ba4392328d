//! Which objects wake us, and the copies of them that we keep.
//!
//! One watch a kind, limited by label to what belongs to us. An event on any object leads to a request for the
//! instance that the object's label names. There is no resync: what is not watched (Secrets) is read on each pass.
//! Kinds that the cluster may be without are watched while it has them. With namespaces in the scope there is one watch
//! for each of them and each kind, and still one copy of each kind.

mod adapters;
mod optional;
mod outage;
mod owned;
mod selector;
mod servers;
mod source;
mod wake;

use dittofs_shared::{crd::DittoServer, labels};
use futures::channel::mpsc::{UnboundedReceiver, UnboundedSender, unbounded};
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{ConfigMap, PersistentVolumeClaim, Pod, Service, ServiceAccount};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use k8s_openapi::api::rbac::v1::{Role, RoleBinding};
use kube::Client;
use kube::core::DeserializeGuard;
use kube::runtime::reflector::{self, ObjectRef, Store};
use kube::runtime::watcher;
use tokio::task::JoinSet;

use crate::scope::Scope;
pub use adapters::Departed;
pub use optional::{Optional, Presence};
use owned::{Owned, forget_writers, keep_our_choices, keep_our_times};
pub use selector::{InvalidSelector, check as check_selector};
use source::Source;
pub use wake::instances_of;

/// A `DittoServer` that may not be readable. One that is not must not stop the watch of all the others.
pub type Server = DeserializeGuard<DittoServer>;

/// Where requests for looks go.
pub type Requests = UnboundedSender<ObjectRef<Server>>;

/// Copies of what belongs to us.
#[derive(Clone)]
#[allow(missing_docs)]
pub struct Stores {
    pub servers: Store<Server>,
    pub config_maps: Store<ConfigMap>,
    /// ConfigMaps with a published state that have left the copies.
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
    /// Kinds that the cluster may be without.
    pub optional: Optional,
}

/// Running watches. They end when this is dropped.
pub struct Watch {
    /// The copies.
    pub stores: Stores,
    /// Where requests for looks go.
    pub sender: Requests,
    requests: UnboundedReceiver<ObjectRef<Server>>,
    tasks: JoinSet<()>,
}

impl Watch {
    /// Starts the watches. Returns at once; see [`Watch::synced`].
    pub fn start(client: &Client, scope: &Scope) -> Self {
        let (sender, requests) = unbounded();
        let mut tasks = JoinSet::new();
        let source = Source {
            client: client.clone(),
            namespaces: scope.namespaces().map(str::to_owned).collect(),
        };
        let (servers, wake) = servers::watch(&source, scope.selector(), sender, &mut tasks);
        let owned = Owned {
            source: &source,
            wake: wake.clone(),
        };
        let managed = watcher::Config::default().labels(&labels::managed_selector());
        // Pods and claims are made by the controller of StatefulSets, with the labels of the selector.
        let selected =
            watcher::Config::default().labels(&format!("{}={}", labels::APP, labels::APP_VALUE));
        let departed = Departed::default();
        let stores = Stores {
            config_maps: adapters::watch(&owned, &managed, &departed, &mut tasks),
            departed,
            services: owned.watch(&managed, keep_our_choices, &mut tasks),
            network_policies: owned.watch(&managed, forget_writers, &mut tasks),
            stateful_sets: owned.watch(&managed, keep_our_times, &mut tasks),
            disruption_budgets: owned.watch(&managed, forget_writers, &mut tasks),
            pods: owned.watch(&selected, forget_writers, &mut tasks),
            claims: owned.watch(&selected, forget_writers, &mut tasks),
            service_accounts: owned.watch(&managed, forget_writers, &mut tasks),
            roles: owned.watch(&managed, forget_writers, &mut tasks),
            role_bindings: owned.watch(&managed, forget_writers, &mut tasks),
            optional: optional::watch(&source, &wake, &mut tasks),
            servers,
        };
        Self {
            stores,
            sender: wake.sender,
            requests,
            tasks,
        }
    }

    /// Waits until every copy is complete: before that, "not there" means nothing.
    ///
    /// # Errors
    /// A watch has ended, which only happens when this is being dropped.
    pub async fn synced(&self) -> Result<(), reflector::store::WriterDropped> {
        let stores = &self.stores;
        stores.servers.wait_until_ready().await?;
        stores.config_maps.wait_until_ready().await?;
        stores.services.wait_until_ready().await?;
        stores.network_policies.wait_until_ready().await?;
        stores.stateful_sets.wait_until_ready().await?;
        stores.pods.wait_until_ready().await?;
        stores.disruption_budgets.wait_until_ready().await?;
        stores.claims.wait_until_ready().await?;
        stores.service_accounts.wait_until_ready().await?;
        stores.roles.wait_until_ready().await?;
        stores.role_bindings.wait_until_ready().await?;
        stores.optional.settled().await;
        Ok(())
    }

    /// The requests, and what keeps the watches running.
    pub fn split(self) -> (UnboundedReceiver<ObjectRef<Server>>, JoinSet<()>) {
        (self.requests, self.tasks)
    }

    /// Number of kinds that are watched.
    pub fn running(&self) -> usize {
        self.tasks.len()
    }
}
