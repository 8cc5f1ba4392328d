//! Ends what a cluster has started: programs in order, then the control group, then the files.

use crate::cluster::state::StateDir;
use crate::process::cgroup;
use crate::process::pid_file::PidFile;
use crate::wait::wait_blocking;
use nix::mount::{MntFlags, umount2};
use nix::sys::signal::Signal;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// The file that lists the folders of the cluster's control group.
pub(crate) const CONTROL_GROUP: &str = "control-group";

/// Who ends when, and how long it may take. The API server goes before etcd: without its etcd it
/// ignores every request to end. containerd's pods are ended with the control group.
const STAGES: [(&[&str], Duration); 3] = [
    (
        &[
            "kubelet",
            "kube-proxy",
            "kube-scheduler",
            "kube-controller-manager",
        ],
        Duration::from_secs(2),
    ),
    (&["kube-apiserver"], Duration::from_secs(3)),
    (&["etcd", "containerd"], Duration::from_secs(2)),
];

/// Something could not be ended or removed.
#[derive(Debug, thiserror::Error)]
#[error("left over: {}", .0.join(", "))]
pub(crate) struct Leftovers(Vec<String>);

/// Ends everything that has a PID file in a state folder and removes the folder unless it is to be kept.
pub(crate) fn clean_up(state: &StateDir, keep: bool) -> Result<(), Leftovers> {
    let mut left = Vec::new();
    for (programs, patience) in STAGES {
        left.extend(end_stage(state, programs, patience));
    }
    for folder in cgroup::destroy(&control_group(state)) {
        left.push(format!("the control group {}", folder.display()));
    }
    detach_mounts(state.path());
    if left.is_empty()
        && !keep
        && let Err(error) = std::fs::remove_dir_all(state.path())
    {
        left.push(format!("{} ({error})", state.path().display()));
    }
    if left.is_empty() {
        Ok(())
    } else {
        Err(Leftovers(left))
    }
}

fn end_stage(state: &StateDir, programs: &[&str], patience: Duration) -> Vec<String> {
    let processes: Vec<(&str, PidFile)> = programs
        .iter()
        .filter_map(|name| Some((*name, PidFile::read(&state.pid_files().join(name))?)))
        .collect();
    let began = Instant::now();
    for (_, process) in &processes {
        process.signal(Signal::SIGTERM);
        // A stopped process gets its other signals only once it goes on.
        process.signal(Signal::SIGCONT);
    }
    let stubborn = wait_for_end(&processes, patience);
    let took = began.elapsed().as_secs_f64();
    eprintln!(
        "{} ended within {took:.1} s, except: {stubborn:?}",
        programs.join(", ")
    );
    if stubborn.is_empty() {
        return Vec::new();
    }
    for (_, process) in &processes {
        process.signal(Signal::SIGKILL);
    }
    wait_for_end(&processes, Duration::from_secs(2))
}

/// Waits, and names those that still run afterwards.
fn wait_for_end(processes: &[(&str, PidFile)], patience: Duration) -> Vec<String> {
    let running = || -> Vec<String> {
        processes
            .iter()
            .filter(|(_, process)| process.is_running())
            .map(|(name, process)| format!("{name} (process {})", process.pid()))
            .collect()
    };
    let look = || {
        if running().is_empty() {
            Ok(())
        } else {
            Err(String::new())
        }
    };
    match wait_blocking("the end of a stage", patience, look) {
        Ok(()) => Vec::new(),
        Err(_) => running(),
    }
}

fn control_group(state: &StateDir) -> Vec<PathBuf> {
    let list = std::fs::read_to_string(state.pid_files().join(CONTROL_GROUP)).unwrap_or_default();
    list.lines().map(PathBuf::from).collect()
}

/// The cluster's mounts are in a namespace of its own. Should one have come out all the same, the
/// removal of the state folder must not walk into it.
fn detach_mounts(folder: &Path) {
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    for mount in mounts_below(&mounts, folder).iter().rev() {
        if let Err(error) = umount2(mount, MntFlags::MNT_DETACH) {
            eprintln!("cannot unmount {}: {error}", mount.display());
        }
    }
}

fn mounts_below(mountinfo: &str, folder: &Path) -> Vec<PathBuf> {
    mountinfo
        .lines()
        .filter_map(|line| line.split(' ').nth(4))
        .map(PathBuf::from)
        .filter(|mount| mount.starts_with(folder))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_mounts_below_the_state_folder_are_ours() {
        let mountinfo = "\
            21 1 8:1 / / rw - ext4 /dev/sda rw\n\
            22 21 0:1 / /tmp/rig-1-0/kubelet/pods/x rw - tmpfs tmpfs rw\n\
            23 21 0:2 / /tmp/rig-1-01 rw - tmpfs tmpfs rw\n";
        assert_eq!(
            mounts_below(mountinfo, Path::new("/tmp/rig-1-0")),
            [PathBuf::from("/tmp/rig-1-0/kubelet/pods/x")]
        );
    }

    #[test]
    fn a_state_folder_without_programs_is_just_removed() {
        let state = StateDir::create("cleanup").unwrap();
        clean_up(&state, false).unwrap();
        assert!(!state.path().exists());
    }

    #[test]
    fn a_program_with_a_pid_file_is_ended_and_a_kept_folder_stays() {
        let state = StateDir::create("cleanup").unwrap();
        let mut sleeper = std::process::Command::new("sleep")
            .arg("600")
            .spawn()
            .unwrap();
        let stat = std::fs::read(format!("/proc/{}/stat", sleeper.id())).unwrap();
        std::fs::write(state.pid_files().join("etcd"), stat).unwrap();
        clean_up(&state, true).unwrap();
        assert!(!sleeper.wait().unwrap().success());
        assert!(state.path().exists());
        std::fs::remove_dir_all(state.path()).unwrap();
    }
}
