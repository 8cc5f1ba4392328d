//! Whether the database of the control plane is there.

use dittofs_shared::names;

use super::{Finding, View};
use crate::instance::{DatabaseProblem, PerconaCluster, Progress};
use crate::optional::OptionalKind;

/// Nothing is said of SQLite, which is a file.
pub(super) fn ready(view: &View<'_>) -> Option<Finding> {
    if let Some(cluster) = &view.instance.percona {
        return Some(of_percona(cluster));
    }
    if !view.instance.uses_postgres() {
        return None;
    }
    Some(match &view.instance.secrets.connection {
        Some(_) => Finding::yes(
            "Ready",
            "spec.database.postgresSecretRef names a Secret with a connection; whether the database answers is known by the server",
        ),
        None => Finding::no(
            "SecretUnusable",
            "there is no connection in the Secret that spec.database.postgresSecretRef names: condition ConfigReady says more",
        ),
    })
}

fn of_percona(cluster: &PerconaCluster) -> Finding {
    let name = &cluster.name;
    let goes_on = if cluster.in_use {
        "The server goes on with it"
    } else {
        "The server starts when it is ready"
    };
    match &cluster.progress {
        Progress::KindMissing(absence) => Finding::no(
            "KindMissing",
            format!(
                "{}. It comes with Percona's operator for PostgreSQL",
                absence.explain(OptionalKind::PerconaPGCluster)
            ),
        ),
        Progress::Missing => Finding::no(
            "Creating",
            format!("PerconaPGCluster {name} is being made. {goes_on}"),
        ),
        Progress::Terminating => Finding::no(
            "NotReady",
            format!(
                "PerconaPGCluster {name} is being deleted, and is made again when it is gone. {goes_on}"
            ),
        ),
        Progress::NotReady(said) => Finding::no(
            "NotReady",
            format!("PerconaPGCluster {name} is not ready: {said}. {goes_on}"),
        ),
        Progress::Ready => connected(cluster),
    }
}

fn connected(cluster: &PerconaCluster) -> Finding {
    let name = &cluster.name;
    match cluster.usable() {
        Err(problem @ DatabaseProblem::SecretMissing { .. }) => Finding::no(
            "SecretMissing",
            format!(
                "{problem}: it makes one for the user {} of PerconaPGCluster {name}",
                names::PERCONA_USER
            ),
        ),
        Err(problem) => Finding::no("SecretUnusable", problem.to_string()),
        Ok(_) if cluster.is_ours => {
            Finding::yes("Ready", format!("PerconaPGCluster {name} is ready"))
        }
        Ok(_) => Finding::yes(
            "UsedAsIs",
            format!(
                "PerconaPGCluster {name} is ready. Somebody else has made it, so that it is used as it is: spec.percona changes nothing in it"
            ),
        ),
    }
}
