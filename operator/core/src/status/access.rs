//! The ways into the REST API: the sidecar's, by its user and by the signing key, and the administrator's password.

use dittofs_shared::names::ADMIN_USER;

use super::{Finding, View, checks};
use crate::desired::SIGNING_KEY_VOLUME;
use crate::instance::{Asked, ResetProgress};

/// The conditions that are there only while there is something to say.
pub(super) fn all(view: &View<'_>) -> Vec<(&'static str, Finding)> {
    [
        ("SigningKeyPending", key_pending(view)),
        ("SigningKeyExclusive", key_shared(view)),
        ("PasswordResetPending", reset_pending(view)),
    ]
    .into_iter()
    .filter_map(|(r#type, finding)| Some((r#type, finding?)))
    .collect()
}

/// The adapters are read. Perhaps not in the way that was meant.
pub(super) fn reachable(view: &View<'_>) -> Finding {
    match &view.instance.api_access.reported {
        Some(access) if !access.signing_key_refused => Finding::yes(
            "SignedToken",
            format!(
                "the sidecar reads the adapters, but its own user does not work: {}",
                access.message
            ),
        ),
        _ => Finding::yes(
            "Reachable",
            "the sidecar reads the adapters from the REST API",
        ),
    }
}

/// The mounted key follows its Secret, and the server's environment does not.
fn key_pending(view: &View<'_>) -> Option<Finding> {
    let access = view.instance.api_access.reported.as_ref()?;
    let jwt = &view.instance.secrets.jwt;
    let refused = access.signing_key_refused && !checks::stopped(view);
    refused.then(|| {
        Finding::yes(
            "RestartNeeded",
            format!(
                "the server refuses what is signed with key {:?} of Secret {:?}: it runs with another key until it is restarted. \
                 Until then the sidecar cannot repair its user. {}",
                jwt.key,
                jwt.name,
                restart(view)
            ),
        )
    })
}

/// Whoever has the key of one server can sign tokens of an administrator for the other.
fn key_shared(view: &View<'_>) -> Option<Finding> {
    let others = &view.instance.api_access.key_sharers;
    if others.is_empty() {
        return None;
    }
    let jwt = &view.instance.secrets.jwt;
    Some(Finding::no(
        "SharedSigningKey",
        format!(
            "key {:?} of Secret {:?} also signs the tokens of DittoServer {}: whoever administers one server administers the others. \
             Name a Secret of its own in spec.identity.jwt.secretRef, or none",
            jwt.key,
            jwt.name,
            others.join(", ")
        ),
    ))
}

/// A reset of the administrator's password that has not happened yet.
fn reset_pending(view: &View<'_>) -> Option<Finding> {
    let asked = view.instance.api_access.reset.asked.as_ref()?;
    let (reason, message) = match &asked.progress {
        ResetProgress::Done => return None,
        ResetProgress::Unusable(problem) => (
            "SecretUnusable",
            format!("{problem}. The password of user {ADMIN_USER} stays as it is until then"),
        ),
        _ if view.instance.spec.paused => (
            "Paused",
            "spec.paused is true: the password is set when it is false".to_owned(),
        ),
        _ if checks::stopped(view) => (
            "Stopped",
            "spec.replicas is 0: the password is set when the server runs".to_owned(),
        ),
        _ if is_old(view) => (
            "RestartNeeded",
            format!(
                "this pod was made by an earlier version of the operator, and its sidecar cannot set the password. {}",
                restart(view)
            ),
        ),
        ResetProgress::Refused(why) => (
            "Refused",
            format!(
                "the password of user {ADMIN_USER} could not be set, and the sidecar tries again: {why}"
            ),
        ),
        ResetProgress::Waiting => ("WaitingForSidecar", waiting(asked)),
    };
    Some(Finding::yes(reason, message))
}

fn waiting(asked: &Asked) -> String {
    format!(
        "the sidecar has been asked to set the password of user {ADMIN_USER} to key {:?} of Secret {:?}",
        asked.secret.key, asked.secret.name
    )
}

/// Whether the pod was made when sidecars did not have the signing key.
fn is_old(view: &View<'_>) -> bool {
    let spec = view.pod.and_then(|pod| pod.spec.as_ref());
    let volumes = spec.map(|spec| spec.volumes.iter().flatten());
    volumes.is_some_and(|mut volumes| !volumes.any(|volume| volume.name == SIGNING_KEY_VOLUME))
}

fn restart(view: &View<'_>) -> String {
    format!(
        "Run `kubectl rollout restart statefulset/{} -n {}` when it suits you",
        view.instance.name, view.instance.namespace
    )
}
