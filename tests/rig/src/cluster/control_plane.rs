//! etcd, the controllers and the scheduler: their command lines.

use crate::build::binaries::Binaries;
use crate::cluster::network::Families;
use crate::cluster::pki::Pki;
use crate::cluster::state::StateDir;
use crate::process::launch::Program;

/// etcd listens on a socket in the state folder: no port to collide with another cluster's.
pub(crate) fn etcd(binaries: &Binaries, state: &StateDir, durable: bool) -> Program {
    let mut arguments = vec![
        format!("--data-dir={}", state.join("etcd").display()),
        format!("--listen-client-urls={}", etcd_url(state)),
        // It insists on addresses it can advertise; nobody ever asks for them.
        "--advertise-client-urls=http://127.0.0.1:0".to_owned(),
        "--listen-peer-urls=http://127.0.0.1:0".to_owned(),
        "--log-level=warn".to_owned(),
    ];
    if !durable {
        arguments.push("--unsafe-no-fsync".to_owned());
    }
    Program {
        name: "etcd",
        executable: binaries.etcd.join("etcd"),
        arguments,
    }
}

pub(crate) fn etcd_url(state: &StateDir) -> String {
    format!("unix://{}", state.etcd_socket().display())
}

pub(crate) fn controller_manager(
    binaries: &Binaries,
    state: &StateDir,
    pki: &Pki,
    families: Families,
) -> Program {
    let mut arguments = client_arguments(state, "controller-manager");
    arguments.extend([
        format!("--root-ca-file={}", pki.certificate("ca").display()),
        format!(
            "--service-account-private-key-file={}",
            pki.key("service-accounts").display()
        ),
        format!(
            "--cluster-signing-cert-file={}",
            pki.certificate("ca").display()
        ),
        format!("--cluster-signing-key-file={}", pki.key("ca").display()),
        format!("--cluster-cidr={}", families.list(|family| family.pods)),
        "--use-service-account-credentials=true".to_owned(),
    ]);
    Program {
        name: "kube-controller-manager",
        executable: binaries.kubernetes.join("kube-controller-manager"),
        arguments,
    }
}

pub(crate) fn scheduler(binaries: &Binaries, state: &StateDir) -> Program {
    Program {
        name: "kube-scheduler",
        executable: binaries.kubernetes.join("kube-scheduler"),
        arguments: client_arguments(state, "scheduler"),
    }
}

/// What both have in common: alone in their cluster, serving nobody, not throttled.
fn client_arguments(state: &StateDir, user: &str) -> Vec<String> {
    let kubeconfig = state.kubeconfig(user);
    vec![
        format!("--kubeconfig={}", kubeconfig.display()),
        "--leader-elect=false".to_owned(),
        "--secure-port=0".to_owned(),
        "--kube-api-qps=500".to_owned(),
        "--kube-api-burst=1000".to_owned(),
    ]
}
