//! Pure: whether the server can be started as requested.

use dittofs_shared::crd::{DatabaseType, DittoServerSpec, Exposure, SecretKeyReference};

use super::{DatabaseProblem, Instance, OverrideProblem};
use crate::secrets::{Digest, SecretProblem};

/// Variable with the LDAP bind password.
pub const BIND_PASSWORD: &str = "DITTOFS_LDAP_BIND_PASSWORD";

/// Why the server cannot be started as requested. A running one is left unchanged.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StartupProblem {
    /// A Secret cannot be used.
    #[error(transparent)]
    Secret(#[from] SecretProblem),
    /// The user's settings cannot be used.
    #[error(transparent)]
    Override(#[from] OverrideProblem),
    /// The database cannot be used.
    #[error(transparent)]
    Database(#[from] DatabaseProblem),
    /// The server exits at startup if LDAP is enabled and there is no bind password.
    #[error(
        "the server has no password for the account in spec.identity.ldap.bindDN and does not start without one: name a Secret with \
         the password in spec.identity.ldap.bindPasswordSecretRef"
    )]
    NoBindPassword,
}

pub(super) fn uses_postgres(spec: &DittoServerSpec) -> bool {
    let database = &spec.database;
    spec.percona().is_some()
        || database.r#type == DatabaseType::Postgres
        || SecretKeyReference::named(database.postgres_secret_ref.as_ref()).is_some()
}

impl Instance {
    /// Whether the REST API has a Service.
    pub fn api_is_exposed(&self) -> bool {
        self.spec.control_plane.exposure == Exposure::Cluster || self.spec.service.is_some()
    }

    /// Whether the control plane keeps its data in PostgreSQL.
    pub fn uses_postgres(&self) -> bool {
        uses_postgres(&self.spec)
    }

    /// Digests of the Secrets, if the server can be started as requested.
    ///
    /// # Errors
    /// Why it cannot be.
    pub fn startable(&self) -> Result<&Digest, StartupProblem> {
        if let Some(problem) = &self.override_problem {
            return Err(problem.clone().into());
        }
        let digest = self.secrets.digest.as_ref().map_err(Clone::clone)?;
        if let Some(cluster) = &self.percona {
            cluster.usable()?;
        }
        if self.lacks_bind_password() {
            return Err(StartupProblem::NoBindPassword);
        }
        Ok(digest)
    }

    /// Whether the server would exit at startup because it has no LDAP bind password.
    pub fn lacks_bind_password(&self) -> bool {
        let Some(ldap) = self.spec.ldap() else {
            return false;
        };
        let pod = &self.spec.pod;
        let mut variables = pod.env.iter();
        let by_name = variables.any(|variable| variable.name == BIND_PASSWORD);
        // What these Secrets hold is not known.
        let perhaps = !pod.env_from.is_empty();
        let reference = ldap.bind_password_secret_ref.as_ref();
        let given = reference.is_some_and(|reference| self.secrets.gives(reference));
        !by_name && !perhaps && !given
    }
}
