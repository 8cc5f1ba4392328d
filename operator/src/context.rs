//! What every reconcile needs.

use kube::Client;
use kube::runtime::reflector::ObjectRef;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::events::Recorder;
use crate::metrics::Metrics;
use crate::retry::Retries;
use crate::turns::Turns;
use crate::watch::{GuardedDittoServer, Requests, Stores};
use dittofs_operator_core::brake::Brake;
use dittofs_operator_core::instance::Defaults;

/// What a reconcile needs.
pub struct Context {
    /// Client of the API server.
    pub client: Client,
    /// Caches of the objects that belong to us.
    pub stores: Stores,
    /// Defaults for all instances.
    pub defaults: Defaults,
    /// Metrics.
    pub metrics: Arc<Metrics>,
    /// How many servers may be out of service at a time.
    pub brake: Mutex<Brake>,
    /// Writes Events.
    pub events: Recorder,
    /// Requests reconciles of other instances.
    pub requests: Requests,
    /// When a failed reconcile is retried.
    pub retries: Mutex<Retries>,
    /// How many sidecars may be replaced at a time.
    pub turns: Mutex<Turns>,
}

impl Context {
    /// Requests a reconcile of an instance.
    pub fn request(&self, instance: ObjectRef<GuardedDittoServer>) {
        // The receiver is gone only during a shutdown.
        let _ = self.requests.unbounded_send(instance);
    }
}

/// Locks what no code panics with.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
