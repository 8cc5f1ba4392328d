//! Kinds that the cluster may lack, and may get or lose while the operator runs.
//!
//! Each has a watch of the one CustomResourceDefinition that defines it. The whole object is requested, because
//! metadata do not say whether the API server serves the kind, nor in which version; none of it is cached. While the
//! kind is served there is a watch of its objects, in the newest version that the operator can use.

mod definition;

use dittofs_shared::{labels, names};
use kube::api::DynamicObject;
use kube::{Resource as _, ResourceExt as _};
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch::{Receiver, Sender, channel};
use tokio::task::JoinSet;

use super::owned::forget_writers;
use super::source::Source;
use super::trigger::{Trigger, instances_of};
use crate::cache::{Cache, Rules};
use crate::hearing::Watched;
use crate::server::InstanceRef;
use definition::Definition;
use dittofs_operator_core::optional::{Absence, OptionalKind};
use dittofs_runtime::follow::{Event, Failure, Target, follow};

/// How long to wait before reading again a definition that the operator has no right to read. Rights change rarely.
const FORBIDDEN_RETRY: Duration = Duration::from_mins(10);

/// The cache of a kind, or why there is none.
#[derive(Clone)]
pub enum Presence {
    /// The cache has synced.
    Present(Cache<DynamicObject>),
    /// There are no objects of this kind, as far as the operator can know.
    Absent(Absence),
}

/// The caches of the kinds that the cluster may lack.
#[derive(Clone)]
pub struct Optional {
    /// `None`: not known yet.
    kinds: BTreeMap<OptionalKind, Receiver<Option<Presence>>>,
}

impl Optional {
    /// The cache of a kind, if the cluster has it now and the operator may read it in this namespace.
    pub fn of(&self, kind: OptionalKind, namespace: &str) -> Presence {
        let known = self
            .kinds
            .get(&kind)
            .and_then(|known| known.borrow().clone());
        match known {
            Some(Presence::Present(cache)) => within(cache, namespace),
            Some(absent) => absent,
            None => Presence::Absent(Absence::NotRead),
        }
    }

    /// Waits until it is known of every kind whether the cluster has it.
    pub(super) async fn settled(&self) {
        for known in self.kinds.values() {
            // An error means that the watch has ended, which only happens during a shutdown.
            let _ = known.clone().wait_for(Option::is_some).await;
        }
    }
}

/// What the operator may read of a kind may differ between namespaces. What is known is kept.
fn within(cache: Cache<DynamicObject>, namespace: &str) -> Presence {
    let lists = cache.lists();
    let known = lists.borrow();
    if known.have_covered(namespace) {
        return Presence::Present(cache);
    }
    Presence::Absent(unreadable(known.are_refused(namespace)))
}

/// Watches the definitions of all these kinds.
pub(super) fn watch(source: &Source, trigger: &Trigger, tasks: &mut JoinSet<()>) -> Optional {
    let kinds = OptionalKind::ALL.map(|kind| {
        let (sender, receiver) = channel(None);
        let follower = Follower {
            kind,
            source: source.clone(),
            trigger: trigger.clone(),
            known: sender,
        };
        tasks.spawn(follower.follow());
        (kind, receiver)
    });
    Optional {
        kinds: kinds.into(),
    }
}

/// The watch of the objects of a kind.
#[derive(Default)]
struct Objects {
    version: Option<&'static str>,
    task: JoinSet<()>,
}

/// Follows one kind.
#[derive(Clone)]
struct Follower {
    kind: OptionalKind,
    source: Source,
    trigger: Trigger,
    known: Sender<Option<Presence>>,
}

impl Follower {
    async fn follow(self) {
        let path = Definition::url_path(&(), None);
        let name = self.kind.definition();
        let target = Target {
            fields: format!("metadata.name={name}"),
            forbidden: FORBIDDEN_RETRY,
            ..self.source.target(path, "")
        };
        let watched = self.source.hearing.watch(name);
        // Dropped, and with it the watch, when the kind is no longer served in this version.
        let mut objects = Objects::default();
        let mut listed = None;
        follow(&target, |event: Event<Definition>| match event {
            Event::Listing => listed = None,
            Event::Listed(definition) => listed = Some(definition),
            Event::Complete => self.see(listed.take().as_ref(), &mut objects),
            Event::Applied(definition) => self.see(Some(&definition), &mut objects),
            Event::Deleted(_) => self.see(None, &mut objects),
            Event::Alive => watched.heard(),
            Event::Failed(failure) => self.miss(&watched, &failure),
        })
        .await;
    }

