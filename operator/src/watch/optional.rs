//! Kinds that the cluster may be without, and may get or lose while we run.
//!
//! Each has a watch of the one CustomResourceDefinition that makes it. The whole object is asked for, because metadata
//! do not say whether the API server serves the kind, nor in which version; we keep nothing of it. While the kind is
//! served there is a watch of its objects.

use dittofs_shared::{labels, names};
use futures::StreamExt as _;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, CustomResourceDefinitionCondition,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::DynamicObject;
use kube::runtime::reflector::{ObjectRef, Store};
use kube::runtime::{WatchStreamExt as _, watcher};
use kube::{Api, Resource, ResourceExt as _};
use serde::Deserialize;
use std::collections::{BTreeMap, HashSet};
use std::time::Duration;
use tokio::sync::watch::{Receiver, Sender, channel};
use tokio::task::JoinSet;

use super::Server;
use super::outage::{Outage, is_forbidden};
use super::owned::forget_writers;
use super::source::Source;
use super::wake::{Wake, instances_of};
use dittofs_operator_core::optional::{Absence, OptionalKind};

/// How long to wait before asking again whether there is a kind that we may not ask about. Rights change rarely, and
/// nobody is served by asking often.
const FORBIDDEN_RETRY: Duration = Duration::from_mins(10);

/// Copies of the objects of a kind, or why there are none.
#[derive(Clone)]
pub enum Presence {
    /// The copies are complete.
    Present(Store<DynamicObject>),
    /// There is nothing of this kind, as far as we can know.
    Absent(Absence),
}

/// What there is of the kinds that the cluster may be without.
#[derive(Clone)]
pub struct Optional {
    /// `None`: not known yet.
    kinds: BTreeMap<OptionalKind, Receiver<Option<Presence>>>,
}

impl Optional {
    /// What there is of a kind now.
    pub fn of(&self, kind: OptionalKind) -> Presence {
        let known = self
            .kinds
            .get(&kind)
            .and_then(|known| known.borrow().clone());
        known.unwrap_or(Presence::Absent(Absence::NotRead))
    }

    /// Waits until it is known of every kind whether it is there.
    pub(super) async fn settled(&self) {
        for known in self.kinds.values() {
            // An error means that the watch has ended, which only happens when everything is being dropped.
            let _ = known.clone().wait_for(Option::is_some).await;
        }
    }
}

/// Watches the definitions of all these kinds.
pub(super) fn watch(source: &Source, wake: &Wake, tasks: &mut JoinSet<()>) -> Optional {
    let kinds = OptionalKind::ALL.map(|kind| {
        let (sender, receiver) = channel(None);
        let follower = Follower {
            kind,
            source: source.clone(),
            wake: wake.clone(),
            known: sender,
        };
        tasks.spawn(follower.follow());
        (kind, receiver)
    });
    Optional {
        kinds: kinds.into(),
    }
}

/// Follows one kind.
#[derive(Clone)]
struct Follower {
    kind: OptionalKind,
    source: Source,
    wake: Wake,
    known: Sender<Option<Presence>>,
}

impl Follower {
    async fn follow(self) {
        let api = Api::<Definition>::all(self.source.client.clone());
        let name = self.kind.definition();
        let mut definitions = std::pin::pin!(watcher::watch_object(api, &name).default_backoff());
        let mut outage = Outage::of(name.clone());
        // Dropped, and with it the watch, when the kind is not served any more.
        let mut objects = JoinSet::new();
        while let Some(event) = definitions.next().await {
            let forbidden = event.as_ref().is_err_and(is_forbidden);
            if !forbidden {
                outage.see(&event);
            }
            match event {
                Ok(definition) => match serves(definition.as_ref(), self.kind) {
                    Ok(()) if objects.is_empty() => {
                        objects.spawn(self.clone().follow_objects());
                    }
                    Ok(()) => {}
                    Err(absence) => {
                        objects = JoinSet::new();
                        self.learn(&Presence::Absent(absence));
                    }
                },
                // What is known stays known. What is not must not keep the operator from its work.
                Err(_) if self.known.borrow().is_some() => {}
                Err(_) => self.learn(&Presence::Absent(unreadable(forbidden))),
            }
            if forbidden {
                tokio::time::sleep(FORBIDDEN_RETRY).await;
            }
        }
    }

