//! The `DittoServers` of our scope.

use dittofs_shared::crd::DittoServer;
use kube::core::DeserializeGuard;
use kube::runtime::reflector::Store;
use kube::runtime::reflector::store::Writer;
use kube::runtime::watcher::Event;
use kube::{Resource as _, ResourceExt as _};
use std::collections::HashSet;
use std::sync::{Arc, Mutex};

use super::Tasks;
use super::signing_keys::SigningKeys;
use super::source::Source;
use crate::cache::{Cache, Rules};
use crate::lock::lock;
use crate::server::{InstanceRef, Place, Server};
use crate::wake::Wake;
use dittofs_operator_core::events::password_reset::sets_annotation;

/// In which `kubectl apply` repeats the whole object.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// Of the managed fields we keep those of the writer that requests a reset of the administrator's password: an Event
/// names them.
fn keep_who_asks(server: &mut Server) {
    if let Some(annotations) = &mut server.meta_mut().annotations {
        annotations.remove(LAST_APPLIED);
    }
    if let Some(entries) = &mut server.meta_mut().managed_fields {
        entries.retain(sets_annotation);
    }
}

fn itself(server: &Server) -> HashSet<InstanceRef> {
    let namespace = server.namespace().unwrap_or_default();
    HashSet::from([InstanceRef::new(&server.name_any()).within(&namespace)])
}

/// What is known of the `DittoServers`.
pub(super) struct Servers {
    pub cache: Cache<Server>,
    /// Where they are.
    pub places: Store<Place>,
    pub signing_keys: SigningKeys,
}

/// Every change of a `DittoServer` requests a reconcile of it. One whose labels leave our scope seems to be deleted: it is
/// not reconciled, and its objects are left to the operator that manages it now.
pub(super) fn watch(source: &Source, selector: &str, wake: &Wake, tasks: &mut Tasks) -> Servers {
    let mut writer = Writer::<Place>::new(());
    let places = writer.as_reader();
    for event in [Event::Init, Event::InitDone] {
        writer.apply_watcher_event(&event);
    }
    let writer = Mutex::new(writer);
    let signing_keys = SigningKeys::default();
    let known = signing_keys.clone();
    let observer = move |server: &Server, is_there: bool| {
        let place = Place::of(server);
        known.see(server, is_there);
        let event = if is_there {
            Event::Apply(place)
        } else {
            Event::Delete(place)
        };
        lock(&writer).apply_watcher_event(&event);
    };
    let rules = Rules {
        observer: Some(Arc::new(observer)),
        are_servers: true,
        ..Rules::new(keep_who_asks, Arc::new(itself))
    };
    let cache = Cache::new((), rules, wake.clone(), source.lists());
    tasks.spawn::<DeserializeGuard<DittoServer>, Server>(source, &cache, selector);
    Servers {
        cache,
        places,
        signing_keys,
    }
}
