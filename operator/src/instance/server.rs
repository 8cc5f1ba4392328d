//! Pure: what the server is asked to be, and whether it can be started like that.

use dittofs_shared::server::{DatabaseType, DittoServerSpec, Exposure, SecretKeyReference};

use super::{DatabaseProblem, Digest, Instance, OverrideProblem, SecretProblem};

/// Why no server is started as asked. What runs stays as it is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Obstacle {
    /// A Secret cannot be used.
    #[error(transparent)]
    Secret(#[from] SecretProblem),
    /// What the user adds to the configuration cannot be taken over.
    #[error(transparent)]
    Override(#[from] OverrideProblem),
    /// The database is not there.
    #[error(transparent)]
    Database(#[from] DatabaseProblem),
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
    pub fn startable(&self) -> Result<&Digest, Obstacle> {
        if let Some(problem) = &self.override_problem {
            return Err(problem.clone().into());
        }
        let digest = self.secrets.digest.as_ref().map_err(Clone::clone)?;
        if let Some(cluster) = &self.percona {
            cluster.usable()?;
        }
        Ok(digest)
    }
}