    /// Takes the definition into account.
    fn see(&self, definition: Option<&Definition>, objects: &mut Objects) {
        match definition::served(definition, self.kind) {
            Ok(version) if objects.version == Some(version) => {}
            // What is known stays until it has been read in the new version: the objects are the same.
            Ok(version) => {
                *objects = Objects::default();
                objects.version = Some(version);
                objects.task.spawn(self.clone().follow_objects(version));
            }
            Err(absence) => {
                *objects = Objects::default();
                self.learn(&Presence::Absent(absence));
            }
        }
    }

    /// The definition cannot be read. What is known is kept. A kind of which nothing is known must not keep the operator
    /// from starting.
    fn miss(&self, watched: &Watched, failure: &Failure) {
        if failure.is_forbidden() {
            watched.pause();
        } else {
            watched.failed(failure);
        }
        if self.known.borrow().is_none() {
            self.learn(&Presence::Absent(unreadable(failure.is_forbidden())));
        }
    }

    async fn follow_objects(self, version: &'static str) {
        let kind = self.kind;
        let concerns = move |object: &DynamicObject| concerned(kind, object);
        let rules = Rules::new(forget_writers, Arc::new(concerns));
        let (wake, lists) = (self.trigger.wake.clone(), self.source.lists());
        let resource = kind.resource_in(version);
        let cache = Cache::new(resource.clone(), rules, wake, lists);
        let failed = |failure: &Failure| {
            let known = matches!(&*self.known.borrow(), Some(Presence::Present(_)));
            if !known {
                self.learn(&Presence::Absent(unreadable(failure.is_forbidden())));
            }
        };
        let source = self.source.clone();
        let labels = self.labels();
        let following = source.follow::<DynamicObject, _>(&cache, &resource, &labels, failed);
        tokio::join!(following, self.follow_lists(&cache));
    }

    /// Which namespaces can be read may change at any time.
    async fn follow_lists(&self, cache: &Cache<DynamicObject>) {
        let mut lists = cache.lists();
        cache.synced().await;
        loop {
            let is_known = lists.borrow_and_update().have_covered_any();
            self.learn(&if is_known {
                Presence::Present(cache.clone())
            } else {
                Presence::Absent(Absence::NotPermitted)
            });
            // The cache is alive, and with it the sender.
            if lists.changed().await.is_err() {
                return;
            }
        }
    }

    /// Databases are watched without a label: an instance may use a foreign one.
    fn labels(&self) -> String {
        if self.kind == OptionalKind::PerconaPGCluster {
            return String::new();
        }
        labels::managed_selector()
    }

    fn learn(&self, now: &Presence) {
        let before = self.known.send_replace(Some(now.clone()));
        let kind = self.kind.name();
        match (before, now) {
            (Some(Presence::Absent(before)), Presence::Absent(now)) if before == *now => return,
            (Some(Presence::Present(before)), Presence::Present(now))
                if before.kind() == now.kind() => {}
            (_, Presence::Present(now)) => {
                let version = &now.kind().version;
                tracing::info!(kind, version, "optional kind is available");
            }
            (_, Presence::Absent(Absence::NotInstalled)) => {
                tracing::info!(kind, "optional kind is not installed");
            }
            (_, Presence::Absent(absence)) => {
                tracing::warn!(kind, "{}", absence.explain(self.kind));
            }
        }
        self.trigger.all();
    }
}

fn unreadable(forbidden: bool) -> Absence {
    if forbidden {
        Absence::NotPermitted
    } else {
        Absence::NotRead
    }
}

/// The instances that an object of this kind matters to. A database also counts by its name: an instance may use
/// a foreign one.
fn concerned(kind: OptionalKind, object: &DynamicObject) -> HashSet<InstanceRef> {
    let mut instances = instances_of(object);
    if kind == OptionalKind::PerconaPGCluster
        && let Some(namespace) = object.namespace()
        && let Some(instance) = names::instance_of_percona_cluster(&object.name_any())
    {
        instances.insert(InstanceRef::new(instance).within(&namespace));
    }
    instances
}

#[cfg(test)]
mod tests;
