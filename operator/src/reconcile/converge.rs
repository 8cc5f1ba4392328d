//! Applies what is desired, and what follows from that.

use dittofs_shared::crd::DittoServer;
use kube::ResourceExt as _;
use std::time::Duration;

use super::{Error, ensure_status};
use crate::apply::{self, Applied};
use crate::context::Context;
use crate::observe;
use crate::read::ReadError;
use crate::secrets::KnownSecrets;
use crate::server::InstanceRef;
use dittofs_operator_core::desired::Desired;
use dittofs_operator_core::instance::Instance;
use dittofs_operator_core::observed::Observed;
use dittofs_operator_core::reconcile_request;
use dittofs_operator_core::secrets::generated_names;

/// How often one reconcile applies what follows from what it has just written, such as what has to be deleted when its
/// successor exists.
const ROUNDS: usize = 4;
/// When it goes on with what follows from the last of them.
const AGAIN: Duration = Duration::from_secs(1);

/// Whether no operator has reconciled it yet.
pub(super) fn is_new(server: &DittoServer) -> bool {
    let conditions = server.status.as_ref().map(|status| &status.conditions);
    conditions.is_none_or(Vec::is_empty)
}

/// What a reconcile has observed, and what it has concluded from that.
pub(super) struct Pass {
    pub observed: Observed,
    pub instance: Instance,
    pub desired: Desired,
}

impl Pass {
    async fn begin(
        server: &DittoServer,
        context: &Context,
        secrets: &mut KnownSecrets,
    ) -> Result<Self, ReadError> {
        let (caches, client) = (&context.caches, &context.client);
        let observed = observe::observe(server, caches, client, secrets).await?;
        let instance = Instance::parse(&observed, &context.defaults);
        Ok(Self {
            desired: Desired::of(&instance),
            observed,
            instance,
        })
    }
}

/// How far it has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Extent {
    /// The pod of a new instance can start, and the rest waits for the pods of other new ones.
    Begun,
    /// Not everything was compared with what is desired.
    Part,
    /// Everything was.
    Whole,
}

/// What came of it.
pub(super) struct Converged {
    /// As it is now.
    pub pass: Pass,
    /// What was written.
    pub applied: Applied,
    /// How far it has come.
    pub extent: Extent,
}

/// Writes whatever differs, and what follows from that, unless the instance is paused.
pub(super) async fn converge(
    server: &DittoServer,
    context: &Context,
    place: &InstanceRef,
    secrets: &mut KnownSecrets,
) -> Result<Converged, Error> {
    let begun = begin(server, context, secrets);
    let (first, begun) = tokio::join!(ensure_status(server, context, place), begun);
    first?;
    let (pass, applied) = begun?;
    if server.spec.paused {
        return Ok(Converged {
            pass,
            applied,
            extent: Extent::Whole,
        });
    }
    if is_new(server) && context.wake.others_are_new() {
        return start(server, context, applied, secrets).await;
    }
    Box::pin(go_on(server, context, (pass, applied), secrets)).await
}

/// Writes what the pod cannot start without, and leaves the rest for later.
async fn start(
    server: &DittoServer,
    context: &Context,
    mut applied: Applied,
    secrets: &mut KnownSecrets,
) -> Result<Converged, Error> {
    let pass = Pass::begin(server, context, secrets).await?;
    let parts = (&pass.instance, &pass.desired);
    applied.extend(Box::pin(apply::start(context.writing(), parts)).await);
    let extent = if applied.failures.is_empty() {
        Extent::Begun
    } else {
        Extent::Part
    };
    Ok(Converged {
        pass,
        applied,
        extent,
    })
}

/// Writes whatever differs, and what follows from that, in rounds.
async fn go_on(
    server: &DittoServer,
    context: &Context,
    (mut pass, mut applied): (Pass, Applied),
    secrets: &mut KnownSecrets,
) -> Result<Converged, Error> {
    let unprepared = std::mem::take(&mut applied.failures);
    let due = applied.due_in.take();
    let mut is_outdated = is_new(server) || !applied.changes.is_empty();
    let mut force = reconcile_request::of(server).is_some();
    let mut extent = Extent::Part;
    for _ in 0..ROUNDS {
        if context.has_changed(server) {
            break;
        }
        if is_outdated {
            pass = Pass::begin(server, context, secrets).await?;
        }
        let parts = (&pass.instance, &pass.desired);
        let round = Box::pin(apply::apply(context.writing(), parts, force)).await;
        is_outdated = !round.changes.is_empty();
        let is_last = !is_outdated || !round.failures.is_empty();
        applied = applied.followed_by(round);
        extent = Extent::Whole;
        if is_last {
            break;
        }
        force = false;
    }
    if extent == Extent::Part {
        applied.extend(apply::contested(context.writing(), &pass.instance));
    }
    applied.failures.splice(..0, unprepared);
    if let Some(due) = due {
        applied.due_within(due);
    }
    if is_outdated {
        pass = Pass::begin(server, context, secrets).await?;
        // The events of our own writes wake nobody.
        applied.due_within(AGAIN);
    }
    Ok(Converged {
        pass,
        applied,
        extent,
    })
}

/// Observes the instance, and creates what others have to know of, unless it is paused.
async fn begin(
    server: &DittoServer,
    context: &Context,
    secrets: &mut KnownSecrets,
) -> Result<(Pass, Applied), ReadError> {
    let is_paused = server.spec.paused;
    if is_new(server) && !is_paused {
        // The API server says so when one of them exists.
        for name in generated_names(&server.name_any()) {
            secrets.learn(name, None);
        }
    }
    let pass = Pass::begin(server, context, secrets).await?;
    if is_paused {
        return Ok((pass, Applied::default()));
    }
    let parts = (&pass.instance, &pass.desired);
    let applied = apply::prepare(context.writing(), &pass.observed, parts, secrets).await;
    secrets.forget_missing();
    Ok((pass, applied))
}
