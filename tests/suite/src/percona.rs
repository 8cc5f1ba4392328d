//! Percona's operator, played by a script: it says how far the cluster is, and makes the Secret.

use dittofs_rig::wait_for;
use dittofs_shared::crd::DittoServer;
use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use kube::api::{ApiResource, DynamicObject, Patch, PatchParams};
use serde_json::json;

use crate::Outcome;
use crate::instance::{API_DEADLINE, Instance};
use crate::world::Scene;

type Error = Box<dyn std::error::Error + Send + Sync>;

/// The cluster of an instance that is named `files`.
pub const CLUSTER: &str = "files-postgres";
/// Its Secret with the connection.
pub const SECRET: &str = "files-postgres-pguser-dittofs";

/// Percona's operator, played.
pub struct Percona {
    /// The clusters in the namespace of the test.
    pub clusters: Api<DynamicObject>,
    secrets: Api<Secret>,
}

impl Percona {
    /// The one of a namespace.
    pub fn of(scene: &Scene) -> Self {
        let resource = ApiResource {
            group: "pgv2.percona.com".to_owned(),
            version: "v2".to_owned(),
            api_version: "pgv2.percona.com/v2".to_owned(),
            kind: "PerconaPGCluster".to_owned(),
            plural: "perconapgclusters".to_owned(),
        };
        let client = scene.client.clone();
        Self {
            clusters: Api::namespaced_with(client.clone(), &scene.namespace, &resource),
            secrets: Api::namespaced(client, &scene.namespace),
        }
    }

    /// Waits for the cluster.
    ///
    /// # Errors
    /// There is none in time.
    pub async fn cluster(&self) -> Result<DynamicObject, Error> {
        let found = wait_for("the PerconaPGCluster", API_DEADLINE, || async {
            self.clusters
                .get(CLUSTER)
                .await
                .map_err(|error| error.to_string())
        });
        Ok(found.await?)
    }

    /// Says how far the cluster is.
    ///
    /// # Errors
    /// The API server refuses.
    pub async fn says(&self, state: &str) -> Outcome {
        let status = json!({"status": {"state": state, "postgres": {"ready": 0, "size": 1}}});
        self.clusters
            .patch_status(CLUSTER, &PatchParams::default(), &Patch::Merge(status))
            .await?;
        Ok(())
    }

    /// Makes the Secret with the connection.
    ///
    /// # Errors
    /// There is no cluster, or the API server refuses.
    pub async fn makes_secret(&self, password: &str) -> Outcome {
        let cluster = self.cluster().await?;
        let database = cluster.data["spec"]["users"][0]["databases"][0]
            .as_str()
            .unwrap_or("dittofs");
        let secret = json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": {"name": SECRET},
            "stringData": {
                "host": "files-postgres-primary.own.svc", "port": "5432", "dbname": database, "user": "dittofs",
                "password": password, "pgbouncer-host": "files-postgres-pgbouncer.own.svc",
            },
        });
        let parameters = PatchParams::apply("percona").force();
        self.secrets
            .patch(SECRET, &parameters, &Patch::Apply(secret))
            .await?;
        Ok(())
    }

    /// Makes the Secret and says that the cluster is ready.
    ///
    /// # Errors
    /// There is no cluster, or the API server refuses.
    pub async fn is_ready(&self) -> Outcome {
        self.makes_secret("first").await?;
        self.says("ready").await
    }

    /// Says of a cluster that is left from before that it is not ready. Otherwise a server could be started with what its Secret
    /// holds from before, and once more when the Secret follows the spec.
    ///
    /// # Errors
    /// The API server refuses.
    pub async fn begins_anew(files: &Instance) -> Outcome {
        let percona = Self::of(&files.scene);
        if percona.clusters.get_opt(CLUSTER).await?.is_some() {
            percona.says("initializing").await?;
        }
        Ok(())
    }

    /// Makes the database that an instance asks for, and waits until its operator has taken it up.
    ///
    /// # Errors
    /// It asks for none, or nobody takes it up in time.
    pub async fn serve(files: &Instance) -> Outcome {
        let percona = Self::of(&files.scene);
        percona.cluster().await?;
        percona.says("initializing").await?;
        database(files, "False", "NotReady").await?;
        percona.is_ready().await?;
        database(files, "True", "Ready").await?;
        Ok(())
    }
}

/// Waits for what an instance says of its database.
///
/// # Errors
/// It does not say so in time.
pub async fn database(files: &Instance, status: &str, reason: &str) -> Result<DittoServer, Error> {
    files
        .wait_condition("DatabaseReady", status, Some(reason), API_DEADLINE)
        .await
}
