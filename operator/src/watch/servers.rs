//! The `DittoServers` of our scope.

use futures::StreamExt as _;
use kube::Resource as _;
use kube::runtime::reflector::{ObjectRef, Store};
use kube::runtime::watcher;
use tokio::task::JoinSet;

use super::source::Source;
use super::wake::Wake;
use super::{Requests, Server};
use dittofs_operator_core::events::password_reset::sets_annotation;

/// Of the writers we keep those who ask for a reset of the administrator's password: an Event names them.
fn keep_who_asks(server: &mut Server) {
    if let Some(entries) = &mut server.meta_mut().managed_fields {
        entries.retain(sets_annotation);
    }
}

/// Every change of a `DittoServer` asks for a look at it. One whose labels take it out of our scope is deleted, as far
/// as we can see: then there is nothing to look at, and all that belongs to it stays as it is for whoever has it now.
pub(super) fn watch(
    source: &Source,
    selector: &str,
    requests: Requests,
    tasks: &mut JoinSet<()>,
) -> (Store<Server>, Wake) {
    let mut config = watcher::Config::default();
    if !selector.is_empty() {
        config = config.labels(selector);
    }
    let (store, mut events) = source.copy(&(), &config, keep_who_asks);
    let wake = Wake {
        sender: requests,
        servers: store.clone(),
    };
    let woken = wake.clone();
    tasks.spawn(async move {
        while let Some(event) = events.next().await {
            match event {
                Ok(
                    watcher::Event::Apply(server)
                    | watcher::Event::InitApply(server)
                    | watcher::Event::Delete(server),
                ) => woken.these([ObjectRef::from_obj(&server)]),
                Ok(watcher::Event::Init | watcher::Event::InitDone) | Err(_) => {}
            }
        }
    });
    (store, wake)
}
