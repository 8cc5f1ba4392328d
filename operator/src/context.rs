//! What every reconcile needs.

use dittofs_shared::crd::DittoServer;
use kube::{Client, ResourceExt as _};
use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use crate::apply::{Change, Writing};
use crate::cache::Version;
use crate::events::Recorder;
use crate::fleet::Fleet;
use crate::lock::lock;
use crate::metrics::Metrics;
use crate::remembered::Remembered;
use crate::retry::Retries;
use crate::secrets::SecretMemory;
use crate::server::{InstanceRef, Server, place_of};
use crate::turns::Turns;
use crate::wake::Wake;
use crate::watch::{Caches, Namespaces};
use dittofs_operator_core::brake::Brake;
use dittofs_operator_core::contest::Contests;
use dittofs_operator_core::events::Awaited;
use dittofs_operator_core::instance::Defaults;
use dittofs_operator_core::rest::AtRest;

/// What a reconcile needs.
pub struct Context {
    /// Client of the API server.
    pub client: Client,
    /// Caches of the objects that belong to us.
    pub caches: Caches,
    /// Which namespaces are managed.
    pub namespaces: Namespaces,
    /// Defaults for all instances.
    pub defaults: Defaults,
    /// Metrics.
    pub metrics: Arc<Metrics>,
    /// How many servers may be out of service at a time.
    pub brake: Mutex<Brake>,
    /// Writes Events.
    pub events: Recorder,
    /// Requests reconciles.
    pub wake: Wake,
    /// What is known of the Secrets of each instance.
    pub secrets: Mutex<SecretMemory>,
    /// What is known of all instances.
    pub fleet: Mutex<Fleet>,
    /// Which objects others change again and again.
    pub contests: Mutex<Contests>,
    /// When a failed reconcile is retried.
    pub retries: Mutex<Retries>,
    /// What of each new instance is on its way.
    pub awaited: Mutex<Remembered<Awaited>>,
    /// What was created of new instances of which the rest waits, and has not been reported.
    pub begun: Mutex<Remembered<Vec<Change>>>,
    /// The instances in which everything is in order.
    pub at_rest: Mutex<HashMap<InstanceRef, AtRest>>,
    /// How many sidecars may be replaced at a time.
    pub turns: Mutex<Turns>,
}

impl Context {
    /// What it takes to write.
    pub fn writing(&self) -> Writing<'_> {
        Writing {
            client: &self.client,
            caches: &self.caches,
            contests: &self.contests,
        }
    }

    /// Whether a `DittoServer` is no longer what it was when a reconcile of it began: then another reconcile follows.
    pub fn has_changed(&self, server: &DittoServer) -> bool {
        let (namespace, name) = (server.namespace().unwrap_or_default(), server.name_any());
        let version = self.caches.servers.version(&namespace, &name);
        let seen = server.metadata.resource_version.as_deref();
        if version == seen.map(Version::from) {
            return false;
        }
        // It may be only its status.
        let cached = self.caches.servers.get(&namespace, &name);
        let now = cached.as_deref().and_then(Server::valid);
        now.is_none_or(|now| {
            now.metadata.deletion_timestamp != server.metadata.deletion_timestamp
                || now.metadata.uid != server.metadata.uid
                || now.metadata.generation != server.metadata.generation
        })
    }

    /// Forgets an instance that is gone.
    pub fn forget(&self, instance: &InstanceRef) {
        self.wake.forget(instance);
        lock(&self.secrets).forget(instance);
        lock(&self.fleet).forget(instance);
        lock(&self.retries).succeeded(instance);
        lock(&self.contests).forget(&place_of(instance));
        lock(&self.at_rest).remove(instance);
        lock(&self.awaited).forget(instance);
        lock(&self.begun).forget(instance);
    }
}
