//! What is known of all instances at once, for what only a few of them may do at a time.
//!
//! It is derived from the caches, and derived again only for an instance whose objects have changed.

use dittofs_shared::names;
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt as _;
use std::collections::HashMap;
use std::sync::Arc;

use crate::cache::Version;
use crate::server::InstanceRef;
use crate::watch::Caches;
use dittofs_operator_core::brake::{InstanceState, NamespacedName};
use dittofs_operator_core::ownership::is_controlled_by;
use dittofs_operator_core::renewal::PodFacts;

/// Versions of the `DittoServer`, its StatefulSet and its pod.
type Versions = [Option<Version>; 3];

/// What is known of an instance.
#[derive(Debug)]
pub struct Member {
    /// Whether it is in service. `None`: it is being deleted.
    pub state: Option<InstanceState>,
    /// Its pod, if its own StatefulSet controls it. The annotations of any other pod prove nothing.
    pub pod: Option<PodSeen>,
}

/// A pod, as far as the replacement of sidecars depends on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PodSeen {
    /// Its place.
    pub place: NamespacedName,
    /// Its uid.
    pub uid: String,
    /// `None`: it is being deleted.
    pub facts: Option<PodFacts>,
}

impl PodSeen {
    /// Of a pod.
    pub fn of(pod: &Pod) -> Self {
        Self {
            place: NamespacedName {
                namespace: pod.namespace().unwrap_or_default(),
                name: pod.name_any(),
            },
            uid: pod.uid().unwrap_or_default(),
            facts: PodFacts::of(pod),
        }
    }
}

/// What is known of all instances.
#[derive(Debug, Default)]
pub struct Fleet(HashMap<InstanceRef, (Versions, Arc<Member>)>);

impl Fleet {
    /// Every instance with a valid `DittoServer`.
    pub fn members(&mut self, caches: &Caches) -> Vec<Arc<Member>> {
        let places = caches.servers.places();
        let members = places
            .iter()
            .filter_map(|(namespace, name)| self.member(caches, namespace, name));
        members.collect()
    }

    /// Whether each instance is in service.
    pub fn states(&mut self, caches: &Caches) -> Vec<InstanceState> {
        let members = self.members(caches);
        members
            .iter()
            .filter_map(|member| member.state.clone())
            .collect()
    }

    /// The pods of all instances.
    pub fn pods(&mut self, caches: &Caches) -> Vec<PodSeen> {
        let members = self.members(caches);
        members
            .iter()
            .filter_map(|member| member.pod.clone())
            .collect()
    }

    /// Forgets an instance that is gone.
    pub fn forget(&mut self, instance: &InstanceRef) {
        self.0.remove(instance);
    }

    fn member(&mut self, caches: &Caches, namespace: &str, name: &str) -> Option<Arc<Member>> {
        let pod = names::pod(name);
        let versions = [
            caches.servers.version(namespace, name),
            caches.stateful_sets.version(namespace, name),
            caches.pods.version(namespace, &pod),
        ];
        let instance = InstanceRef::new(name).within(namespace);
        if let Some((known, member)) = self.0.get(&instance)
            && *known == versions
        {
            return Some(Arc::clone(member));
        }
        let member = Arc::new(derive(caches, namespace, name)?);
        self.0.insert(instance, (versions, Arc::clone(&member)));
        Some(member)
    }
}

fn derive(caches: &Caches, namespace: &str, name: &str) -> Option<Member> {
    let server = caches.servers.get(namespace, name)?;
    let server = server.valid()?;
    let set = caches.stateful_sets.get(namespace, name);
    let pod = caches.pods.get(namespace, &names::pod(name));
    let is_alive = server.metadata.deletion_timestamp.is_none();
    let uid = server.metadata.uid.as_deref();
    let own_set = set.as_deref();
    let own_set = own_set.filter(|set| is_controlled_by(&set.metadata, uid));
    let uid = own_set.and_then(|set| set.metadata.uid.as_deref());
    let own_pod = pod.as_deref();
    let own_pod = own_pod.filter(|pod| is_controlled_by(&pod.metadata, uid));
    Some(Member {
        state: is_alive.then(|| InstanceState::of(server, set.as_deref(), pod.as_deref())),
        pod: own_pod.map(PodSeen::of),
    })
}
