//! Which objects wake us, and the copies of them that we keep.
//!
//! One watch a kind, limited by label to what belongs to us. An event on any object leads to a request for the
//! instance that the object's label names. There is no resync: what is not watched (Secrets) is read on each pass.

use dittofs_shared::{labels, names, server::DittoServer};
use futures::channel::mpsc::{UnboundedReceiver, UnboundedSender, unbounded};
use futures::{Stream, StreamExt as _};
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{ConfigMap, Pod, Service, ServiceAccount};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use k8s_openapi::api::rbac::v1::{Role, RoleBinding};
use kube::core::DeserializeGuard;
use kube::runtime::reflector::{self, ObjectRef, Store};
use kube::runtime::{WatchStreamExt as _, watcher};
use kube::{Api, Client, Resource, ResourceExt as _};
use serde::de::DeserializeOwned;
use std::collections::HashSet;
use std::fmt::Debug;
use tokio::task::JoinSet;

/// A `DittoServer` that may not be readable. One that is not must not stop the watch of all the others.
pub type Server = DeserializeGuard<DittoServer>;

/// Copies of what belongs to us.
#[derive(Clone)]
#[allow(missing_docs)]
pub struct Stores {
    pub servers: Store<Server>,
    pub config_maps: Store<ConfigMap>,
    pub services: Store<Service>,
    pub network_policies: Store<NetworkPolicy>,
    pub stateful_sets: Store<StatefulSet>,
    pub pods: Store<Pod>,
    pub service_accounts: Store<ServiceAccount>,
    pub roles: Store<Role>,
    pub role_bindings: Store<RoleBinding>,
}

/// Running watches. They end when this is dropped.
pub struct Watch {
    /// The copies.
    pub stores: Stores,
    requests: UnboundedReceiver<ObjectRef<Server>>,
    tasks: JoinSet<()>,
}

impl Watch {
    /// Starts the watches. Returns at once; see [`Watch::synced`].
    pub fn start(client: &Client) -> Self {
        let (sender, requests) = unbounded();
        let mut tasks = JoinSet::new();
        let servers = watch_servers(client, &sender, &mut tasks);
        let owned = Owned {
            client,
            sender,
            servers: servers.clone(),
        };
        let managed = watcher::Config::default().labels(&labels::managed_selector());
        let pods =
            watcher::Config::default().labels(&format!("{}={}", labels::APP, labels::APP_VALUE));
        let stores = Stores {
            config_maps: owned.watch(&managed, keep_writers_of_adapters, &mut tasks),
            services: owned.watch(&managed, forget_writers, &mut tasks),
            network_policies: owned.watch(&managed, forget_writers, &mut tasks),
            stateful_sets: owned.watch(&managed, forget_writers, &mut tasks),
            pods: owned.watch(&pods, forget_writers, &mut tasks),
            service_accounts: owned.watch(&managed, forget_writers, &mut tasks),
            roles: owned.watch(&managed, forget_writers, &mut tasks),
            role_bindings: owned.watch(&managed, forget_writers, &mut tasks),
            servers,
        };
        Self {
            stores,
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
        stores.service_accounts.wait_until_ready().await?;
        stores.roles.wait_until_ready().await?;
        stores.role_bindings.wait_until_ready().await
    }

    /// The requests, and what keeps the watches running.
    pub fn split(self) -> (UnboundedReceiver<ObjectRef<Server>>, JoinSet<()>) {
        (self.requests, self.tasks)
    }

    /// Number of watches that run.
    pub fn running(&self) -> usize {
        self.tasks.len()
    }
}

fn watch_servers(
    client: &Client,
    sender: &UnboundedSender<ObjectRef<Server>>,
    tasks: &mut JoinSet<()>,
) -> Store<Server> {
    let (store, writer) = reflector::store();
    let stream = watcher(
        Api::<Server>::all(client.clone()),
        watcher::Config::default(),
    )
    .default_backoff()
    .modify(forget_writers)
    .reflect(writer);
    let sender = sender.clone();
    tasks.spawn(drain(
        "DittoServer".to_owned(),
        stream,
        move |event| match event {
            watcher::Event::Apply(server)
            | watcher::Event::InitApply(server)
            | watcher::Event::Delete(server) => {
                request(&sender, ObjectRef::from_obj(&server));
            }
            watcher::Event::Init | watcher::Event::InitDone => {}
        },
    ));
    store
}

struct Owned<'a> {
    client: &'a Client,
    sender: UnboundedSender<ObjectRef<Server>>,
    servers: Store<Server>,
}

