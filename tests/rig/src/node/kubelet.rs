//! The kubelet and kube-proxy: configuration and command lines.

use crate::build::binaries::Binaries;
use crate::cluster::network::{Families, NODE_NAME};
use crate::cluster::pki::Pki;
use crate::cluster::state::StateDir;
use crate::files::{self, FileError};
use crate::process::launch::Program;
use crate::process::namespaces::BindMount;
use serde_json::{Value, json};
use std::path::PathBuf;

/// The kubelet sets these, for the whole machine, unless it finds them set already. In its mount
/// namespace it finds what it wants to see.
const SETTINGS: [(&str, &str); 6] = [
    ("vm/overcommit_memory", "1\n"),
    ("vm/panic_on_oom", "0\n"),
    ("kernel/panic", "10\n"),
    ("kernel/panic_on_oops", "1\n"),
    ("kernel/keys/root_maxkeys", "1000000\n"),
    ("kernel/keys/root_maxbytes", "25000000\n"),
];

/// Writes what the kubelet shall see instead of the machine's kernel settings.
pub(crate) fn bind_mounts(state: &StateDir) -> Result<Vec<BindMount>, FileError> {
    let folder = state.join("settings");
    files::create_folder(&folder)?;
    let bind_mount = |(setting, value): (&str, &str)| {
        let seen = PathBuf::from("/proc/sys").join(setting);
        let instead = folder.join(setting.replace('/', "."));
        files::write(&instead, value)?;
        Ok((seen, instead))
    };
    SETTINGS.into_iter().map(bind_mount).collect()
}

/// Writes the configuration files.
pub(crate) fn configure(
    state: &StateDir,
    pki: &Pki,
    root: &str,
    families: Families,
) -> Result<(), FileError> {
    files::write(
        &kubelet_file(state),
        kubelet_config(state, pki, root, families).to_string(),
    )?;
    files::write(
        &proxy_file(state),
        proxy_config(state, families).to_string(),
    )
}

pub(crate) fn kubelet(binaries: &Binaries, state: &StateDir, families: Families) -> Program {
    Program {
        name: "kubelet",
        executable: binaries.kubernetes.join("kubelet"),
        arguments: vec![
            format!("--config={}", kubelet_file(state).display()),
            format!("--kubeconfig={}", state.kubeconfig("kubelet").display()),
            format!("--hostname-override={NODE_NAME}"),
            format!("--node-ip={}", families.list(|family| family.node)),
            format!("--root-dir={}", state.join("kubelet").display()),
            format!("--cert-dir={}", state.join("kubelet-pki").display()),
        ],
    }
}

pub(crate) fn proxy(binaries: &Binaries, state: &StateDir) -> Program {
    Program {
        name: "kube-proxy",
        executable: binaries.kubernetes.join("kube-proxy"),
        arguments: vec![format!("--config={}", proxy_file(state).display())],
    }
}

fn kubelet_file(state: &StateDir) -> PathBuf {
    state.join("kubelet.json")
}

fn proxy_file(state: &StateDir) -> PathBuf {
    state.join("kube-proxy.json")
}

/// A guest on the machine: it evicts nobody because of the machine's own load (the thresholds must
/// be above zero to be accepted) and enforces nothing on what is not a pod.
fn kubelet_config(state: &StateDir, pki: &Pki, root: &str, families: Families) -> Value {
    json!({
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "authentication": {
            "anonymous": {"enabled": false},
            "webhook": {"enabled": true},
            "x509": {"clientCAFile": pki.certificate("ca")},
        },
        "authorization": {"mode": "Webhook"},
        "tlsCertFile": pki.certificate("server"),
        "tlsPrivateKeyFile": pki.key("server"),
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": root,
        "failCgroupV1": false,
        "failSwapOn": false,
        "enforceNodeAllocatable": [],
        "evictionHard": {"memory.available": "1Mi", "nodefs.available": "1%"},
        "imageGCHighThresholdPercent": 100,
        "imageGCLowThresholdPercent": 99,
        "containerRuntimeEndpoint": format!("unix://{}", state.containerd_socket().display()),
        "volumePluginDir": state.join("volume-plugins"),
        "podLogsDir": state.join("pod-logs"),
        "clusterDNS": [families.first().dns],
        "resolvConf": "/dev/null",
        "serializeImagePulls": false,
        // Tests end containers on purpose, again and again: waiting longer each time would test the kubelet.
        "crashLoopBackOff": {"maxContainerRestartPeriod": "1s"},
        "nodeStatusUpdateFrequency": "5s",
        "syncFrequency": "10s",
        "kubeAPIQPS": 200,
        "kubeAPIBurst": 400,
    })
}

/// The conntrack limits are the machine's, not the namespace's: zero leaves them alone.
fn proxy_config(state: &StateDir, families: Families) -> Value {
    json!({
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "mode": "nftables",
        "clientConnection": {"kubeconfig": state.kubeconfig("proxy")},
        "hostnameOverride": NODE_NAME,
        "clusterCIDR": families.list(|family| family.pods),
        "conntrack": {
            "maxPerCore": 0,
            "min": 0,
            "tcpEstablishedTimeout": "0s",
            "tcpCloseWaitTimeout": "0s",
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pods_stay_in_the_clusters_control_group() {
        let state = StateDir::create("kubelet").unwrap();
        let pki = Pki::create(&state, "https://127.0.0.1:1").unwrap();
        let config = kubelet_config(&state, &pki, "/rig-1-0", Families::V4);
        assert_eq!(config["cgroupRoot"], "/rig-1-0");
        assert_eq!(config["failCgroupV1"], false);
        std::fs::remove_dir_all(state.path()).unwrap();
    }

    #[test]
    fn every_bind_mount_covers_a_kernel_setting_with_a_file_of_the_cluster() {
        let state = StateDir::create("bind_mount").unwrap();
        for (seen, instead) in bind_mounts(&state).unwrap() {
            assert!(seen.starts_with("/proc/sys"));
            assert!(instead.starts_with(state.path()) && instead.exists());
        }
        std::fs::remove_dir_all(state.path()).unwrap();
    }
}
