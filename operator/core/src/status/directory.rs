//! LDAP and Kerberos. Neither counts for `Ready`.

use super::{Finding, Reason, View};
use crate::instance::StartupProblem;
use crate::roll::{self, Directory};

/// Condition `DirectoryReady`, while the server does not use the directories as the spec says.
pub(super) fn ready(view: &View<'_>) -> Option<Finding> {
    unread(view).or_else(|| password(view))
}

/// The server reads these settings once and stores them: no restart would help.
fn unread(view: &View<'_>) -> Option<Finding> {
    let unread = roll::not_applied(view.instance);
    let first = unread.first()?;
    let each = unread.iter().map(|directory| {
        let field = format!("spec.identity.{}", directory.name());
        if directory.is_enabled(view.instance) {
            format!("{field} has changed, but the server keeps using the settings that it stored when it first started with them")
        } else {
            format!("{field} is disabled, but the server keeps using the settings that it has stored{}", after_restart(*directory))
        }
    });
    Some(Finding::no(
        Reason::EditNotInUse,
        format!(
            "{}. The server does not read these settings from config.yaml again: apply the change in the server with \
             `dfsctl identity-provider set {name}` or PUT /api/v1/identity-providers/{name}/config, or revert it. If you \
             have already applied it there, do nothing",
            each.collect::<Vec<_>>().join("; "),
            name = first.name(),
        ),
    ))
}

fn after_restart(directory: Directory) -> &'static str {
    match directory {
        Directory::Ldap => "",
        Directory::Kerberos => {
            ". After a restart it will not start, because the keytab is no longer mounted"
        }
    }
}

/// Whether the server has the password for the directory.
fn password(view: &View<'_>) -> Option<Finding> {
    let problem = StartupProblem::NoBindPassword;
    let lacks = view.instance.lacks_bind_password();
    lacks.then(|| Finding::no(Reason::NoBindPassword, problem.to_string()))
}
