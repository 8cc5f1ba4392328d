//! The operator's own volumes, and how volumes are mounted.

use dittofs_shared::names;
use k8s_openapi::api::core::v1::{
    ConfigMapProjection, ConfigMapVolumeSource, DownwardAPIProjection, DownwardAPIVolumeFile,
    EmptyDirVolumeSource, KeyToPath, ObjectFieldSelector, ProjectedVolumeSource,
    SecretVolumeSource, ServiceAccountTokenProjection, Volume, VolumeMount, VolumeProjection,
};

use crate::instance::Instance;

/// Lifetime of the sidecar's token in seconds. The kubelet renews it in time.
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

/// A volume mounted writable.
pub fn mount(volume: &str, path: &str) -> VolumeMount {
    VolumeMount {
        name: volume.to_owned(),
        mount_path: path.to_owned(),
        ..VolumeMount::default()
    }
}

/// A volume mounted read-only.
pub fn read_only(volume: &str, path: &str) -> VolumeMount {
    VolumeMount {
        read_only: Some(true),
        ..mount(volume, path)
    }
}

/// The volume with this configuration of the server.
pub fn of_config(config: &str) -> Volume {
    Volume {
        name: CONFIG_VOLUME.to_owned(),
        config_map: Some(ConfigMapVolumeSource {
            name: config.to_owned(),
            ..ConfigMapVolumeSource::default()
        }),
        ..Volume::default()
    }
}

/// The operator's own volumes, except for the configuration and the files in the user's Secrets.
pub fn own(instance: &Instance) -> Vec<Volume> {
    let credentials = SecretVolumeSource {
        secret_name: Some(names::sidecar_credentials(&instance.name)),
        // Optional, because without it the sidecar still has the signing key.
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
                // Only this key: the Secret may be the user's and hold more.
                items: Some(vec![key_to_path(
                    &instance.secrets.jwt.key,
                    SIGNING_KEY_FILE,
                )]),
                // Optional, because the server already waits for it.
                optional: Some(true),
                ..SecretVolumeSource::default()
            }),
            ..Volume::default()
        },
    ]
}

/// The three files that an in-cluster client needs.
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
                items: Some(vec![key_to_path("ca.crt", "ca.crt")]),
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

/// One key of a Secret or ConfigMap as a file.
pub fn key_to_path(key: &str, path: &str) -> KeyToPath {
    KeyToPath {
        key: key.to_owned(),
        path: path.to_owned(),
        mode: None,
    }
}
