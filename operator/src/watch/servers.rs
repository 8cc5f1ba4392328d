//! The `DittoServers` of our scope.

use futures::StreamExt as _;
use kube::Resource as _;
use kube::runtime::reflector::{ObjectRef, Store};
use kube::runtime::watcher;

use super::source::Source;
use super::trigger::Trigger;
use super::{GuardedDittoServer, Requests, Tasks};
use dittofs_operator_core::events::password_reset::sets_annotation;

/// Of the managed fields we keep those of the writer that requests a reset of the administrator's password: an Event
/// names them.
fn keep_who_asks(server: &mut GuardedDittoServer) {
    if let Some(entries) = &mut server.meta_mut().managed_fields {
        entries.retain(sets_annotation);
    }
}

/// Every change of a `DittoServer` requests a reconcile of it. One whose labels leave our scope seems to be deleted:
/// it is not reconciled, and its objects are left to the operator that manages it now.
pub(super) fn watch(
    source: &Source,
    selector: &str,
    requests: Requests,
    tasks: &mut Tasks,
) -> (Store<GuardedDittoServer>, Trigger) {
    let mut config = watcher::Config::default();
    if !selector.is_empty() {
        config = config.labels(selector);
    }
    let (store, mut events) = source.cache(&(), &config, keep_who_asks);
    let trigger = Trigger {
        requests,
        servers: store.clone(),
    };
    let triggered = trigger.clone();
    tasks.spawn(&store, async move {
        while let Some(event) = events.next().await {
            match event {
                Ok(
                    watcher::Event::Apply(server)
                    | watcher::Event::InitApply(server)
                    | watcher::Event::Delete(server),
                ) => triggered.these([ObjectRef::from_obj(&server)]),
                Ok(watcher::Event::Init | watcher::Event::InitDone) | Err(_) => {}
            }
        }
    });
    (store, trigger)
}
