//! The Kubernetes API: a client that is created on first use, the ConfigMap that is written, and the Secret that is
//! read while the administrator's password is to be reset.
#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "this is the client of the Kubernetes API"
)]

use crate::password::Password;
use crate::publish::{self, Data, TargetError};
use crate::reset::{PasswordError, Passwords};
use dittofs_runtime::api_error::ApiError;
use dittofs_runtime::client::{self, ClientError};
use dittofs_runtime::follow::Target;
use dittofs_shared::{labels, names, writers};
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::api::{ObjectMeta, Patch, PatchParams};
use kube::{Api, Client, Resource as _};
use std::time::Duration;
use tokio::sync::OnceCell;

/// How long a call may take.
const DEADLINE: Duration = Duration::from_secs(10);
/// How long one watch of the settings lasts: there are as many sidecars as servers, and settings seldom change. A
/// connection whose other end is gone is noticed earlier, by probes of the kernel.
const WATCH: Duration = Duration::from_secs(290);
/// Name for the audit log of the API server.
const NAME: &str = "dittofs-sidecar";

/// The objects of one instance that the sidecar may read or write.
pub struct Cluster {
    namespace: String,
    instance: String,
    client: OnceCell<Client>,
}

impl Cluster {
    /// Reads and connects nothing yet.
    pub fn new(namespace: String, instance: String) -> Self {
        Self {
            namespace,
            instance,
            client: OnceCell::new(),
        }
    }

    /// The ConfigMap with the settings, for who follows it.
    pub async fn settings(&self) -> Result<Target, ClientError> {
        Ok(Target {
            client: self.client().await?,
            path: ConfigMap::url_path(&(), Some(&self.namespace)),
            labels: String::new(),
            fields: format!("metadata.name={}", self.settings_name()),
            page: 1,
            watch: WATCH,
            forbidden: Duration::ZERO,
        })
    }

    async fn config_maps(&self) -> Result<Api<ConfigMap>, ClientError> {
        let client = self.client().await?;
        Ok(Api::namespaced(client, &self.namespace))
    }

    async fn client(&self) -> Result<Client, ClientError> {
        let connect = || client::connect(NAME);
        self.client.get_or_try_init(connect).await.cloned()
    }

    /// Name of the ConfigMap with the settings.
    pub fn settings_name(&self) -> String {
        names::sidecar(&self.instance)
    }

    /// Makes one call within its deadline.
    async fn call<T>(
        &self,
        verb: &'static str,
        call: impl AsyncFnOnce(&Api<ConfigMap>, &str) -> kube::Result<T>,
    ) -> Result<T, TargetError> {
        let name = names::adapters(&self.instance);
        let failed = |reason: String| TargetError::Failed {
            verb,
            name: name.clone(),
            reason,
        };
        let config_maps = self
            .config_maps()
            .await
            .map_err(|error| failed(error.to_string()))?;
        match tokio::time::timeout(DEADLINE, call(&config_maps, &name)).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(kube::Error::Api(status))) if status.is_not_found() => {
                Err(TargetError::Missing { name })
            }
            Ok(Err(kube::Error::Api(status))) if status.is_forbidden() => {
                Err(TargetError::Forbidden {
                    verb,
                    name,
                    reason: status.message.clone(),
                })
            }
            Ok(Err(error)) => Err(failed(ApiError(&error).to_string())),
            Err(_) => Err(failed(format!(
                "the API server did not answer within {} s",
                DEADLINE.as_secs()
            ))),
        }
    }
}

impl publish::Target for &Cluster {
    async fn read(&self) -> Result<Data, TargetError> {
        let found = self
            .call("get", async |config_maps, name| config_maps.get(name).await)
            .await?;
        // What another writer has put there is not ours: it is written again, even if it happens to be equal.
        let mut data = found.data.unwrap_or_default();
        data.retain(|key, _| writers::sidecar_owns(&found.metadata, key));
        Ok(data)
    }

    /// Applies `data` and nothing else: metadata and owner belong to the operator.
    async fn apply(&self, data: &Data) -> Result<(), TargetError> {
        let parameters = PatchParams::apply(labels::SIDECAR_MANAGER).force();
        self.call("patch", async |config_maps, name| {
            let object = ConfigMap {
                metadata: ObjectMeta {
                    name: Some(name.to_owned()),
                    ..ObjectMeta::default()
                },
                data: Some(data.clone()),
                ..ConfigMap::default()
            };
            config_maps
                .patch(name, &parameters, &Patch::Apply(object))
                .await
        })
        .await
        .map(drop)
    }
}

impl Passwords for &Cluster {
    async fn read(&self, secret: &str, key: &str) -> Result<Password, PasswordError> {
        let failed = |reason: String| PasswordError::Failed {
            secret: secret.to_owned(),
            reason,
        };
        let client = self.client().await;
        let client = client.map_err(|error| failed(error.to_string()))?;
        let secrets: Api<Secret> = Api::namespaced(client, &self.namespace);
        let found = match tokio::time::timeout(DEADLINE, secrets.get_opt(secret)).await {
            Ok(Ok(Some(found))) => found,
            Ok(Ok(None)) => {
                return Err(PasswordError::Missing {
                    secret: secret.to_owned(),
                });
            }
            Ok(Err(error)) => return Err(failed(ApiError(&error).to_string())),
            Err(_) => return Err(failed(format!("no answer within {} s", DEADLINE.as_secs()))),
        };
        let value = found.data.and_then(|mut data| data.remove(key));
        let value = value.ok_or_else(|| PasswordError::NoKey {
            secret: secret.to_owned(),
            key: key.to_owned(),
        })?;
        let text = String::from_utf8(value.0);
        text.map(Password::new).map_err(|_| PasswordError::NotText {
            secret: secret.to_owned(),
            key: key.to_owned(),
        })
    }
}
