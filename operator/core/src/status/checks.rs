//! The conditions, each from one check, and `Ready`, which is the first of a chain of checks that fails.

use dittofs_shared::crd::AdapterStatus;

use super::ConditionType::{
    AdaptersReady, AdminUsernameHonored, Authenticated, Available, ConfigOverridesKnown,
    ConfigReady, DatabaseReady, DirectoryReady, GatewayReady, ImagePinned, ManagementReady,
    MetricsReady, ObjectsUncontested, PasswordResetPending, Paused, Progressing, Ready,
    RollPending, SidecarUpToDate, SigningKeyExclusive, SigningKeyPending, StatefulSetReady,
    StorageReady,
};
use super::{
    ConditionStatus, ConditionType, Finding, Reason, View, access, adapters, config, database,
    directory, gateway, metrics, node, pod, progress, restart, server, sidecar, storage,
};
use crate::contest::Contested;
use crate::pod_status;

/// What a condition says, or `None` while there is nothing to say.
type Check = fn(&View<'_>, &[AdapterStatus]) -> Option<Finding>;

/// All conditions but `Ready`.
const CONDITIONS: [(ConditionType, Check); 22] = [
    (ConfigReady, |view, _| Some(config::ready(view))),
    (StorageReady, |view, _| Some(storage::ready(view))),
    (StatefulSetReady, |view, _| Some(server::stateful_set(view))),
    (Available, |view, _| Some(server::available(view))),
    (Authenticated, |view, _| Some(access::authenticated(view))),
    (AdaptersReady, |view, adapters| {
        Some(adapters::ready(view, adapters))
    }),
    (RollPending, |view, _| Some(restart::pending(view))),
    (SidecarUpToDate, |view, _| Some(sidecar::up_to_date(view))),
    (Progressing, |view, _| Some(progress::progressing(view))),
    (MetricsReady, |view, _| metrics::ready(view)),
    (GatewayReady, |view, _| gateway::ready(view)),
    (Paused, |view, _| progress::paused(view)),
    (DatabaseReady, |view, _| database::ready(view)),
    (ConfigOverridesKnown, |view, _| {
        config::overrides_known(view)
    }),
    (ImagePinned, |view, _| config::image_pinned(view)),
    (AdminUsernameHonored, |view, _| config::admin_username(view)),
    (DirectoryReady, |view, _| directory::ready(view)),
    (ManagementReady, |view, _| config::management(view)),
    (SigningKeyPending, |view, _| access::key_pending(view)),
    (SigningKeyExclusive, |view, _| access::key_shared(view)),
    (ObjectsUncontested, |view, _| contested(view)),
    (PasswordResetPending, |view, _| access::reset_pending(view)),
];

/// All conditions, `Ready` first.
pub(super) fn all(view: &View<'_>, adapters: &[AdapterStatus]) -> Vec<(ConditionType, Finding)> {
    let found = CONDITIONS
        .iter()
        .filter_map(|(r#type, check)| Some((*r#type, check(view, adapters)?)));
    let mut findings: Vec<_> = found.collect();
    let ready = ready(&Evaluated {
        view,
        findings: &findings,
    });
    findings.insert(0, (Ready, ready));
    findings
}

/// What `Ready` is decided by.
struct Evaluated<'a> {
    view: &'a View<'a>,
    findings: &'a [(ConditionType, Finding)],
}

impl Evaluated<'_> {
    /// What is wrong, unless this condition is True or there is nothing to say of it.
    fn failure(&self, r#type: ConditionType) -> Option<Finding> {
        let mut findings = self.findings.iter();
        let (_, finding) = findings.find(|(found, _)| *found == r#type)?;
        (finding.status != ConditionStatus::True).then(|| Finding {
            message: format!("{}: {}", r#type.as_str(), finding.message),
            ..finding.clone()
        })
    }
}

/// Causes before their consequences. The first finding becomes `Ready` and ends the chain.
const CHAIN: [fn(&Evaluated<'_>) -> Option<Finding>; 12] = [
    not_applied,
    // These two count for a stopped server, too: it could not be started again.
    |evaluated| evaluated.failure(ConfigReady),
    |evaluated| evaluated.failure(DatabaseReady),
    stopped,
    no_volume,
    refused_by_api,
    |evaluated| evaluated.failure(StatefulSetReady),
    |evaluated| evaluated.failure(StorageReady),
    |evaluated| evaluated.failure(Authenticated),
    |evaluated| evaluated.failure(AdaptersReady),
    |evaluated| evaluated.failure(GatewayReady),
    |evaluated| evaluated.failure(ObjectsUncontested),
];

fn ready(evaluated: &Evaluated<'_>) -> Finding {
    let first = CHAIN.iter().find_map(|check| check(evaluated));
    first.unwrap_or_else(|| {
        Finding::yes(
            Reason::AllChecksPassed,
            "the server is running and every enabled adapter is exposed",
        )
    })
}

fn not_applied(evaluated: &Evaluated<'_>) -> Option<Finding> {
    let failure = evaluated.view.failures.first()?;
    Some(Finding::no(Reason::ApplyFailed, failure.to_string()))
}

/// Condition `ObjectsUncontested`: what is put back is changed again.
fn contested(view: &View<'_>) -> Option<Finding> {
    let Contested { object, opponent } = view.contested.first()?;
    let manager = opponent.manager.as_ref();
    let manager = manager.map_or_else(
        || "an unknown client".to_owned(),
        |name| format!("{name:?}"),
    );
    let message = format!(
        "{object}: {manager} keeps changing {}, and the operator puts it back, once a minute at most in the end. Configure that client to \
         leave the field alone, or set its value in the spec",
        opponent.field
    );
    Some(Finding::no(Reason::ChangedByOthers, message))
}

/// A server that is stopped as requested is ready, and the rest of the chain does not concern it.
fn stopped(evaluated: &Evaluated<'_>) -> Option<Finding> {
    let view = evaluated.view;
    let is_gone = view.stateful_set.is_some_and(|set| server::pods(set) == 0);
    (server::is_stopped(view) && is_gone).then(|| {
        Finding::yes(
            Reason::ScaledToZero,
            "the server is stopped because spec.replicas is 0",
        )
    })
}

/// A pod waits for its volumes.
fn no_volume(evaluated: &Evaluated<'_>) -> Option<Finding> {
    storage::keeps_pod_from_running(evaluated.view)
        .then(|| evaluated.failure(StorageReady))
        .flatten()
}

/// The pod runs and is not ready. Kubernetes does not say why, but what the sidecar sees of the server does.
fn refused_by_api(evaluated: &Evaluated<'_>) -> Option<Finding> {
    let not_ready = evaluated.failure(StatefulSetReady)?;
    let view = evaluated.view;
    let runs = |pod| {
        pod_status::is_serving(pod)
            && node::stopping(view).is_none()
            && !pod::is_explained(view, pod)
    };
    let is_unexplained = not_ready.reason == Reason::PodNotReady && view.pod.is_some_and(runs);
    let seen = evaluated
        .failure(Authenticated)
        .filter(|_| is_unexplained)?;
    let is_cause = matches!(
        seen.reason,
        Reason::CredentialsRefused | Reason::InvalidAnswer | Reason::Unreachable
    );
    is_cause.then_some(Finding {
        status: ConditionStatus::False,
        ..seen
    })
}
