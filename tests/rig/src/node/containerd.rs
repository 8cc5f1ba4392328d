//! containerd and the pod network: configuration and command line.

use crate::build::binaries::Binaries;
use crate::cluster::network::Families;
use crate::cluster::state::StateDir;
use crate::files::{self, FileError};
use crate::images;
use crate::process::launch::Program;
use nix::sys::statfs::{OVERLAYFS_SUPER_MAGIC, statfs};
use serde_json::json;
use std::path::Path;

/// Writes the configuration files.
pub(crate) fn configure(
    binaries: &Binaries,
    state: &StateDir,
    runc: &Path,
    families: Families,
) -> Result<(), FileError> {
    files::write(&config_file(state), config(binaries, state, runc))?;
    files::create_folder(&cni_folder(state))?;
    files::write(
        &cni_folder(state).join("10-pods.conflist"),
        pod_network(state, families),
    )
}

pub(crate) fn program(binaries: &Binaries, state: &StateDir) -> Program {
    Program {
        name: "containerd",
        executable: binaries.containerd.join("containerd"),
        arguments: vec![
            "--config".to_owned(),
            config_file(state).to_string_lossy().into_owned(),
        ],
    }
}

fn config_file(state: &StateDir) -> std::path::PathBuf {
    state.join("containerd.toml")
}

fn cni_folder(state: &StateDir) -> std::path::PathBuf {
    state.join("cni")
}

/// Everything below the state folder; what would listen elsewhere or is not needed is off. Pods must
/// not be asked for a lower out-of-memory score than containerd itself has, or the kernel refuses
/// them on machines where the rig's own root is limited.
fn config(binaries: &Binaries, state: &StateDir, runc: &Path) -> String {
    let folder = state.path().display();
    format!(
        r#"version = 3
root = "{folder}/containerd/root"
state = "{folder}/containerd/state"
disabled_plugins = [
  "io.containerd.nri.v1.nri",
  "io.containerd.snapshotter.v1.blockfile",
  "io.containerd.snapshotter.v1.devmapper",
  "io.containerd.snapshotter.v1.erofs",
  "io.containerd.snapshotter.v1.zfs",
  "io.containerd.tracing.processor.v1.otlp",
]

[grpc]
  address = "{socket}"

[plugins.'io.containerd.internal.v1.opt']
  path = "{folder}/containerd/opt"

[plugins.'io.containerd.cri.v1.images']
  snapshotter = "{snapshotter}"
  [plugins.'io.containerd.cri.v1.images'.pinned_images]
    sandbox = "{pause}"

[plugins.'io.containerd.cri.v1.runtime']
  restrict_oom_score_adj = true
  netns_mounts_under_state_dir = true
  [plugins.'io.containerd.cri.v1.runtime'.cni]
    bin_dirs = ["{plugins}"]
    conf_dir = "{cni}"
  [plugins.'io.containerd.cri.v1.runtime'.containerd]
    default_runtime_name = "runc"
    [plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc.options]
        BinaryName = "{runc}"
        SystemdCgroup = false
"#,
        socket = state.containerd_socket().display(),
        snapshotter = snapshotter(state.path()),
        pause = images::PAUSE,
        plugins = binaries.cni.display(),
        cni = cni_folder(state).display(),
        runc = runc.display(),
    )
}

/// An overlay cannot lie on an overlay, which is what a container's own file system often is.
fn snapshotter(folder: &Path) -> &'static str {
    match statfs(folder) {
        Ok(about) if about.filesystem_type() == OVERLAYFS_SUPER_MAGIC => "native",
        _ => "overlayfs",
    }
}

/// Each pod hangs on a link of its own and the node routes between them. With a bridge, answers of a
/// Service within the node would bypass kube-proxy's rules unless a kernel module is loaded.
fn pod_network(state: &StateDir, families: Families) -> String {
    let each = || families.each().iter();
    let ranges: Vec<_> = each()
        .map(|family| json!([{"subnet": family.pods}]))
        .collect();
    let routes: Vec<_> = each()
        .map(|family| json!({"dst": family.everything}))
        .collect();
    json!({
        "cniVersion": "1.0.0",
        "name": "pods",
        "plugins": [{
            "type": "ptp",
            "ipMasq": false,
            "ipam": {
                "type": "host-local",
                "ranges": ranges,
                "routes": routes,
                "dataDir": state.join("cni-addresses"),
            },
        }],
    })
    .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn binaries() -> Binaries {
        Binaries {
            etcd: "/c/etcd".into(),
            kubernetes: "/c/kubernetes".into(),
            containerd: "/c/containerd".into(),
            cni: "/c/cni".into(),
        }
    }

    #[test]
    fn everything_is_below_the_state_folder_or_the_cache() {
        let state = StateDir::at("/tmp/rig-1-0".into());
        let config = config(&binaries(), &state, Path::new("/usr/sbin/runc"));
        let quoted = |line: &str| line.split('"').nth(1).map(str::to_owned);
        let paths = config
            .lines()
            .filter_map(quoted)
            .filter(|word| word.starts_with('/'));
        for path in paths {
            let known = ["/tmp/rig-1-0/", "/c/cni", "/usr/sbin/runc"];
            assert!(known.iter().any(|start| path.starts_with(start)), "{path}");
        }
        assert!(config.contains("restrict_oom_score_adj = true"));
    }

    #[test]
    fn pods_get_addresses_of_the_reserved_range() {
        let state = StateDir::at("/tmp/rig-1-0".into());
        let network = pod_network(&state, Families::Both);
        let network: serde_json::Value = serde_json::from_str(&network).unwrap();
        let ipam = &network["plugins"][0]["ipam"];
        assert_eq!(ipam["ranges"][0][0]["subnet"], "198.18.0.0/24");
        assert_eq!(ipam["ranges"][1][0]["subnet"], "2001:2:0:1::/64");
        assert_eq!(
            ipam["routes"],
            json!([{"dst": "0.0.0.0/0"}, {"dst": "::/0"}])
        );
        assert_eq!(ipam["dataDir"], "/tmp/rig-1-0/cni-addresses");
    }
}
