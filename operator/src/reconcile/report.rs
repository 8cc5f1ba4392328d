//! Writes what came of a reconcile: the status, and Events.

use dittofs_shared::crd::DittoServer;
use kube::Resource as _;

use super::Error;
use super::converge::Converged;
use crate::apply::{self, Applied};
use crate::context::Context;
use crate::lock::lock;
use crate::server::InstanceRef;
use dittofs_operator_core::events as reported;
use dittofs_operator_core::events::password_reset;
use dittofs_operator_core::reconcile_request;
use dittofs_operator_core::renewal::Renewal;
use dittofs_operator_core::rest::is_in_order;
use dittofs_operator_core::roll::Roll;
use dittofs_operator_core::status::{self, View};

/// What the status is derived from, apart from Events.
pub(super) fn view<'a>(
    server: &'a DittoServer,
    converged: &'a Converged,
    applied: &'a Applied,
    roll: &'a Roll,
    renewal: &'a Renewal,
) -> View<'a> {
    let pass = &converged.pass;
    let observed = &pass.observed;
    View {
        instance: &pass.instance,
        generation: server.meta().generation,
        failures: &applied.failures,
        refused_growth: &applied.refused_growth,
        refused_owners: &applied.refused_owners,
        roll,
        renewal,
        config_hash: pass.desired.config_hash.as_deref(),
        stateful_set: observed.stateful_set.as_deref(),
        pod: observed.pod.as_deref(),
        adapter_services: &observed.adapter_services,
        optional: &observed.optional,
        warnings: &[],
        reconcile_request: reconcile_request::of(server).filter(|_| converged.is_complete),
        previous: server.status.as_ref(),
    }
}

/// Returns whether there was nothing to do and nothing to report, and everything is in order.
pub(super) async fn report(
    server: &DittoServer,
    context: &Context,
    place: &InstanceRef,
    view: &View<'_>,
    applied: &Applied,
) -> Result<bool, Error> {
    let written = reported::of_changes(&applied.changes);
    if lock(&context.retries).may_pass(place, &applied.failures) {
        context.events.publish(server, written).await;
        return Ok(false);
    }
    let status = status::of(view, jiff::Timestamp::now());
    let told = lock(&context.retries).told(place);
    let mut notices = reported::notices(&applied.failures, &told, server.status.as_ref(), &status);
    let resets = &view.instance.api_access.reset;
    notices.extend(password_reset::notices(server, resets, &status));
    let mut notices = lock(&context.retries).with_owed(place, notices);
    let mut result = Ok(());
    if server.status.as_ref() != Some(&status) {
        let servers = &context.caches.servers;
        result = apply::write_status(&context.client, servers, server, &status).await;
    }
    if result.is_ok() {
        lock(&context.retries).tell(place, &applied.failures);
    } else {
        // Whether the status was written or not, the next attempt reports each of them once.
        lock(&context.retries).owe(place, std::mem::take(&mut notices));
    }
    let all = written.into_iter().chain(notices).collect();
    context.events.publish(server, all).await;
    result?;
    Ok(applied.is_nothing() && is_in_order(server, &status, view.roll, view.renewal))
}
