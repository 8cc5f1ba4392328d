//! Writes what came of a reconcile: the status, and Events.

use dittofs_shared::crd::{DittoServer, DittoServerStatus};
use jiff::Timestamp;
use kube::{Resource as _, ResourceExt as _};
use std::time::Duration;

use super::Error;
use super::converge::{Converged, Extent};
use crate::apply::{self, Applied};
use crate::context::Context;
use crate::lock::lock;
use crate::server::InstanceRef;
use dittofs_operator_core::events as reported;
use dittofs_operator_core::events::{Notice, password_reset};
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
        contested: &applied.contested,
        roll,
        renewal,
        config_hash: pass.desired.config_hash.as_deref(),
        stateful_set: observed.stateful_set.as_deref(),
        pod: observed.pod.as_deref(),
        adapter_services: &observed.adapter_services,
        optional: &observed.optional,
        warnings: &[],
        reconcile_request: reconcile_request::of(server)
            .filter(|_| converged.extent == Extent::Whole),
        previous: server.status.as_ref(),
    }
}

/// What is left after a report.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reported {
    /// Whether there was nothing to do and nothing to report, and everything is in order.
    pub is_in_order: bool,
    /// When something is to be reported unless it changes until then.
    pub due_in: Option<Duration>,
}

pub(super) async fn report(
    server: &DittoServer,
    context: &Context,
    place: &InstanceRef,
    view: &View<'_>,
    applied: &Applied,
) -> Result<Reported, Error> {
    let written = reported::of_changes(&applied.changes);
    if lock(&context.retries).may_pass(place, &applied.failures) {
        context.events.publish(server, written).await;
        return Ok(Reported {
            is_in_order: false,
            due_in: None,
        });
    }
    let now = Timestamp::now();
    let status = status::of(view, now);
    let (mut notices, due_in) = news(server, context, place, applied, (&status, now));
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
    Ok(Reported {
        is_in_order: applied.is_nothing() && is_in_order(server, &status, view.roll, view.renewal),
        due_in,
    })
}

/// What the new status has to be reported of, and when there may be more.
fn news(
    server: &DittoServer,
    context: &Context,
    place: &InstanceRef,
    applied: &Applied,
    (status, now): (&DittoServerStatus, Timestamp),
) -> (Vec<Notice>, Option<Duration>) {
    let told = lock(&context.retries).told(place);
    let uid = server.uid().unwrap_or_default();
    let mut awaited = lock(&context.awaited).take(place, &uid);
    let failed = (applied.failures.as_slice(), &told);
    let changed = (server.status.as_ref(), status);
    let notices = reported::notices(failed, changed, &mut awaited, now);
    let due_in = awaited.due_in(now);
    if !awaited.is_empty() {
        lock(&context.awaited).put(place, uid, awaited);
    }
    (notices, due_in)
}
