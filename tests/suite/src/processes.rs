//! The processes of a pod, as the node's root sees them.

use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt as _;
use std::fs;
use std::process::Command;

/// Ids of the processes of a pod that run a program of this name.
///
/// # Panics
/// There is no /proc.
pub fn of_pod(pod: &Pod, program: &str) -> Vec<u32> {
    let uid = pod.uid().unwrap_or_default();
    // The kubelet's cgroup of a pod has its uid in the name, with dashes or underscores depending on the driver.
    let spellings = [uid.clone(), uid.replace('-', "_")];
    let entries = fs::read_dir("/proc").expect("/proc is there");
    entries
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter(|id: &u32| {
            let read =
                |file: &str| fs::read_to_string(format!("/proc/{id}/{file}")).unwrap_or_default();
            let command_line = read("cmdline");
            let executable = command_line.split('\0').next().unwrap_or_default();
            executable.ends_with(program)
                && spellings
                    .iter()
                    .any(|uid| read("cgroup").contains(uid.as_str()))
        })
        .collect()
}

/// Ends a process at once.
///
/// # Errors
/// It is not there any more.
pub fn kill(id: u32) -> crate::Outcome {
    let status = Command::new("kill")
        .args(["-KILL", &id.to_string()])
        .status()?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("process {id} cannot be killed").into())
    }
}
