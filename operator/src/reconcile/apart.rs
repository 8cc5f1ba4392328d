//! Instances that are not reconciled: those of another operator, those that are too large, and those that are
//! terminating or deleted.

use dittofs_shared::crd::{DittoServer, DittoServerStatus};
use dittofs_shared::names;
use kube::{Resource as _, ResourceExt as _};
use std::time::Duration;

use super::{Error, FAR};
use crate::apply;
use crate::context::Context;
use crate::other_operator::Search;
use crate::server::{InstanceRef, MAX_SPEC, Server};
use dittofs_operator_core::events::{Awaited, Notice, Told};
use dittofs_operator_core::instance::password_reset;
use dittofs_operator_core::status::ConditionType;
use dittofs_operator_core::{events as reported, status};

/// Objects of another operator are not watched. While there are any, they are read again after this time.
const OTHER_OPERATOR_REREAD: Duration = Duration::from_secs(30);

/// Seconds between the attempts to release what a `DittoServer` that is gone has left.
const PAUSES: [u64; 4] = [1, 2, 4, 8];

/// The garbage collector deletes the objects, by their owner references.
pub(super) async fn deleting(server: &DittoServer, context: &Context) -> Result<Duration, Error> {
    if let Some(last) = status::deleting(server.status.as_ref()) {
        apply::write_status(&context.client, &context.caches.servers, server, &last).await?;
    }
    let namespace = server.namespace().unwrap_or_default();
    release(context, &namespace, &server.name_any()).await?;
    Ok(FAR)
}

/// Its spec is not kept, so that nothing is known of what it should be.
pub(super) async fn too_large(
    server: &Server,
    before: Option<&DittoServerStatus>,
    bytes: usize,
    context: &Context,
) -> Result<Duration, Error> {
    let meta = server.meta();
    if meta.deletion_timestamp.is_some() {
        let namespace = server.namespace().unwrap_or_default();
        release(context, &namespace, &server.name_any()).await?;
        return Ok(FAR);
    }
    if status::is_reported_for(before, meta.generation) {
        return Ok(FAR);
    }
    let now = jiff::Timestamp::now();
    let Some(status) = status::too_large(before, meta.generation, (bytes, MAX_SPEC), now) else {
        return Ok(FAR);
    };
    apply::write_status(&context.client, &context.caches.servers, server, &status).await?;
    let notices = news(before, &status, now);
    context.events.publish(server, notices).await;
    Ok(FAR)
}

/// There is no such `DittoServer` any more.
pub(super) async fn gone(context: &Context, namespace: &str, name: &str) {
    let instance = InstanceRef::new(name).within(namespace);
    context.forget(&instance);
    // It may have been created again since that was noticed.
    if context.caches.servers.has(namespace, name) {
        context.wake.ask(instance);
        return;
    }
    // Nothing is left that could be queued again.
    for pause in PAUSES.map(Duration::from_secs) {
        let Err(error) = release(context, namespace, name).await else {
            return;
        };
        tracing::warn!(instance = format!("{namespace}/{name}"), %error, "retrying in {pause:?}");
        tokio::time::sleep(pause).await;
        if context.caches.servers.has(namespace, name) {
            context.wake.ask(instance);
            return;
        }
    }
    if let Err(error) = release(context, namespace, name).await {
        tracing::warn!(instance = format!("{namespace}/{name}"), %error, "giving up");
    }
}

/// A finalizer that a sidecar has added must not block the deletion of the namespace.
async fn release(context: &Context, namespace: &str, instance: &str) -> Result<(), Error> {
    let released = apply::release(&context.client, &context.caches, namespace, instance).await;
    if released.map_err(|failure| Error::Apply(failure.to_string()))? {
        tracing::warn!(
            instance = format!("{namespace}/{instance}"),
            "removed the finalizers of ConfigMap {}",
            names::adapters(instance)
        );
    }
    Ok(())
}

/// Another operator manages it. Only the status is written, once for each generation: the other operator writes it,
/// too.
pub(super) async fn leave_alone(
    server: &DittoServer,
    context: &Context,
    search: &Search<'_>,
) -> Result<Duration, Error> {
    let (before, generation) = (server.status.as_ref(), server.meta().generation);
    if !status::is_reported_for(before, generation) {
        let objects = search.all().await?;
        let (handled, now) = (password_reset::handled(server), jiff::Timestamp::now());
        let status = status::left_alone(before, handled, generation, &objects, now);
        apply::write_status(&context.client, &context.caches.servers, server, &status).await?;
        let notices = news(before, &status, now);
        context.events.publish(server, notices).await;
    }
    Ok(OTHER_OPERATOR_REREAD.mul_f64(rand::random_range(0.9..1.0)))
}

/// Nothing was written, and nothing is on its way, whatever the status has said of the time before.
fn news(
    before: Option<&DittoServerStatus>,
    after: &DittoServerStatus,
    now: jiff::Timestamp,
) -> Vec<Notice> {
    let mut after = after.clone();
    let progressing = ConditionType::Progressing.as_str();
    after.conditions.retain(|one| one.type_ != progressing);
    let failed = (&[][..], &Told::default());
    reported::notices(failed, (before, &after), &mut Awaited::default(), now)
}
