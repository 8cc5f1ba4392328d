//! The container of the DittoFS server.

use dittofs_shared::names;
use dittofs_shared::server::{Exposure, SecretKeyReference};
use k8s_openapi::api::core::v1::{
    Capabilities, Container, EnvVar, EnvVarSource, ExecAction, HTTPGetAction, Probe,
    SecretKeySelector, SecurityContext, VolumeMount,
};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::pod::{CONFIG_VOLUME, TMP_VOLUME, runtime_default};
use crate::instance::Instance;

/// Where the server finds its configuration.
const CONFIG_DIRECTORY: &str = "/config";

/// The server. It has no container ports: they are informational, and adapters come and go without a new template.
pub fn server(instance: &Instance) -> Container {
    let health = check(instance);
    Container {
        name: names::SERVER_CONTAINER.to_owned(),
        image: Some(instance.spec.image.clone()),
        image_pull_policy: instance
            .spec
            .pod
            .image_pull_policy
            .map(|policy| policy.as_str().to_owned()),
        command: Some(vec!["/app/dfs".to_owned()]),
        args: Some(
            ["start", "--foreground", "--config", "/config/config.yaml"]
                .map(str::to_owned)
                .to_vec(),
        ),
        env: Some(environment(instance)),
        resources: instance.spec.resources.clone(),
        security_context: Some(restricted(instance.spec.security_context.clone())),
        volume_mounts: Some(mounts(instance)),
        startup_probe: Some(Probe {
            period_seconds: Some(2),
            timeout_seconds: Some(5),
            failure_threshold: Some(90),
            ..health.clone()
        }),
        liveness_probe: Some(Probe {
            period_seconds: Some(20),
            timeout_seconds: Some(5),
            failure_threshold: Some(3),
            ..health
        }),
        readiness_probe: Some(readiness()),
        ..Container::default()
    }
}

/// The API listens on loopback, where only a program inside the pod reaches it: hence `wget`, as in the official
/// image's own health check. With exposure Cluster the kubelet can ask by itself.
fn check(instance: &Instance) -> Probe {
    let port = instance.spec.control_plane.port;
    match instance.spec.control_plane.exposure {
        Exposure::Loopback => Probe {
            exec: Some(ExecAction {
                command: Some(vec![
                    "wget".to_owned(),
                    "-q".to_owned(),
                    "-T".to_owned(),
                    "4".to_owned(),
                    "-O".to_owned(),
                    "/dev/null".to_owned(),
                    format!("http://127.0.0.1:{port}/health"),
                ]),
            }),
            ..Probe::default()
        },
        Exposure::Cluster => Probe {
            http_get: Some(http_get("/health", port)),
            ..Probe::default()
        },
    }
}

/// Gates nothing, since the Services also lead to a pod that is not ready. So the sidecar, which asks the server all
/// the time, answers it: one process less every few seconds.
fn readiness() -> Probe {
    Probe {
        http_get: Some(http_get("/readyz", i32::from(names::SIDECAR_PORT))),
        period_seconds: Some(5),
        timeout_seconds: Some(5),
        failure_threshold: Some(3),
        ..Probe::default()
    }
}

/// A question that the kubelet asks over the pod's address.
pub fn http_get(path: &str, port: i32) -> HTTPGetAction {
    HTTPGetAction {
        path: Some(path.to_owned()),
        port: IntOrString::Int(port),
        ..HTTPGetAction::default()
    }
}

fn environment(instance: &Instance) -> Vec<EnvVar> {
    vec![
        from_secret("DITTOFS_CONTROLPLANE_SECRET", &instance.secrets.jwt, None),
        // Read at the first start only, so that a missing one must not keep a server with data from starting.
        from_secret(
            "DITTOFS_ADMIN_INITIAL_PASSWORD",
            &instance.secrets.admin,
            Some(true),
        ),
        EnvVar {
            name: "HOME".to_owned(),
            value: Some("/tmp".to_owned()),
            value_from: None,
        },
    ]
}

fn from_secret(name: &str, reference: &SecretKeyReference, optional: Option<bool>) -> EnvVar {
    EnvVar {
        name: name.to_owned(),
        value: None,
        value_from: Some(EnvVarSource {
            secret_key_ref: Some(SecretKeySelector {
                name: reference.name.clone(),
                key: reference.key.clone(),
                optional,
            }),
            ..EnvVarSource::default()
        }),
    }
}

fn mounts(instance: &Instance) -> Vec<VolumeMount> {
    let mount = |name: &str, path: &str| VolumeMount {
        name: name.to_owned(),
        mount_path: path.to_owned(),
        ..VolumeMount::default()
    };
    let mut mounts = vec![
        VolumeMount {
            read_only: Some(true),
            ..mount(CONFIG_VOLUME, CONFIG_DIRECTORY)
        },
        mount(TMP_VOLUME, "/tmp"),
        mount(names::CONTROL_PLANE_CLAIM, "/data/controlplane"),
        mount(names::METADATA_CLAIM, "/data/store/metadata"),
    ];
    if instance.spec.storage.content_size.is_some() {
        mounts.push(mount(names::CONTENT_CLAIM, "/data/store/block"));
    }
    mounts
}

/// What the restricted Pod Security Standard asks for, and the user's fields on top.
pub fn restricted(user: Option<SecurityContext>) -> SecurityContext {
    let user = user.unwrap_or_default();
    SecurityContext {
        allow_privilege_escalation: user.allow_privilege_escalation.or(Some(false)),
        read_only_root_filesystem: user.read_only_root_filesystem.or(Some(true)),
        run_as_non_root: user.run_as_non_root.or(Some(true)),
        capabilities: user.capabilities.clone().or_else(|| {
            Some(Capabilities {
                drop: Some(vec!["ALL".to_owned()]),
                add: None,
            })
        }),
        seccomp_profile: user
            .seccomp_profile
            .clone()
            .or_else(|| Some(runtime_default())),
        ..user
    }
}
