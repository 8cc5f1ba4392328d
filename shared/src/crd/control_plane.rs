//! The REST API of the server and its Service.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

use super::ServiceType;

/// The REST API of the server.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("!has(self.clientCASecretName) || has(self.certSecretName)")
    .message("controlPlane.clientCASecretName needs controlPlane.certSecretName: client certificates are asked for over TLS only"))]
pub struct ControlPlane {
    /// TCP port of the REST API. A change restarts the server.
    #[serde(default = "default_api_port")]
    #[schemars(range(min = 1, max = 65535))]
    #[x_kube(validation = Rule::new("self != 8081").message("must not be 8081, on which the sidecar answers probes"))]
    pub port: i32,

    /// Who can reach the REST API: `Loopback` only what runs in the pod, and `kubectl port-forward`; `Cluster` makes
    /// the Service `{name}-api`, open to the peers in networkPolicy.api.from. `spec.service` implies `Cluster`. A change restarts
    /// the server.
    #[serde(default)]
    pub exposure: Exposure,

    /// Whether clients of the Service `{name}-api` speak TLS. certSecretName implies it; without certSecretName it says that
    /// something in front of the server, such as a service mesh, ends TLS. It sets appProtocol of the Service's port, and restarts
    /// nothing.
    #[serde(default)]
    pub tls: bool,

    /// Secret with the keys tls.crt and tls.key (and, if wanted, ca.crt), with which the server itself serves the REST API over
    /// TLS. The sidecar then speaks TLS, too. Another Secret restarts the server; a renewed certificate in it is taken up without a
    /// restart.
    #[serde(
        default,
        rename = "certSecretName",
        skip_serializing_if = "Option::is_none"
    )]
    #[schemars(length(max = 253))]
    pub cert_secret_name: Option<String>,

    /// Secret with the key ca.crt: clients of the REST API must then show a certificate signed by it (mutual TLS). Needs
    /// clientCertSecretName, with which the sidecar shows one. A change, also of the contents, restarts the server.
    #[serde(
        default,
        rename = "clientCASecretName",
        skip_serializing_if = "Option::is_none"
    )]
    #[schemars(length(max = 253))]
    pub client_ca_secret_name: Option<String>,

    /// Secret with the keys tls.crt and tls.key: the certificate that the sidecar shows to a server with clientCASecretName. Without
    /// it the sidecar shows the server's own certificate, which works when that is signed by the same CA and may be used by clients. A
    /// new certificate is taken up without a restart.
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
    /// The Secret with which the server serves TLS. An empty name counts as none, as in the Go operator.
    pub fn certificate(&self) -> Option<&str> {
        named(self.cert_secret_name.as_deref())
    }

    /// The Secret with which the server judges client certificates.
    pub fn client_ca(&self) -> Option<&str> {
        self.certificate()?;
        named(self.client_ca_secret_name.as_deref())
    }

    /// The Secret with the certificate that the sidecar shows, when one is asked for.
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

/// The Service of the REST API. That it is there at all opens the REST API to the cluster, as controlPlane.exposure Cluster does.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct ApiService {
    /// Type of the Service `{name}-api`. Think twice before you choose another than ClusterIP: it is the administration of the
    /// server. A change restarts nothing.
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
