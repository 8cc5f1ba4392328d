//! The API server: command line and audit policy.

use crate::build::binaries::Binaries;
use crate::cluster::control_plane::etcd_url;
use crate::cluster::network::{API_PORT, NODE_ADDRESS, SERVICE_RANGE};
use crate::cluster::pki::Pki;
use crate::cluster::state::StateDir;
use crate::process::launch::Program;
use serde_json::json;
use std::net::Ipv4Addr;
use std::path::PathBuf;

/// Where the API server listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Endpoint {
    /// On loopback of the machine, on a port that was free.
    Loopback(u16),
    /// On the node's address, in a network of the cluster's own.
    Node,
}

impl Endpoint {
    pub(crate) fn url(self) -> String {
        match self {
            Self::Loopback(port) => format!("https://{}:{port}", Ipv4Addr::LOCALHOST),
            Self::Node => format!("https://{NODE_ADDRESS}:{API_PORT}"),
        }
    }

    fn arguments(self, pki: &Pki) -> Vec<String> {
        match self {
            Self::Loopback(port) => vec![
                format!("--bind-address={}", Ipv4Addr::LOCALHOST),
                format!("--secure-port={port}"),
                // The cluster holds the port with a socket of its own.
                "--permit-port-sharing=true".to_owned(),
                // A loopback address is no endpoint for the Service `kubernetes`.
                format!("--advertise-address={NODE_ADDRESS}"),
                "--endpoint-reconciler-type=none".to_owned(),
            ],
            Self::Node => vec![
                format!("--bind-address={}", Ipv4Addr::UNSPECIFIED),
                format!("--secure-port={API_PORT}"),
                format!("--advertise-address={NODE_ADDRESS}"),
                // The node's name resolves nowhere.
                "--kubelet-preferred-address-types=InternalIP".to_owned(),
                format!(
                    "--kubelet-client-certificate={}",
                    pki.certificate("admin").display()
                ),
                format!("--kubelet-client-key={}", pki.key("admin").display()),
                format!(
                    "--kubelet-certificate-authority={}",
                    pki.certificate("ca").display()
                ),
            ],
        }
    }
}

/// The audit log, an independent clock and counter of requests.
pub(crate) fn audit_log(state: &StateDir) -> PathBuf {
    state.logs().join("audit.jsonl")
}

pub(crate) fn audit_policy_file(state: &StateDir) -> PathBuf {
    state.join("audit-policy.json")
}

/// Who did what, without bodies; one line per request when it is answered.
pub(crate) fn audit_policy() -> String {
    json!({
        "apiVersion": "audit.k8s.io/v1",
        "kind": "Policy",
        "omitStages": ["RequestReceived"],
        "rules": [{"level": "Metadata"}],
    })
    .to_string()
}

pub(crate) fn program(
    binaries: &Binaries,
    state: &StateDir,
    pki: &Pki,
    endpoint: Endpoint,
) -> Program {
    let mut arguments = endpoint.arguments(pki);
    arguments.extend(identity_arguments(pki));
    arguments.extend([
        format!("--etcd-servers={}", etcd_url(state)),
        format!("--service-cluster-ip-range={SERVICE_RANGE}"),
        "--authorization-mode=Node,RBAC".to_owned(),
        "--enable-admission-plugins=NodeRestriction,PodSecurity".to_owned(),
        "--allow-privileged=true".to_owned(),
        format!("--audit-policy-file={}", audit_policy_file(state).display()),
        format!("--audit-log-path={}", audit_log(state).display()),
        // A test that has its answer finds the line of its request.
        "--audit-log-mode=blocking".to_owned(),
        // Offsets into the file stay valid only if it is never rotated.
        "--audit-log-maxsize=1000000".to_owned(),
    ]);
    Program {
        name: "kube-apiserver",
        executable: binaries.kubernetes.join("kube-apiserver"),
        arguments,
    }
}

fn identity_arguments(pki: &Pki) -> [String; 6] {
    [
        format!("--tls-cert-file={}", pki.certificate("server").display()),
        format!("--tls-private-key-file={}", pki.key("server").display()),
        format!("--client-ca-file={}", pki.certificate("ca").display()),
        format!(
            "--service-account-key-file={}",
            pki.certificate("service-accounts").display()
        ),
        format!(
            "--service-account-signing-key-file={}",
            pki.key("service-accounts").display()
        ),
        "--service-account-issuer=https://kubernetes.default.svc".to_owned(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_url_is_where_it_listens() {
        assert_eq!(Endpoint::Loopback(7).url(), "https://127.0.0.1:7");
        assert_eq!(Endpoint::Node.url(), "https://192.0.2.10:6443");
    }

    #[test]
    fn the_audit_log_has_one_line_per_short_request() {
        let policy: serde_json::Value = serde_json::from_str(&audit_policy()).unwrap();
        assert_eq!(policy["omitStages"][0], "RequestReceived");
        assert_eq!(policy["rules"][0]["level"], "Metadata");
    }
}
