//! LDAP and Kerberos. Neither keeps a server from being ready.

use super::{Finding, View};
use crate::instance::StartupProblem;
use crate::roll::{self, Directory};

/// Whether the server uses the directories as the spec says. Nothing is said while it does.
pub(super) fn ready(view: &View<'_>) -> Option<Finding> {
    unread(view).or_else(|| password(view))
}

/// What the server has stored, it does not read again: no restart would help.
fn unread(view: &View<'_>) -> Option<Finding> {
    let unread = roll::not_applied(view.instance);
    let first = unread.first()?;
    let each = unread.iter().map(|directory| {
        let field = format!("spec.identity.{}", directory.name());
        if directory.is_enabled(view.instance) {
            format!("{field} has changed, and the server goes on with the settings that it stored when it first started with them")
        } else {
            format!("{field} is switched off, and the server goes on with the settings that it has stored{}", of_files(*directory))
        }
    });
    Some(Finding::no(
        "EditNotInUse",
        format!(
            "{}. The change is in config.yaml, where the server does not look for it any more: make it in the server as well, with \
             `dfsctl identity-provider set {name}` or PUT /api/v1/identity-providers/{name}/config, or take it back. If the server has \
             it already, nothing is left to do",
            each.collect::<Vec<_>>().join("; "),
            name = first.name(),
        ),
    ))
}

fn of_files(directory: Directory) -> &'static str {
    match directory {
        Directory::Ldap => "",
        Directory::Kerberos => {
            ", and does not come up again once it is restarted, because it is not given its keytab any more"
        }
    }
}

/// Whether the server can ask the directory.
fn password(view: &View<'_>) -> Option<Finding> {
    let problem = StartupProblem::NoBindPassword;
    let lacks = view.instance.lacks_bind_password();
    lacks.then(|| Finding::no("NoBindPassword", problem.to_string()))
}
