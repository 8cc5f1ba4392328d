//! Whether the database of the control plane is there.

use dittofs_shared::names;

use super::{Finding, Reason, View};
use crate::instance::{DatabaseProblem, PerconaCluster, Progress};
use crate::optional::OptionalKind;

/// Condition `DatabaseReady`, unless the control plane uses SQLite, which is a file.
pub(super) fn ready(view: &View<'_>) -> Option<Finding> {
    if let Some(cluster) = &view.instance.percona {
        return Some(of_percona(cluster));
    }
    if !view.instance.uses_postgres() {
        return None;
    }
    Some(match &view.instance.secrets.connection {
        Some(_) => Finding::yes(
            Reason::Ready,
            "the Secret in spec.database.postgresSecretRef contains a connection. The operator does not test it: if the database \
             does not answer, the server log says so",
        ),
        None => Finding::no(
            Reason::SecretUnusable,
            "the Secret in spec.database.postgresSecretRef contains no usable connection: see condition ConfigReady",
        ),
    })
}

fn of_percona(cluster: &PerconaCluster) -> Finding {
    let name = &cluster.name;
    let server = if cluster.in_use {
        "The running server keeps using it"
    } else {
        "The server starts once it is ready"
    };
    match &cluster.progress {
        Progress::KindMissing(absence) => Finding::no(
            Reason::KindMissing,
            format!(
                "{}. The Percona Operator for PostgreSQL provides it",
                absence.explain(OptionalKind::PerconaPGCluster)
            ),
        ),
        Progress::Missing => Finding::no(
            Reason::Creating,
            format!("PerconaPGCluster {name} is being created. {server}"),
        ),
        Progress::Terminating => Finding::no(
            Reason::NotReady,
            format!("PerconaPGCluster {name} is being deleted and will be recreated. {server}"),
        ),
        Progress::NotReady(reason) => Finding::no(
            Reason::NotReady,
            format!("PerconaPGCluster {name} is not ready: {reason}. {server}"),
        ),
        Progress::Ready => connected(cluster),
    }
}

fn connected(cluster: &PerconaCluster) -> Finding {
    let name = &cluster.name;
    match cluster.usable() {
        Err(problem @ DatabaseProblem::SecretMissing { .. }) => Finding::no(
            Reason::SecretMissing,
            format!(
                "{problem}. It belongs to user {} of PerconaPGCluster {name}",
                names::PERCONA_USER
            ),
        ),
        Err(problem) => Finding::no(Reason::SecretUnusable, problem.to_string()),
        Ok(_) if cluster.is_ours => {
            Finding::yes(Reason::Ready, format!("PerconaPGCluster {name} is ready"))
        }
        Ok(_) => Finding::yes(
            Reason::ExternallyManaged,
            format!(
                "PerconaPGCluster {name} is ready. This operator did not create it, so spec.percona does not change it"
            ),
        ),
    }
}
