//! The probes of the containers.

use dittofs_shared::names;
use k8s_openapi::api::core::v1::{ExecAction, HTTPGetAction, Probe, TCPSocketAction};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use std::time::Duration;

use crate::instance::Instance;

/// Seconds between two checks of a server that starts.
const STARTUP_PERIOD: i32 = 2;

/// Whether the server has started up.
pub fn startup(instance: &Instance) -> Probe {
    Probe {
        period_seconds: Some(STARTUP_PERIOD),
        timeout_seconds: Some(5),
        failure_threshold: Some(startup_checks(instance.spec.startup_timeout.into())),
        ..check(instance, "/health")
    }
}

/// Whether the server has to be restarted.
pub fn liveness(instance: &Instance) -> Probe {
    Probe {
        period_seconds: Some(20),
        timeout_seconds: Some(5),
        failure_threshold: Some(3),
        ..check(instance, "/health")
    }
}

/// Whether the server may be evicted. It asks the server only, not the sidecar. Clients are not affected, because the
/// Services also lead to unready pods, so half a minute is early enough. The server logs these requests at DEBUG
/// only, two lines each; the kubelet asks at once when the server has started.
pub fn readiness(instance: &Instance) -> Probe {
    Probe {
        period_seconds: Some(10),
        timeout_seconds: Some(5),
        failure_threshold: Some(3),
        ..check(instance, "/health/ready")
    }
}

/// Whether the sidecar's own loop runs. The state of the server or of the cluster must never restart it.
pub fn of_sidecar() -> Probe {
    Probe {
        http_get: Some(http_get("/livez", i32::from(names::SIDECAR_PORT))),
        period_seconds: Some(20),
        timeout_seconds: Some(5),
        failure_threshold: Some(3),
        ..Probe::default()
    }
}

/// How many checks may fail before the startup timeout is over. The kubelet counts checks, not time.
fn startup_checks(timeout: Duration) -> i32 {
    let period = u64::from(STARTUP_PERIOD.unsigned_abs());
    let checks = timeout.as_secs_f64() / Duration::from_secs(period).as_secs_f64();
    // The CRD allows for a week at most.
    #[allow(clippy::cast_possible_truncation)]
    let checks = checks.ceil() as i32;
    checks.max(1)
}

/// The API listens on loopback, where only a program inside the pod reaches it: so the probe runs `wget`, as in the
/// official image's own health check. When the API is exposed, the kubelet can send the request itself.
///
/// Certificates are not verified: an expired one, or one for other names than 127.0.0.1, is no reason to restart a
/// server. Where client certificates are required, the check is only whether the server accepts a connection. The
/// sidecar has a certificate, but a failing sidecar must never restart a healthy server.
fn check(instance: &Instance, path: &str) -> Probe {
    let control_plane = &instance.spec.control_plane;
    let port = control_plane.port;
    let tls = control_plane.certificate().is_some();
    match (instance.api_is_exposed(), control_plane.client_ca()) {
        (false, None) => run(&wget(port, tls, path)),
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

fn wget(port: i32, tls: bool, path: &str) -> Vec<String> {
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

/// A request to the pod's address.
fn http_get(path: &str, port: i32) -> HTTPGetAction {
    HTTPGetAction {
        path: Some(path.to_owned()),
        port: IntOrString::Int(port),
        ..HTTPGetAction::default()
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
