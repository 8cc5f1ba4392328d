//! Pure: what the server is asked to be, and whether it can be started like that.

use dittofs_shared::crd::{DatabaseType, DittoServerSpec, Exposure, SecretKeyReference};

use super::{DatabaseProblem, Instance, OverrideProblem};
use crate::secrets::{Digest, SecretProblem};

/// Variable with the password for the directory.
pub const BIND_PASSWORD: &str = "DITTOFS_LDAP_BIND_PASSWORD";

/// Why no server is started as asked. What runs stays as it is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StartupProblem {
    /// A Secret cannot be used.
    #[error(transparent)]
    Secret(#[from] SecretProblem),
    /// What the user adds to the configuration cannot be taken over.
    #[error(transparent)]
    Override(#[from] OverrideProblem),
    /// The database is not there.
    #[error(transparent)]
    Database(#[from] DatabaseProblem),
    /// The server ends at its start when it is to ask a directory and has no password for that.
    #[error(
        "the server has no password for the account spec.identity.ldap.bindDN, and does not start without one: name a Secret with it \
         in spec.identity.ldap.bindPasswordSecretRef"
    )]
    NoBindPassword,
}

pub(super) fn uses_postgres(spec: &DittoServerSpec) -> bool {
    let database = &spec.database;
    let percona = spec.percona.as_ref();
    percona.is_some_and(|percona| percona.enabled)
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

    /// What the server is restarted for, unless it cannot be started as asked.
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

    /// Whether the server would end at its start for want of a password for the directory.
    pub fn lacks_bind_password(&self) -> bool {
        let ldap = self.spec.identity.ldap.as_ref();
        let Some(ldap) = ldap.filter(|ldap| ldap.enabled) else {
            return false;
        };
        let pod = &self.spec.pod;
        let mut variables = pod.env.iter();
        let by_name = variables.any(|variable| variable.name == BIND_PASSWORD);
        // What is in them nobody looks at.
        let perhaps = !pod.env_from.is_empty();
        let reference = ldap.bind_password_secret_ref.as_ref();
        let given = reference.is_some_and(|reference| self.secrets.gives(reference));
        !by_name && !perhaps && !given
    }
}