    async fn follow_objects(self) {
        let (store, mut events) =
            self.source
                .copy(&self.kind.resource(), &self.limits(), forget_writers);
        while let Some(event) = events.next().await {
            match event {
                Ok(watcher::Event::Apply(object) | watcher::Event::Delete(object)) => {
                    self.wake.these(concerned(self.kind, &object));
                }
                // After a gap there is no telling which objects are gone.
                Ok(watcher::Event::InitDone) => self.learn(&Presence::Present(store.clone())),
                Ok(watcher::Event::Init | watcher::Event::InitApply(_)) => {}
                Err(error) => {
                    let known = matches!(&*self.known.borrow(), Some(Presence::Present(_)));
                    if !known {
                        self.learn(&Presence::Absent(unreadable(is_forbidden(&error))));
                    }
                }
            }
        }
    }

    /// Of databases we want to know those that somebody else has made.
    fn limits(&self) -> watcher::Config {
        if self.kind == OptionalKind::PerconaPGCluster {
            return watcher::Config::default();
        }
        watcher::Config::default().labels(&labels::managed_selector())
    }

    fn learn(&self, now: &Presence) {
        let before = self.known.send_replace(Some(now.clone()));
        let kind = self.kind.name();
        match (before, now) {
            (Some(Presence::Absent(before)), Presence::Absent(now)) if before == *now => return,
            (Some(Presence::Present(_)), Presence::Present(_)) => {}
            (_, Presence::Present(_)) => tracing::info!(kind, "the cluster has this kind"),
            (_, Presence::Absent(Absence::NotInstalled)) => {
                tracing::info!(kind, "the cluster does not have this kind");
            }
            (_, Presence::Absent(absence)) => {
                tracing::warn!(kind, "{}", absence.explain(self.kind));
            }
        }
        self.wake.all();
    }
}

fn unreadable(forbidden: bool) -> Absence {
    if forbidden {
        Absence::NotPermitted
    } else {
        Absence::NotRead
    }
}

/// The instances that an object of this kind matters to. A database is known by its name too: it may be somebody
/// else's and be used.
fn concerned(kind: OptionalKind, object: &DynamicObject) -> HashSet<ObjectRef<Server>> {
    let mut instances = instances_of(object);
    if kind == OptionalKind::PerconaPGCluster
        && let Some(namespace) = object.namespace()
        && let Some(instance) = names::instance_of_percona_cluster(&object.name_any())
    {
        instances.insert(ObjectRef::new(instance).within(&namespace));
    }
    instances
}

/// What we want to know of a CustomResourceDefinition. Its schema, which can be a megabyte, is never kept.
#[derive(Clone, Debug, Deserialize, Resource)]
#[resource(inherit = CustomResourceDefinition)]
struct Definition {
    metadata: ObjectMeta,
    spec: DefinitionSpec,
    #[serde(default)]
    status: DefinitionStatus,
}

#[derive(Clone, Debug, Deserialize)]
struct DefinitionSpec {
    versions: Vec<DefinitionVersion>,
}

#[derive(Clone, Debug, Deserialize)]
struct DefinitionVersion {
    name: String,
    served: bool,
}

#[derive(Clone, Debug, Default, Deserialize)]
struct DefinitionStatus {
    #[serde(default)]
    conditions: Vec<CustomResourceDefinitionCondition>,
}

/// Whether the API server serves the kind in our version.
fn serves(definition: Option<&Definition>, kind: OptionalKind) -> Result<(), Absence> {
    let definition = definition.ok_or(Absence::NotInstalled)?;
    // Nothing can be made of a kind that is on its way out.
    if definition.metadata.deletion_timestamp.is_some() {
        return Err(Absence::NotInstalled);
    }
    let established = definition
        .status
        .conditions
        .iter()
        .any(|condition| condition.type_ == "Established" && condition.status == "True");
    let version = |version: &DefinitionVersion| version.served && version.name == kind.version();
    if established && definition.spec.versions.iter().any(version) {
        Ok(())
    } else {
        Err(Absence::NotServed)
    }
}

#[cfg(test)]
mod tests;
