//! The Kubernetes API: a client that is made when it is first needed, the ConfigMap that is written, and the Secret that is
//! read while the administrator's password is to be reset.

use crate::http::innermost;
use crate::password::Password;
use crate::publish::{Data, Target, TargetError};
use crate::reset::{PasswordError, Passwords};
use dittofs_shared::{labels, names, writers};
use hyper::header::{HeaderValue, USER_AGENT};
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::api::{ObjectMeta, Patch, PatchParams};
use kube::{Api, Client, Config};
use std::time::Duration;
use tokio::sync::OnceCell;

/// How long a call may take.
const DEADLINE: Duration = Duration::from_secs(10);
/// By this name the audit log of the API server knows the sidecar.
const AGENT: &str = concat!("dittofs-sidecar/", env!("CARGO_PKG_VERSION"));

/// The two ConfigMaps of an instance.
pub struct Cluster {
    namespace: String,
    instance: String,
    client: OnceCell<Client>,
}

/// Why there is no client for the Kubernetes API.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    /// Nothing says where it is, or who we are.
    #[error(
        "the Kubernetes API is not known ({0}): in a pod, the token of the ServiceAccount must be mounted"
    )]
    Unknown(String),
    /// What is said cannot be used.
    #[error("the Kubernetes API cannot be used ({0})")]
    Unusable(String),
}

impl Cluster {
    /// Nothing is read or connected yet.
    pub fn new(namespace: String, instance: String) -> Self {
        Self {
            namespace,
            instance,
            client: OnceCell::new(),
        }
    }

    /// The ConfigMaps of the namespace.
    pub async fn config_maps(&self) -> Result<Api<ConfigMap>, ClusterError> {
        let client = self.client.get_or_try_init(connect).await?;
        Ok(Api::namespaced(client.clone(), &self.namespace))
    }

    /// Name of the ConfigMap with the settings.
    pub fn settings_name(&self) -> String {
        names::sidecar(&self.instance)
    }

    /// Runs one call within its deadline.
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
            Ok(Err(error)) => Err(failed(reason(&error))),
            Err(_) => Err(failed(format!("no answer within {} s", DEADLINE.as_secs()))),
        }
    }
}

impl Target for &Cluster {
    async fn read(&self) -> Result<Data, TargetError> {
        let found = self
            .call("get", async |config_maps, name| config_maps.get(name).await)
            .await?;
        // What somebody else has put there is not published: it is written again, even if it is the same by chance.
        let mut data = found.data.unwrap_or_default();
        data.retain(|key, _| writers::sidecar_owns(&found.metadata, key));
        Ok(data)
    }

    /// `data` and nothing else: metadata and owner belong to the operator.
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
        let client = self.client.get_or_try_init(connect).await;
        let client = client.map_err(|error| failed(error.to_string()))?;
        let secrets: Api<Secret> = Api::namespaced(client.clone(), &self.namespace);
        let found = match tokio::time::timeout(DEADLINE, secrets.get_opt(secret)).await {
            Ok(Ok(Some(found))) => found,
            Ok(Ok(None)) => {
                return Err(PasswordError::Missing {
                    secret: secret.to_owned(),
                });
            }
            Ok(Err(error)) => return Err(failed(reason(&error))),
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

/// In a pod: its ServiceAccount. Elsewhere: whatever kubectl would use.
async fn connect() -> Result<Client, ClusterError> {
    let mut config = match Config::incluster() {
        Ok(config) => config,
        Err(in_pod) => Config::infer()
            .await
            .map_err(|_| ClusterError::Unknown(in_pod.to_string()))?,
    };
    config
        .headers
        .push((USER_AGENT, HeaderValue::from_static(AGENT)));
    // It would try 15 times with waits of up to 1000 s, and nothing here would know. The callers try again themselves.
    config.default_retry = false;
    Client::try_from(config).map_err(|error| ClusterError::Unusable(reason(&error)))
}

/// An error of the Kubernetes API in a few words; its own text repeats itself.
pub(crate) fn reason(error: &kube::Error) -> String {
    match error {
        kube::Error::Api(status) => status.message.clone(),
        other => innermost(other).to_string(),
    }
}
