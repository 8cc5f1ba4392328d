//! REST API of the server and its Service.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

use super::{ServiceType, rules};

/// REST API of the server.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = rules::client_certificates_need_tls())]
pub struct ControlPlane {
    /// TCP port of the REST API. A change restarts the server.
    #[serde(default = "default_api_port")]
    #[schemars(range(min = 1, max = 65535))]
    #[x_kube(validation = rules::not_the_port_of_the_sidecar())]
    pub port: i32,

    /// Who can reach the REST API. `Loopback`: only containers in the pod, and `kubectl port-forward`. `Cluster`:
    /// the peers in networkPolicy.api.from, through the Service `{name}-api`. `spec.service` implies `Cluster`. A
    /// change restarts the server.
    #[serde(default)]
    pub exposure: Exposure,

    /// Whether clients of the Service `{name}-api` use TLS. certSecretName implies it. Set it without
    /// certSecretName when something in front of the server, such as a service mesh, terminates TLS. It only sets
    /// appProtocol of the Service port. A change restarts nothing.
    #[serde(default)]
    pub tls: bool,

    /// Secret with the keys tls.crt and tls.key (and optionally ca.crt). The server serves the REST API over TLS
    /// with this certificate, and the sidecar uses TLS, too. Naming another Secret restarts the server; a
    /// certificate renewed in the same Secret is reloaded without a restart.
    #[serde(
        default,
        rename = "certSecretName",
        skip_serializing_if = "Option::is_none"
    )]
    #[schemars(length(max = 253))]
    pub cert_secret_name: Option<String>,

    /// Secret with the key ca.crt. Clients of the REST API must present a certificate signed by this CA (mutual
    /// TLS). Requires certSecretName. The sidecar presents the certificate in clientCertSecretName. A change, also
    /// of the contents, restarts the server.
    #[serde(
        default,
        rename = "clientCASecretName",
        skip_serializing_if = "Option::is_none"
    )]
    #[schemars(length(max = 253))]
    pub client_ca_secret_name: Option<String>,

    /// Secret with the keys tls.crt and tls.key: the client certificate of the sidecar for clientCASecretName.
    /// Defaults to the certificate of the server, which works if the same CA signed it and it is valid for client
    /// authentication. A new certificate is reloaded without a restart.
    #[serde(
        default,
        rename = "clientCertSecretName",
        skip_serializing_if = "Option::is_none"
    )]
    #[schemars(length(max = 253))]
    pub client_cert_secret_name: Option<String>,
}

impl Default for ControlPlane {
    fn default() -> Self {
        Self {
            port: default_api_port(),
            exposure: Exposure::default(),
            tls: false,
            cert_secret_name: None,
            client_ca_secret_name: None,
            client_cert_secret_name: None,
        }
    }
}

impl ControlPlane {
    /// The Secret with the server's certificate. An empty name counts as none, as in the Go operator.
    pub fn certificate(&self) -> Option<&str> {
        named(self.cert_secret_name.as_deref())
    }

    /// The Secret with the CA that the server verifies client certificates against.
    pub fn client_ca(&self) -> Option<&str> {
        self.certificate()?;
        named(self.client_ca_secret_name.as_deref())
    }

    /// The Secret with the sidecar's client certificate, when the server requires one.
    pub fn client_certificate(&self) -> Option<&str> {
        self.client_ca()?;
        named(self.client_cert_secret_name.as_deref()).or_else(|| self.certificate())
    }
}

fn named(name: Option<&str>) -> Option<&str> {
    name.filter(|name| !name.is_empty())
}

const fn default_api_port() -> i32 {
    8080
}

/// Who can reach the REST API.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Exposure {
    /// The API listens on 127.0.0.1 of the pod.
    #[default]
    Loopback,
    /// The API listens on all addresses of the pod and has a Service.
    Cluster,
}

/// Service of the REST API. Setting this at all exposes the REST API, as controlPlane.exposure Cluster does.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct ApiService {
    /// Type of the Service `{name}-api`. Other types than ClusterIP expose the administration of the server outside
    /// the cluster. A change restarts nothing.
    #[serde(default = "default_api_service_type")]
    pub r#type: ServiceType,

    /// Annotations of the Service `{name}-api`. A change restarts nothing.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

impl Default for ApiService {
    fn default() -> Self {
        Self {
            r#type: default_api_service_type(),
            annotations: BTreeMap::new(),
        }
    }
}

const fn default_api_service_type() -> ServiceType {
    ServiceType::ClusterIP
}
