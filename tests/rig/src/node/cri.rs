//! Images into and out of a cluster's containerd.

use crate::build::binaries::Binaries;
use crate::cluster::state::StateDir;
use crate::process::command::{self, CommandError};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// `ctr` in the kubelet's own corner of containerd.
fn ctr(binaries: &Binaries, state: &StateDir) -> Command {
    let mut ctr = Command::new(binaries.containerd.join("ctr"));
    ctr.arg("--address")
        .arg(state.containerd_socket())
        .args(["--namespace", "k8s.io"]);
    ctr
}

/// Answers once containerd does.
pub(crate) fn ping(binaries: &Binaries, state: &StateDir) -> Result<(), CommandError> {
    command::run(ctr(binaries, state).args(["--connect-timeout", "500ms", "version"])).map(drop)
}

/// Imports an image from a tar.
pub(crate) fn import(
    binaries: &Binaries,
    state: &StateDir,
    tar: &Path,
) -> Result<(), CommandError> {
    command::run(ctr(binaries, state).args(["images", "import"]).arg(tar)).map(drop)
}

/// Pulls an image. The registry is asked by `ctr` itself, in the machine's network: containerd is in
/// the cluster's, from where nothing leads out.
pub(crate) fn pull(
    binaries: &Binaries,
    state: &StateDir,
    reference: &str,
    deadline: Duration,
) -> Result<(), CommandError> {
    let patience = format!("{}ms", deadline.as_millis());
    command::run(
        ctr(binaries, state)
            .args(["--timeout", &patience])
            .args(["images", "pull", "--local", reference]),
    )
    .map(drop)
}
