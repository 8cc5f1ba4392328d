//! The container of the sidecar: a native one (KEP-753), so that it starts first, stops last and can crash alone.

use dittofs_shared::names;
use k8s_openapi::api::core::v1::{
    Container, EnvVar, EnvVarSource, ObjectFieldSelector, ResourceRequirements, Volume, VolumeMount,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use std::collections::BTreeMap;

use super::volumes::{
    self, CREDENTIALS_VOLUME, SIGNING_KEY_FILE, SIGNING_KEY_VOLUME, TOKEN_VOLUME, read_only,
};
use super::{files, probes, security};
use crate::adapters::reserved::API_URL;
use crate::instance::Instance;
use crate::renewal;

/// Where an in-cluster client finds its token.
const TOKEN_DIRECTORY: &str = "/var/run/secrets/kubernetes.io/serviceaccount";
const CREDENTIALS_DIRECTORY: &str = "/var/run/secrets/dittofs/sidecar";
const SIGNING_KEY_DIRECTORY: &str = "/var/run/secrets/dittofs/signing";

/// The sidecar. It has no startup or readiness probe, which could hold up the server.
pub fn container(instance: &Instance, image: &str) -> Container {
    Container {
        name: names::SIDECAR_CONTAINER.to_owned(),
        image: Some(image.to_owned()),
        restart_policy: Some("Always".to_owned()),
        env: Some(environment(instance)),
        resources: Some(
            instance
                .spec
                .sidecar
                .resources
                .clone()
                .unwrap_or_else(default_resources),
        ),
        security_context: Some(security::of_container(None)),
        volume_mounts: Some(mounts(instance)),
        liveness_probe: Some(probes::of_sidecar()),
        ..Container::default()
    }
}

/// Hash over what an image of the sidecar relies on, which cannot change in a running pod. Resources are left out:
/// any image can run with those.
pub fn contract(instance: &Instance) -> String {
    let container = Container {
        image: None,
        resources: None,
        ..container(instance, "")
    };
    let is_mounted = |volume: &Volume| {
        let mut mounts = container.volume_mounts.iter().flatten();
        mounts.any(|mount| mount.name == volume.name)
    };
    let volumes = volumes::own(instance)
        .into_iter()
        .chain(files::volumes(instance));
    let volumes: Vec<_> = volumes.filter(is_mounted).collect();
    renewal::contract(&(&container, volumes))
}

fn mounts(instance: &Instance) -> Vec<VolumeMount> {
    let mut mounts = vec![
        read_only(TOKEN_VOLUME, TOKEN_DIRECTORY),
        read_only(CREDENTIALS_VOLUME, CREDENTIALS_DIRECTORY),
        read_only(SIGNING_KEY_VOLUME, SIGNING_KEY_DIRECTORY),
    ];
    mounts.extend(files::sidecar_mounts(instance));
    mounts
}

/// How the sidecar verifies the server, and its own certificate.
fn tls(instance: &Instance) -> Vec<EnvVar> {
    let control_plane = &instance.spec.control_plane;
    let authority = control_plane.certificate().map(|_| {
        let authority = files::API_CA.path(instance.secrets.api_authority);
        value("DITTOFS_SIDECAR_API_CA", authority)
    });
    let client = control_plane.client_certificate().map(|_| {
        let path = |key| files::API_CLIENT.path(key);
        [
            value("DITTOFS_SIDECAR_API_CLIENT_CERT", path(files::CERTIFICATE)),
            value("DITTOFS_SIDECAR_API_CLIENT_KEY", path(files::PRIVATE_KEY)),
        ]
    });
    authority
        .into_iter()
        .chain(client.into_iter().flatten())
        .collect()
}

fn value(name: &str, value: String) -> EnvVar {
    EnvVar {
        name: name.to_owned(),
        value: Some(value),
        value_from: None,
    }
}

fn environment(instance: &Instance) -> Vec<EnvVar> {
    let control_plane = &instance.spec.control_plane;
    let scheme = if control_plane.certificate().is_some() {
        "https"
    } else {
        "http"
    };
    let mut environment = vec![
        value("DITTOFS_SIDECAR_INSTANCE", instance.name.clone()),
        EnvVar {
            name: "DITTOFS_SIDECAR_NAMESPACE".to_owned(),
            value: None,
            value_from: Some(EnvVarSource {
                field_ref: Some(ObjectFieldSelector {
                    field_path: "metadata.namespace".to_owned(),
                    api_version: None,
                }),
                ..EnvVarSource::default()
            }),
        },
        value(
            API_URL,
            format!("{scheme}://127.0.0.1:{}", control_plane.port),
        ),
        value(
            "DITTOFS_SIDECAR_CREDENTIALS_DIR",
            CREDENTIALS_DIRECTORY.to_owned(),
        ),
        value(
            "DITTOFS_SIDECAR_SIGNING_KEY",
            format!("{SIGNING_KEY_DIRECTORY}/{SIGNING_KEY_FILE}"),
        ),
    ];
    environment.extend(tls(instance));
    environment
}

/// With a margin above what was measured: a few MiB and well below a hundredth of a core. No CPU limit, which would
/// only delay it.
fn default_resources() -> ResourceRequirements {
    let quantity = |text: &str| Quantity(text.to_owned());
    ResourceRequirements {
        requests: Some(BTreeMap::from([
            ("cpu".to_owned(), quantity("5m")),
            ("memory".to_owned(), quantity("16Mi")),
        ])),
        limits: Some(BTreeMap::from([("memory".to_owned(), quantity("64Mi"))])),
        ..ResourceRequirements::default()
    }
}
