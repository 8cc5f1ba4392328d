//! What is wrong with what the user asked for, as far as it can be known before the server runs.

use dittofs_shared::crd::ConfigOverrides;
use dittofs_shared::names;

use super::{Finding, View};
use crate::instance::{StartupProblem, unknown_keys};

/// Whether the server can be started as asked.
pub(super) fn ready(view: &View<'_>) -> Finding {
    let problem = match view.instance.startable() {
        // Condition DatabaseReady speaks of the database.
        Ok(_) | Err(StartupProblem::Database(_)) => {
            return Finding::yes(
                "ConfigValid",
                "the configuration is valid and every Secret that it names can be used",
            );
        }
        Err(problem) => problem,
    };
    let reason = match &problem {
        StartupProblem::Secret(_) | StartupProblem::Database(_) => "SecretUnusable",
        StartupProblem::Override(problem) => problem.reason(),
        StartupProblem::NoBindPassword => "NoBindPassword",
    };
    Finding::no(reason, format!("{problem}. What runs stays as it is"))
}

/// Whether the server has all keys of `configOverrides`. Nothing is said when there are none.
pub(super) fn overrides_known(view: &View<'_>) -> Option<Finding> {
    let ConfigOverrides(overrides) = view.instance.spec.config_overrides.as_ref()?;
    let unknown = unknown_keys(overrides);
    if unknown.is_empty() {
        return Some(Finding::yes(
            "KeysKnown",
            "the server has every key in spec.configOverrides",
        ));
    }
    Some(Finding::no(
        "UnknownKeys",
        format!(
            "version 0.29.0 of the server has no such keys: {}. It ignores them with a warning; correct the spelling, unless your \
             version of the server is a newer one that has them",
            unknown.join(", ")
        ),
    ))
}

/// Whether the first administrator has the name that the spec gives. Nothing is said while the spec gives the only name there is. It keeps
/// nobody's server from being ready.
pub(super) fn admin_username(view: &View<'_>) -> Option<Finding> {
    let asked = &view.instance.spec.identity.admin.username;
    if asked == names::ADMIN_USER {
        return None;
    }
    Some(Finding::no(
        "FixedByServer",
        format!(
            "spec.identity.admin.username is {asked:?} and has no effect: the server always names its first administrator {}. Log in \
             as {0}, and remove the field",
            names::ADMIN_USER
        ),
    ))
}

/// What this version of the operator accepts and does not act on. It keeps nobody's server from being ready.
pub(super) fn management(view: &View<'_>) -> Option<Finding> {
    if view.instance.spec.snapshot_policies.is_empty() {
        return None;
    }
    Some(Finding::no(
        "NotManaged",
        "spec.snapshotPolicies is kept, but this version of the operator does not act on it: make the snapshots inside DittoFS. The \
         server is not affected",
    ))
}
