//! The state folder of one cluster: everything a cluster writes is below it.

use crate::files::{self, FileError};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// Unix socket paths end at 107 bytes; the longest of ours are about 60 below the state folder.
const LONGEST_PARENT: usize = 24;
const LONGEST_HINT: usize = 16;

/// Names the files of one cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateDir {
    path: PathBuf,
}

impl StateDir {
    /// Makes a new folder that no other cluster has.
    pub fn create(hint: &str) -> Result<Self, FileError> {
        let parent = parent_folder(std::env::temp_dir());
        let hint = sanitize(hint);
        for number in 0_u32.. {
            let path = parent.join(format!("rig-{}-{number}{hint}", std::process::id()));
            match std::fs::create_dir(&path) {
                Ok(()) => return Self::at(path).prepare(),
                // Left by an earlier process with our id that was asked to keep it, or ours.
                Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => {}
                Err(e) => return Err(FileError::new("create the state folder", &path, e)),
            }
        }
        unreachable!("the folder numbers have no end")
    }

    /// An existing state folder.
    pub fn at(path: PathBuf) -> Self {
        Self { path }
    }

    fn prepare(self) -> Result<Self, FileError> {
        // Pods of any user reach their volumes through this folder.
        let mode = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(&self.path, mode)
            .map_err(|e| FileError::new("set the mode of", &self.path, e))?;
        for folder in [self.pki(), self.logs(), self.pid_files(), self.volumes()] {
            files::create_folder(&folder)?;
        }
        Ok(self)
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The folder's name, unique on this machine while the cluster lives.
    pub fn name(&self) -> String {
        self.path
            .file_name()
            .map(|name| name.to_string_lossy().into_owned())
            .unwrap_or_default()
    }

    /// A path below the folder.
    pub fn join(&self, relative: impl AsRef<Path>) -> PathBuf {
        self.path.join(relative)
    }

    /// Keys and certificates.
    pub fn pki(&self) -> PathBuf {
        self.join("pki")
    }

    /// One log file per program, and the audit log.
    pub fn logs(&self) -> PathBuf {
        self.join("log")
    }

    /// The log of one program.
    pub fn log(&self, program: &str) -> PathBuf {
        self.logs().join(format!("{program}.log"))
    }

    /// What the reaper reads: a PID file for each running program, and the list of control groups.
    pub fn pid_files(&self) -> PathBuf {
        self.join("run")
    }

    /// Directories of the PersistentVolumes.
    pub fn volumes(&self) -> PathBuf {
        self.join("volumes")
    }

    /// The kubeconfig of one user.
    pub fn kubeconfig(&self, user: &str) -> PathBuf {
        self.join(format!("{user}.kubeconfig"))
    }

    /// Where etcd listens for the API server.
    pub fn etcd_socket(&self) -> PathBuf {
        self.join("etcd.sock")
    }

    /// Where containerd listens.
    pub fn containerd_socket(&self) -> PathBuf {
        self.join("containerd.sock")
    }
}

fn parent_folder(wanted: PathBuf) -> PathBuf {
    if wanted.as_os_str().len() <= LONGEST_PARENT {
        wanted
    } else {
        PathBuf::from("/tmp")
    }
}

fn sanitize(hint: &str) -> String {
    let kept: String = hint
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
        .take(LONGEST_HINT)
        .collect();
    if kept.is_empty() {
        kept
    } else {
        format!("-{kept}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hints_become_short_safe_names() {
        assert_eq!(sanitize(""), "");
        assert_eq!(sanitize("e2e: roll/../x"), "-e2e--roll----x");
        assert_eq!(sanitize(&"long".repeat(20)).len(), 1 + LONGEST_HINT);
    }

    #[test]
    fn a_deep_temp_folder_is_refused_for_the_sake_of_sockets() {
        let deep = PathBuf::from("/var/folders/of/somebody/with/a/long/path");
        assert_eq!(parent_folder(deep), PathBuf::from("/tmp"));
        assert_eq!(parent_folder("/tmp".into()), PathBuf::from("/tmp"));
    }

    #[test]
    fn two_clusters_never_share_a_folder() {
        let one = StateDir::create("same").unwrap();
        let other = StateDir::create("same").unwrap();
        assert_ne!(one, other);
        for state in [one, other] {
            std::fs::remove_dir_all(state.path()).unwrap();
        }
    }
}
