//! The pod: who runs, as whom, on which volumes.

use dittofs_shared::names;
use k8s_openapi::api::core::v1::{
    ConfigMapProjection, ConfigMapVolumeSource, DownwardAPIProjection, DownwardAPIVolumeFile,
    EmptyDirVolumeSource, KeyToPath, ObjectFieldSelector, PodSecurityContext, PodSpec,
    ProjectedVolumeSource, SeccompProfile, SecretProjection, SecretVolumeSource,
    ServiceAccountTokenProjection, Volume, VolumeProjection,
};

use std::collections::BTreeMap;

use super::{files, rbac, server_container, sidecar_container};
use crate::instance::{Instance, shutdown::Shutdown};

/// User and group of the official image.
pub const USER: i64 = 65532;
/// Life of the sidecar's token in seconds. The kubelet renews it in time.
const TOKEN_SECONDS: i64 = 3600;

/// Volume with the server's configuration.
pub const CONFIG_VOLUME: &str = "config";
/// Writable scratch space of the server.
pub const TMP_VOLUME: &str = "tmp";
/// Volume with the sidecar's token for the API server, mounted nowhere else.
pub const TOKEN_VOLUME: &str = "sidecar-token";
/// Volume with the sidecar's own credentials for DittoFS.
pub const CREDENTIALS_VOLUME: &str = "sidecar-credentials";
/// Volume with the key that signs the tokens of the REST API, mounted into the sidecar only.
pub const SIGNING_KEY_VOLUME: &str = "sidecar-signing-key";
/// File in it.
pub const SIGNING_KEY_FILE: &str = "signing-key";

/// The pod of the instance, with this image of the sidecar and its configuration from this ConfigMap.
pub fn pod(instance: &Instance, sidecar_image: &str, config: &str) -> PodSpec {
    let settings = &instance.spec.pod;
    PodSpec {
        node_selector: unless_empty(&settings.node_selector, BTreeMap::is_empty),
        tolerations: unless_empty(&settings.tolerations, Vec::is_empty),
        affinity: settings.affinity.clone(),
        topology_spread_constraints: unless_empty(
            &settings.topology_spread_constraints,
            Vec::is_empty,
        ),
        priority_class_name: settings.priority_class_name.clone(),
        image_pull_secrets: unless_empty(&settings.image_pull_secrets, Vec::is_empty),
        service_account_name: Some(rbac::account(instance)),
        automount_service_account_token: Some(false),
        enable_service_links: Some(false),
        termination_grace_period_seconds: Some(Shutdown::of(&instance.spec).grace_seconds),
        security_context: Some(security_context(instance)),
        init_containers: Some(vec![sidecar_container::sidecar(instance, sidecar_image)]),
        containers: vec![server_container::server(instance)],
        volumes: Some(
            [config_volume(config)]
                .into_iter()
                .chain(volumes(instance))
                .chain(files::volumes(instance))
                .chain(settings.volumes.iter().cloned())
                .collect(),
        ),
        ..PodSpec::default()
    }
}

/// The API server leaves out what is empty, and so do we.
fn unless_empty<T: Clone>(value: &T, is_empty: impl Fn(&T) -> bool) -> Option<T> {
    (!is_empty(value)).then(|| value.clone())
}

/// What the restricted Pod Security Standard asks for, and the user's fields on top.
fn security_context(instance: &Instance) -> PodSecurityContext {
    let user = instance
        .spec
        .pod_security_context
        .clone()
        .unwrap_or_default();
    PodSecurityContext {
        run_as_non_root: user.run_as_non_root.or(Some(true)),
        run_as_user: user.run_as_user.or(Some(USER)),
        run_as_group: user.run_as_group.or(Some(USER)),
        fs_group: user.fs_group.or(Some(USER)),
        // A change of owner over millions of files would delay every start.
        fs_group_change_policy: user
            .fs_group_change_policy
            .clone()
            .or_else(|| Some("OnRootMismatch".to_owned())),
        seccomp_profile: user
            .seccomp_profile
            .clone()
            .or_else(|| Some(runtime_default())),
        ..user
    }
}

/// The seccomp profile of the container runtime.
pub fn runtime_default() -> SeccompProfile {
    SeccompProfile {
        type_: "RuntimeDefault".to_owned(),
        localhost_profile: None,
    }
}

fn config_volume(config: &str) -> Volume {
    Volume {
        name: CONFIG_VOLUME.to_owned(),
        config_map: Some(ConfigMapVolumeSource {
            name: config.to_owned(),
            ..ConfigMapVolumeSource::default()
        }),
        ..Volume::default()
    }
}

/// The operator's own volumes, but for the configuration and those with files of the user's.
pub fn volumes(instance: &Instance) -> Vec<Volume> {
    let credentials = SecretVolumeSource {
        secret_name: Some(names::sidecar_credentials(&instance.name)),
        // Without it the sidecar has the signing key: no pod waits for it.
        optional: Some(true),
        ..SecretVolumeSource::default()
    };
    vec![
        Volume {
            name: TMP_VOLUME.to_owned(),
            empty_dir: Some(EmptyDirVolumeSource::default()),
            ..Volume::default()
        },
        projected(TOKEN_VOLUME, token_sources()),
        Volume {
            name: CREDENTIALS_VOLUME.to_owned(),
            secret: Some(credentials),
            ..Volume::default()
        },
        Volume {
            name: SIGNING_KEY_VOLUME.to_owned(),
            secret: Some(SecretVolumeSource {
                secret_name: Some(instance.secrets.jwt.name.clone()),
                // This key and no other: the Secret may be the user's, and hold more.
                items: Some(vec![key(&instance.secrets.jwt.key, SIGNING_KEY_FILE)]),
                // The server cannot start without it. The sidecar is no second reason.
                optional: Some(true),
                ..SecretVolumeSource::default()
            }),
            ..Volume::default()
        },
    ]
}

/// The three files that an in-cluster client looks for.
fn token_sources() -> Vec<VolumeProjection> {
    vec![
        VolumeProjection {
            service_account_token: Some(ServiceAccountTokenProjection {
                path: "token".to_owned(),
                expiration_seconds: Some(TOKEN_SECONDS),
                audience: None,
            }),
            ..VolumeProjection::default()
        },
        VolumeProjection {
            config_map: Some(ConfigMapProjection {
                name: "kube-root-ca.crt".to_owned(),
                items: Some(vec![key("ca.crt", "ca.crt")]),
                optional: None,
            }),
            ..VolumeProjection::default()
        },
        VolumeProjection {
            downward_api: Some(DownwardAPIProjection {
                items: Some(vec![DownwardAPIVolumeFile {
                    path: "namespace".to_owned(),
                    field_ref: Some(ObjectFieldSelector {
                        field_path: "metadata.namespace".to_owned(),
                        api_version: None,
                    }),
                    ..DownwardAPIVolumeFile::default()
                }]),
            }),
            secret: None::<SecretProjection>,
            ..VolumeProjection::default()
        },
    ]
}

fn projected(name: &str, sources: Vec<VolumeProjection>) -> Volume {
    Volume {
        name: name.to_owned(),
        projected: Some(ProjectedVolumeSource {
            sources: Some(sources),
            default_mode: None,
        }),
        ..Volume::default()
    }
}

fn key(key: &str, path: &str) -> KeyToPath {
    KeyToPath {
        key: key.to_owned(),
        path: path.to_owned(),
        mode: None,
    }
}
