//! The container of the DittoFS server.

use dittofs_shared::names;
use k8s_openapi::api::core::v1::{
    Capabilities, Container, ContainerPort, ExecAction, HTTPGetAction, Probe, SecurityContext,
    TCPSocketAction, VolumeMount,
};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use std::time::Duration;

use super::pod::{CONFIG_VOLUME, TMP_VOLUME, runtime_default};
use super::{environment, files};
use crate::adapters::reserved::METRICS_PORT;
use crate::instance::Instance;

/// Where the server finds its configuration.
const CONFIG_DIRECTORY: &str = "/config";

/// Seconds between two checks of a server that starts.
const STARTUP_PERIOD: i32 = 2;

/// The server. Ports of adapters are not listed: they come and go without a new template.
pub fn server(instance: &Instance) -> Container {
    let health = check(instance, "/health");
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
        env: Some(environment::variables(instance)),
        env_from: environment::whole_secrets(instance),
        resources: instance.spec.resources.clone(),
        security_context: Some(restricted(instance.spec.security_context.clone())),
        volume_mounts: Some(mounts(instance)),
        ports: metrics_port(instance),
        startup_probe: Some(Probe {
            period_seconds: Some(STARTUP_PERIOD),
            timeout_seconds: Some(5),
            failure_threshold: Some(startup_checks(instance.spec.startup_timeout.into())),
            ..health.clone()
        }),
        liveness_probe: Some(Probe {
            period_seconds: Some(20),
            timeout_seconds: Some(5),
            failure_threshold: Some(3),
            ..health
        }),
        readiness_probe: Some(readiness(instance)),
        ..Container::default()
    }
}

/// How many checks may fail until the time for the start is over. The kubelet counts checks, not time.
fn startup_checks(timeout: Duration) -> i32 {
    let period = u64::from(STARTUP_PERIOD.unsigned_abs());
    let checks = timeout.as_secs_f64() / Duration::from_secs(period).as_secs_f64();
    // The CRD allows for a week at most.
    #[allow(clippy::cast_possible_truncation)]
    let checks = checks.ceil() as i32;
    checks.max(1)
}

/// The API listens on loopback, where only a program inside the pod reaches it: hence `wget`, as in the official
/// image's own health check. When the API is exposed, the kubelet can ask by itself.
///
/// Over TLS nobody verifies: a certificate that has run out, or is for other names than 127.0.0.1, is no reason to restart a server.
/// With client certificates nobody but their owners gets an answer: what is left is whether the server takes a connection. The
/// sidecar has a certificate and asks, but a sidecar in trouble must never restart a healthy server.
fn check(instance: &Instance, path: &str) -> Probe {
    let control_plane = &instance.spec.control_plane;
    let port = control_plane.port;
    let tls = control_plane.certificate().is_some();
    match (instance.api_is_exposed(), control_plane.client_ca()) {
        (false, None) => run(&question(port, tls, path)),
        (false, Some(_)) => {
            run(&["nc", "-z", "-w", "4", "127.0.0.1", &port.to_string()].map(str::to_owned))
        }
        (true, None) => Probe {
            http_get: Some(HTTPGetAction {
                scheme: tls.then(|| "HTTPS".to_owned()),
                ..http_get(path, port)
            }),
            ..Probe::default()
        },
        (true, Some(_)) => Probe {
            tcp_socket: Some(TCPSocketAction {
                port: IntOrString::Int(port),
                host: None,
            }),
            ..Probe::default()
        },
    }
}

fn run(command: &[String]) -> Probe {
    Probe {
        exec: Some(ExecAction {
            command: Some(command.to_vec()),
        }),
        ..Probe::default()
    }
}

fn question(port: i32, tls: bool, path: &str) -> Vec<String> {
    let unverified: &[&str] = if tls {
        &["--no-check-certificate"]
    } else {
        &[]
    };
    let scheme = if tls { "https" } else { "http" };
    let words = ["wget", "-q", "-T", "4"].iter().chain(unverified);
    let mut command: Vec<_> = words
        .chain(&["-O", "/dev/null"])
        .map(|word| (*word).to_owned())
        .collect();
    command.push(format!("{scheme}://127.0.0.1:{port}{path}"));
    command
}

/// Asks the server and nobody else: what may be evicted hangs on it. It sends no client away, since the Services also lead to a pod
/// that is not ready, so that half a minute is early enough to notice. The server logs these requests at DEBUG only, two lines
/// each; the kubelet asks at once when the server has started.
fn readiness(instance: &Instance) -> Probe {
    Probe {
        period_seconds: Some(10),
        timeout_seconds: Some(5),
        failure_threshold: Some(3),
        ..check(instance, "/health/ready")
    }
}

/// Says to whoever reads the pod where its server serves metrics: the spec may have changed since. That of the API stands in the
/// sidecar's environment.
fn metrics_port(instance: &Instance) -> Option<Vec<ContainerPort>> {
    let metrics = instance.spec.metrics()?;
    let port = ContainerPort {
        name: Some(METRICS_PORT.to_owned()),
        container_port: metrics.port,
        protocol: Some("TCP".to_owned()),
        ..ContainerPort::default()
    };
    Some(vec![port])
}

/// A question that the kubelet asks over the pod's address.
pub fn http_get(path: &str, port: i32) -> HTTPGetAction {
    HTTPGetAction {
        path: Some(path.to_owned()),
        port: IntOrString::Int(port),
        ..HTTPGetAction::default()
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
    mounts.extend(files::server_mounts(instance));
    mounts.extend(instance.spec.pod.volume_mounts.iter().cloned());
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_for_the_start_is_counted_in_checks() {
        for (seconds, checks) in [
            (1, 1),
            (10, 5),
            (11, 6),
            (180, 90),
            (3600, 1800),
            (604_800, 302_400),
        ] {
            assert_eq!(
                startup_checks(Duration::from_secs(seconds)),
                checks,
                "{seconds} s"
            );
        }
    }
}
