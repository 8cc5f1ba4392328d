//! The API server: command line and audit policy.

use crate::build::binaries::Binaries;
use crate::cluster::control_plane::etcd_url;
use crate::cluster::network::{API_PORT, Families};
use crate::cluster::pki::Pki;
use crate::cluster::state::StateDir;
use crate::process::launch::Program;
use serde_json::json;
use std::net::{Ipv4Addr, SocketAddr};
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
    pub(crate) fn url(self, families: Families) -> String {
        let address = match self {
            Self::Loopback(port) => SocketAddr::from((Ipv4Addr::LOCALHOST, port)),
            Self::Node => SocketAddr::from((families.first().node, API_PORT)),
        };
        format!("https://{address}")
    }

    fn arguments(self, pki: &Pki, families: Families) -> Vec<String> {
        let advertised = families.first().node;
        match self {
            Self::Loopback(port) => vec![
                format!("--bind-address={}", Ipv4Addr::LOCALHOST),
                format!("--secure-port={port}"),
                // The cluster holds the port with a socket of its own.
                "--permit-port-sharing=true".to_owned(),
                // A loopback address is no endpoint for the Service `kubernetes`.
                format!("--advertise-address={advertised}"),
                "--endpoint-reconciler-type=none".to_owned(),
            ],
            Self::Node => vec![
                // Of whichever families there are.
                format!("--bind-address={}", Ipv4Addr::UNSPECIFIED),
                format!("--secure-port={API_PORT}"),
                format!("--advertise-address={advertised}"),
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
    families: Families,
) -> Program {
    let services = families.list(|family| family.services);
    let mut arguments = endpoint.arguments(pki, families);
    arguments.extend(identity_arguments(pki));
    arguments.extend([
        format!("--etcd-servers={}", etcd_url(state)),
        format!("--service-cluster-ip-range={services}"),
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
        for (endpoint, families, expected) in [
            (Endpoint::Loopback(7), Families::V6, "https://127.0.0.1:7"),
            (Endpoint::Node, Families::Both, "https://192.0.2.10:6443"),
            (Endpoint::Node, Families::V6, "https://[2001:db8::10]:6443"),
        ] {
            assert_eq!(endpoint.url(families), expected);
        }
    }

    #[test]
    fn the_audit_log_has_one_line_per_short_request() {
        let policy: serde_json::Value = serde_json::from_str(&audit_policy()).unwrap();
        assert_eq!(policy["omitStages"][0], "RequestReceived");
        assert_eq!(policy["rules"][0]["level"], "Metadata");
    }
}
