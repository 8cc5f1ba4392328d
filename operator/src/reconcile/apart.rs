//! Instances that are not worked on: those of another operator, and those that go or are gone.

use dittofs_shared::crd::DittoServer;
use kube::runtime::controller::Action;
use kube::{Resource as _, ResourceExt as _};
use std::time::Duration;

use super::{Context, Error, write_status};
use crate::apply;
use crate::events;
use crate::other_operator::Search;
use dittofs_operator_core::instance::password_reset;
use dittofs_operator_core::{events as reported, status};

/// Objects of another operator are not watched either. They are looked for this often, while there are any.
const OTHER_OPERATOR_REREAD: Duration = Duration::from_secs(30);

/// Owner references take care of the objects, with or without us.
pub(super) async fn deleting(server: &DittoServer, context: &Context) -> Result<Action, Error> {
    if let Some(last) = status::deleting(server.status.as_ref()) {
        write_status(&context.client, server, &last).await?;
    }
    let namespace = server.namespace().unwrap_or_default();
    release(context, &namespace, &server.name_any()).await;
    Ok(Action::await_change())
}

/// What is left of an instance that goes must not hold up its namespace. Tried again at the next event only.
pub(super) async fn release(context: &Context, namespace: &str, instance: &str) {
    match apply::release(&context.client, &context.stores, namespace, instance).await {
        Ok(false) => {}
        Ok(true) => tracing::warn!(
            instance = format!("{namespace}/{instance}"),
            "the finalizers of its ConfigMap with the published state have been removed"
        ),
        Err(error) => tracing::warn!(instance = format!("{namespace}/{instance}"), %error),
    }
}

/// Another operator looks after it. Nothing is written but the status, and that once for each generation: the other
/// operator writes it, too.
pub(super) async fn leave_alone(
    server: &DittoServer,
    context: &Context,
    search: &Search<'_>,
) -> Result<Action, Error> {
    let (before, generation) = (server.status.as_ref(), server.meta().generation);
    if !status::is_reported_for(before, generation) {
        let objects = search.all().await?;
        let (handled, now) = (password_reset::handled(server), jiff::Timestamp::now());
        let told = status::left_alone(before, handled, generation, &objects, now);
        write_status(&context.client, server, &told).await?;
        let notices = reported::notices(&[], &[], before, &told);
        events::publish(&context.client, server, notices).await;
    }
    let delay = OTHER_OPERATOR_REREAD.mul_f64(rand::random_range(0.9..1.0));
    Ok(Action::requeue(delay))
}