impl Owned<'_> {
    fn watch<K>(
        &self,
        config: &watcher::Config,
        prune: fn(&mut K),
        tasks: &mut JoinSet<()>,
    ) -> Store<K>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>,
        K: Clone + Debug + DeserializeOwned + Send + Sync + 'static,
    {
        let (store, writer) = reflector::store();
        let stream = watcher(Api::<K>::all(self.client.clone()), config.clone())
            .default_backoff()
            .modify(prune)
            .reflect(writer);
        let (sender, servers) = (self.sender.clone(), self.servers.clone());
        tasks.spawn(drain(
            K::kind(&()).into_owned(),
            stream,
            move |event| match event {
                watcher::Event::Apply(object) | watcher::Event::Delete(object) => {
                    for instance in instances_of(&object) {
                        request(&sender, instance);
                    }
                }
                // After a gap there is no telling which objects are gone: look at every instance.
                watcher::Event::InitDone => {
                    for server in servers.state() {
                        request(&sender, ObjectRef::from_obj(&*server));
                    }
                }
                watcher::Event::Init | watcher::Event::InitApply(_) => {}
            },
        ));
        store
    }
}

/// The instances that an object says it belongs to, by its label and by its owner. Both count: a sidecar can write to
/// the metadata of its own ConfigMap, and a wrong label there must not keep us from putting it right.
pub fn instances_of<K: Resource>(object: &K) -> HashSet<ObjectRef<Server>> {
    let Some(namespace) = object.namespace() else {
        return HashSet::new();
    };
    let label = object.labels().get(labels::INSTANCE).cloned();
    let owners = object.owner_references().iter();
    let owners = owners.filter(|owner| owner.kind == DittoServer::kind(&()));
    label
        .into_iter()
        .chain(owners.map(|owner| owner.name.clone()))
        .map(|name| ObjectRef::new(&name).within(&namespace))
        .collect()
}

fn request(sender: &UnboundedSender<ObjectRef<Server>>, instance: ObjectRef<Server>) {
    // The receiver is gone only while everything is being dropped.
    let _ = sender.unbounded_send(instance);
}

/// Reads a watch for ever. An outage is told when it begins and when it ends, not on every try.
async fn drain<K, S>(kind: String, stream: S, mut act: impl FnMut(watcher::Event<K>) + Send)
where
    K: Send,
    S: Stream<Item = watcher::Result<watcher::Event<K>>> + Send,
{
    let mut stream = std::pin::pin!(stream);
    let mut failures = 0_u32;
    while let Some(event) = stream.next().await {
        match event {
            Ok(event) => {
                if failures > 0 {
                    tracing::info!(kind, failures, "watch is back");
                    failures = 0;
                }
                act(event);
            }
            Err(error) => {
                failures = failures.saturating_add(1);
                if failures == 1 {
                    tracing::warn!(kind, %error, "watch failed, trying again with growing delays of up to 30 s");
                }
            }
        }
    }
}

fn forget_writers<K: Resource>(object: &mut K) {
    object.meta_mut().managed_fields = None;
}

/// Of `{name}-adapters` we keep who wrote its data.
fn keep_writers_of_adapters(config_map: &mut ConfigMap) {
    let is_adapters = instances_of(config_map)
        .iter()
        .any(|instance| names::adapters(&instance.name) == config_map.name_any());
    if !is_adapters {
        return forget_writers(config_map);
    }
    let entries = config_map.metadata.managed_fields.iter_mut().flatten();
    for fields in entries.filter_map(|entry| entry.fields_v1.as_mut()) {
        if let Some(fields) = fields.0.as_object_mut() {
            fields.retain(|field, _| field == "f:data");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn label_and_owner_both_say_whose_an_object_is() {
        let owner =
            |kind: &str| json!([{"apiVersion": "x/v1", "kind": kind, "name": "files", "uid": "u"}]);
        for (labels, owners, expected) in [
            (
                json!({"instance": "files"}),
                owner("DittoServer"),
                &["files"][..],
            ),
            (
                json!({"instance": "other"}),
                owner("DittoServer"),
                &["files", "other"],
            ),
            (json!({}), owner("DittoServer"), &["files"]),
            (
                json!({"instance": "other"}),
                owner("StatefulSet"),
                &["other"],
            ),
            (json!({}), json!([]), &[]),
        ] {
            let object: ConfigMap = serde_json::from_value(json!({"metadata": {
                "name": "x", "namespace": "n", "labels": labels, "ownerReferences": owners,
            }}))
            .unwrap();
            let mut seen: Vec<_> = instances_of(&object)
                .into_iter()
                .map(|found| found.name)
                .collect();
            seen.sort();
            assert_eq!(seen, expected, "{labels} {owners}");
        }
    }
}
