//! What is wrong with the spec, as far as it can be known before the server runs.

use dittofs_shared::crd::ConfigOverrides;
use dittofs_shared::names;
use dittofs_shared::published_state::shorten;

use super::{Finding, Reason, View};
use crate::instance::{OverrideProblem, StartupProblem, unknown_keys};

/// Version of the server whose keys are known.
const KNOWN_VERSION: &str = "0.29.0";

/// Condition `ConfigReady`: whether the server can be started as the spec says.
pub(super) fn ready(view: &View<'_>) -> Finding {
    let problem = match view.instance.startable() {
        // Condition DatabaseReady reports the database.
        Ok(_) | Err(StartupProblem::Database(_)) => {
            return Finding::yes(
                Reason::ConfigValid,
                "the configuration is valid and every referenced Secret can be used",
            );
        }
        Err(problem) => problem,
    };
    let reason = match &problem {
        StartupProblem::Secret(_) | StartupProblem::Database(_) => Reason::SecretUnusable,
        StartupProblem::Override(problem) => of_override(problem),
        StartupProblem::NoBindPassword => Reason::NoBindPassword,
    };
    let message = format!("{problem}. A running server is left unchanged");
    Finding::no(reason, message)
}

fn of_override(problem: &OverrideProblem) -> Reason {
    match problem {
        OverrideProblem::Secret { .. } => Reason::SecretInOverrides,
        OverrideProblem::Reserved { .. } => Reason::ReservedKey,
        OverrideProblem::NotASection { .. } => Reason::InvalidOverrides,
        OverrideProblem::Variable { .. } => Reason::ReservedVariable,
    }
}

/// Condition `ConfigOverridesKnown`, while there are any.
pub(super) fn overrides_known(view: &View<'_>) -> Option<Finding> {
    let ConfigOverrides(overrides) = view.instance.spec.config_overrides.as_ref()?;
    let unknown = unknown_keys(overrides);
    if unknown.is_empty() {
        return Some(Finding::yes(
            Reason::KeysKnown,
            "the server supports every key in spec.configOverrides",
        ));
    }
    Some(Finding::no(
        Reason::UnknownKeys,
        format!(
            "DittoFS {KNOWN_VERSION} does not support these keys of spec.configOverrides and ignores them: {}. Check the spelling, \
             unless your server is newer and supports them",
            first_few(&unknown)
        ),
    ))
}

/// A condition has room for a few of them, and nobody reads more.
fn first_few(keys: &[String]) -> String {
    const FEW: usize = 10;
    let shown = keys.iter().take(FEW).map(|key| shorten(key));
    let shown = shown.collect::<Vec<_>>().join(", ");
    match keys.len().saturating_sub(FEW) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

/// Condition `AdminUsernameHonored`, while the spec gives the administrator a name that the server ignores. It does
/// not count for `Ready`.
pub(super) fn admin_username(view: &View<'_>) -> Option<Finding> {
    let name = &view.instance.spec.identity.admin.username;
    if name == names::ADMIN_USER {
        return None;
    }
    Some(Finding::no(
        Reason::FixedByServer,
        format!(
            "spec.identity.admin.username is {name:?}, which has no effect: the server always names its first administrator {}. \
             Log in as {0} and remove the field",
            names::ADMIN_USER
        ),
    ))
}

/// Condition `ManagementReady`, while there are fields that are stored and not acted on. It does not count for
/// `Ready`.
pub(super) fn management(view: &View<'_>) -> Option<Finding> {
    if view.instance.spec.snapshot_policies.is_empty() {
        return None;
    }
    Some(Finding::no(
        Reason::NotManaged,
        "spec.snapshotPolicies is stored, but this version of the operator does not act on it: create snapshots in DittoFS instead. \
         The server is not affected",
    ))
}
