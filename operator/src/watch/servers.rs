//! The `DittoServers`.

use kube::runtime::reflector::{self, ObjectRef, Store};
use kube::runtime::{WatchStreamExt as _, watcher};
use kube::{Api, Client};
use tokio::task::JoinSet;

use super::owned::forget_writers;
use super::stream::drain;
use super::wake::Wake;
use super::{Requests, Server};

/// Every change of a `DittoServer` asks for a look at it.
pub(super) fn watch(
    client: &Client,
    requests: Requests,
    tasks: &mut JoinSet<()>,
) -> (Store<Server>, Wake) {
    let (store, writer) = reflector::store();
    let stream = watcher(
        Api::<Server>::all(client.clone()),
        watcher::Config::default(),
    )
    .default_backoff()
    .modify(forget_writers)
    .reflect(writer);
    let wake = Wake {
        sender: requests,
        servers: store.clone(),
    };
    let woken = wake.clone();
    tasks.spawn(drain(
        "DittoServer".to_owned(),
        stream,
        move |event| match event {
            watcher::Event::Apply(server)
            | watcher::Event::InitApply(server)
            | watcher::Event::Delete(server) => {
                woken.these([ObjectRef::from_obj(&server)]);
            }
            watcher::Event::Init | watcher::Event::InitDone => {}
        },
    ));
    (store, wake)
}
