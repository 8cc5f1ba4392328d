//! Access to the REST API: the sidecar's, by its user and by the signing key, and the administrator's password.

use dittofs_shared::names::ADMIN_USER;
use dittofs_shared::published_state::{ServerState, ServerStatus};

use super::{ConditionType, Finding, Reason, View, node, server, sidecar};
use crate::adapters::{Adapters, Unknown};
use crate::desired::SIGNING_KEY_VOLUME;
use crate::instance::{RequestedReset, ResetProgress};

/// Condition `Authenticated`.
pub(super) fn authenticated(view: &View<'_>) -> Finding {
    if server::is_stopped(view) {
        return Finding::unknown(Reason::ScaledToZero, "spec.replicas is 0");
    }
    // What was published before says nothing any more.
    if let Some(message) = node::unreachable(view) {
        return Finding::unknown(Reason::NodeUnreachable, message);
    }
    match &view.instance.server_state {
        Some(state) => of_state(view, state),
        None => without_state(&view.instance.adapters),
    }
}

fn without_state(adapters: &Adapters) -> Finding {
    match adapters {
        Adapters::Unknown(unknown @ Unknown::NothingPublished) => {
            Finding::unknown(Reason::NothingPublished, unknown.to_string())
        }
        Adapters::Unknown(unknown) => {
            Finding::unknown(Reason::PublishedStateUnusable, unknown.to_string())
        }
        Adapters::Known(_) => Finding::unknown(
            Reason::NothingPublished,
            "the sidecar has not published anything yet",
        ),
    }
}

fn of_state(view: &View<'_>, state: &ServerState) -> Finding {
    let message = |what: &str| match &state.message {
        Some(message) => format!("{what} since {}: {message}", state.since),
        None => format!("{what} since {}", state.since),
    };
    match state.status {
        ServerStatus::Reachable => reachable(view),
        ServerStatus::Refused => Finding::no(
            Reason::CredentialsRefused,
            message("the REST API has rejected the sidecar's credentials"),
        ),
        ServerStatus::Invalid => Finding::unknown(
            Reason::InvalidAnswer,
            message("the REST API has not returned a valid list of adapters"),
        ),
        ServerStatus::Unreachable => Finding::unknown(
            Reason::Unreachable,
            message("the REST API has been unreachable"),
        ),
        ServerStatus::Starting => Finding::unknown(
            Reason::Starting,
            message("the sidecar has been waiting for the REST API"),
        ),
        // Only the sidecar has stopped. The next one is about to publish.
        ServerStatus::Stopping if sidecar::is_tolerated(view, ConditionType::Authenticated) => {
            Finding::yes(
                Reason::Reachable,
                "the sidecar is being restarted; it has read the adapters from the REST API",
            )
        }
        ServerStatus::Stopping => {
            Finding::unknown(Reason::Stopping, message("the pod has been stopping"))
        }
    }
}

/// The adapters are read, perhaps by the second way in.
fn reachable(view: &View<'_>) -> Finding {
    match &view.instance.api_access.reported {
        Some(access) if !access.signing_key_refused => Finding::yes(
            Reason::SignedToken,
            format!(
                "the sidecar reads the adapters with a token it has signed, because its own user does not work: {}",
                access.message
            ),
        ),
        _ => Finding::yes(
            Reason::Reachable,
            "the sidecar reads the adapters from the REST API",
        ),
    }
}

/// Condition `SigningKeyPending`: the mounted key follows its Secret, and the server's environment does not.
pub(super) fn key_pending(view: &View<'_>) -> Option<Finding> {
    let access = view.instance.api_access.reported.as_ref()?;
    let jwt = &view.instance.secrets.jwt;
    let refused = access.signing_key_refused && !server::is_stopped(view);
    refused.then(|| {
        Finding::yes(
            Reason::RestartNeeded,
            format!(
                "the server rejects tokens signed with key {:?} of Secret {:?}: it uses another key until it is restarted. \
                 Until then the sidecar cannot repair its user. {}",
                jwt.key,
                jwt.name,
                restart(view)
            ),
        )
    })
}

/// Condition `SigningKeyExclusive`: with the key of one server an administrator's token for the other can be signed.
pub(super) fn key_shared(view: &View<'_>) -> Option<Finding> {
    let others = &view.instance.api_access.key_sharers;
    if others.is_empty() {
        return None;
    }
    let jwt = &view.instance.secrets.jwt;
    Some(Finding::no(
        Reason::SharedSigningKey,
        format!(
            "key {:?} of Secret {:?} also signs the tokens of DittoServer {}: an administrator of one server can act as \
             administrator of the others. Name a separate Secret in spec.identity.jwt.secretRef, or remove the field",
            jwt.key,
            jwt.name,
            others.join(", ")
        ),
    ))
}

/// Condition `PasswordResetPending`.
pub(super) fn reset_pending(view: &View<'_>) -> Option<Finding> {
    let requested = view.instance.api_access.reset.requested.as_ref()?;
    let (reason, message) = match &requested.progress {
        ResetProgress::Done => return None,
        ResetProgress::Unusable(problem) => (
            Reason::SecretUnusable,
            format!("{problem}. Until then the password of user {ADMIN_USER} stays unchanged"),
        ),
        _ if view.instance.spec.paused => (
            Reason::Paused,
            "spec.paused is true: the password is set once it is false".to_owned(),
        ),
        _ if server::is_stopped(view) => (
            Reason::Stopped,
            "spec.replicas is 0: the password is set once the server runs".to_owned(),
        ),
        _ if is_old(view) => (
            Reason::RestartNeeded,
            format!(
                "the sidecar of this pod cannot set the password, because an earlier version of the operator created the pod. {}",
                restart(view)
            ),
        ),
        ResetProgress::Refused(why) => (
            Reason::Refused,
            format!(
                "the sidecar could not set the password of user {ADMIN_USER} and is retrying: {why}"
            ),
        ),
        ResetProgress::Waiting => (Reason::WaitingForSidecar, waiting(requested)),
    };
    Some(Finding::yes(reason, message))
}

fn waiting(requested: &RequestedReset) -> String {
    format!(
        "waiting for the sidecar to set the password of user {ADMIN_USER} from key {:?} of Secret {:?}",
        requested.secret.key, requested.secret.name
    )
}

/// Whether the pod was created when sidecars did not have the signing key.
fn is_old(view: &View<'_>) -> bool {
    let spec = view.pod.and_then(|pod| pod.spec.as_ref());
    let volumes = spec.map(|spec| spec.volumes.iter().flatten());
    volumes.is_some_and(|mut volumes| !volumes.any(|volume| volume.name == SIGNING_KEY_VOLUME))
}

fn restart(view: &View<'_>) -> String {
    format!(
        "Run `kubectl rollout restart statefulset/{} -n {}` at a convenient time",
        view.instance.name, view.instance.namespace
    )
}
