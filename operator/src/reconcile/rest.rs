//! A reconcile of an instance in which everything was in order and nothing has changed ends at once.

use dittofs_shared::crd::DittoServer;
use std::time::{Duration, Instant};

use crate::context::Context;
use crate::lock::lock;
use crate::observe;
use crate::read::ReadError;
use crate::secrets::KnownSecrets;
use crate::server::InstanceRef;
use crate::wake::Causes;
use dittofs_operator_core::observed::Observed;
use dittofs_operator_core::rest::{AtRest, Inputs};

/// What is cached when a reconcile begins. Whatever changes while it runs makes the next one look.
#[derive(Clone, Copy, Debug)]
pub(super) struct Beginning {
    at: Instant,
    objects: u64,
}

impl Beginning {
    /// To be called before anything is read.
    pub fn of(context: &Context, instance: &InstanceRef, at: Instant) -> Self {
        Self {
            at,
            objects: context.caches.stamp(instance),
        }
    }

    /// Whether there is nothing to find, and for how long. The Secrets of users are read: they are not watched.
    ///
    /// # Errors
    /// A Secret cannot be read.
    pub async fn left(
        &self,
        server: &DittoServer,
        context: &Context,
        instance: &InstanceRef,
        (causes, secrets): (Causes, &mut KnownSecrets),
    ) -> Result<Option<Duration>, ReadError> {
        // One that looks and fails must not be taken for one that has found everything in order.
        let known = lock(&context.at_rest).remove(instance);
        let Some(known) = known.filter(|_| !causes.is_whole) else {
            return Ok(None);
        };
        let secrets = observe::secrets(server, &context.client, secrets).await?;
        let inputs = Inputs::of(server, self.objects, &secrets);
        let left = inputs.and_then(|inputs| known.left(inputs, self.at));
        if left.is_some() {
            lock(&context.at_rest).insert(instance.clone(), known);
        }
        Ok(left)
    }

    /// Remembers that everything is in order. `due`: when the conclusions may change although nothing has.
    pub fn in_order(
        &self,
        context: &Context,
        instance: &InstanceRef,
        observed: &Observed,
        due: Duration,
    ) {
        if let Some(inputs) = Inputs::of(&observed.server, self.objects, &observed.secrets) {
            let at_rest = AtRest::since(inputs, self.at, due);
            lock(&context.at_rest).insert(instance.clone(), at_rest);
        }
    }
}
