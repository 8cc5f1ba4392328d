//! What a node needs of the machine: root, control groups, namespaces and a few Debian packages.

use crate::build::progress::Step;
use crate::cluster::network::Families;
use crate::process::cgroup;
use crate::process::command::{self, CommandError};
use crate::process::namespaces::Namespaces;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};

/// A program that is not built here, and the Debian package that has it.
const PROGRAMS: [(&str, &str); 7] = [
    ("runc", "runc"),
    ("nft", "nftables"),
    ("ip", "iproute2"),
    ("nsenter", "util-linux"),
    ("mount", "mount"),
    ("busybox", "busybox-static"),
    ("openssl", "openssl"),
];

/// Folders looked at besides PATH: root's programs are not in everybody's PATH.
const SYSTEM_FOLDERS: [&str; 6] = [
    "/usr/local/sbin",
    "/usr/local/bin",
    "/usr/sbin",
    "/usr/bin",
    "/sbin",
    "/bin",
];

/// Set to anything, this variable makes a machine one that can have no node.
pub const NO_NODE: &str = "DITTOFS_RIG_NO_NODE";

/// Where a kernel with IPv6 shows its addresses.
const IPV6: &str = "/proc/net/if_inet6";

/// Whether a cluster with a node can run here.
#[derive(Debug)]
pub enum NodeSupport {
    /// It can.
    Available,
    /// It cannot, and why.
    Unavailable(Unavailable),
}

/// Why there can be no node on this machine.
#[derive(Debug, thiserror::Error)]
pub enum Unavailable {
    /// Somebody wants none.
    #[error("the variable {NO_NODE} is set")]
    NotWanted,
    /// Containers, namespaces and mounts need root.
    #[error("a node needs root; only control-plane clusters run without")]
    NotRoot,
    /// A program is missing and could not be installed.
    #[error("a node needs the program `{program}` (Debian package {package}): {why}")]
    MissingProgram {
        /// The program.
        program: &'static str,
        /// The package that has it.
        package: &'static str,
        /// Why it was not installed.
        why: String,
    },
    /// A kernel without IPv6.
    #[error("a node with IPv6 addresses needs a kernel with IPv6, and this one has no {IPV6}")]
    NoIpv6,
    /// No usable control groups.
    #[error("a node needs writable control groups v2: {0}")]
    NoControlGroups(#[from] cgroup::Error),
    /// No network or mount namespace can be made, or no interface within.
    #[error("a node needs a network namespace of its own: {0}")]
    NoNamespaces(#[from] crate::process::namespaces::Error),
    /// The kernel or nft refuses.
    #[error("kube-proxy needs nftables: {0}")]
    NoNftables(CommandError),
}

impl NodeSupport {
    /// Installs missing packages where that is possible, then tries what a node will do.
    pub fn check() -> Self {
        Self::check_for(Families::V4)
    }

    /// The same, for a node with addresses of these families.
    pub fn check_for(families: Families) -> Self {
        match try_everything(families) {
            Ok(()) => Self::Available,
            Err(reason) => Self::Unavailable(reason),
        }
    }
}

fn try_everything(families: Families) -> Result<(), Unavailable> {
    if std::env::var_os(NO_NODE).is_some_and(|value| !value.is_empty()) {
        return Err(Unavailable::NotWanted);
    }
    if !nix::unistd::geteuid().is_root() {
        return Err(Unavailable::NotRoot);
    }
    install_missing()?;
    cgroup::Group::probe()?;
    if families.have_v6() && !Path::new(IPV6).exists() {
        return Err(Unavailable::NoIpv6);
    }
    let namespaces = Namespaces::create(&[], families)?;
    let tables: &[&str] = if families.have_v6() {
        &["ip", "ip6"]
    } else {
        &["ip"]
    };
    for table in tables {
        let probe = || command::run(Command::new("nft").args(["add", "table", table, "probe"]));
        namespaces.run(probe)?.map_err(Unavailable::NoNftables)?;
    }
    Ok(())
}

fn install_missing() -> Result<(), Unavailable> {
    // Two clusters that start at once must not both call apt; the second finds all there.
    static INSTALLING: Mutex<()> = Mutex::new(());
    let _guard = INSTALLING.lock().unwrap_or_else(PoisonError::into_inner);
    let missing = || {
        PROGRAMS
            .into_iter()
            .filter(|(name, _)| locate(name).is_none())
    };
    let packages: Vec<_> = missing().map(|(_, package)| package).collect();
    let outcome = if packages.is_empty() {
        Ok(())
    } else {
        install(&packages)
    };
    match missing().next() {
        None => Ok(()),
        Some((program, package)) => Err(Unavailable::MissingProgram {
            program,
            package,
            why: outcome.err().map_or_else(
                || "its package was installed but did not bring it".to_owned(),
                |error| error.to_string(),
            ),
        }),
    }
}

fn install(packages: &[&str]) -> Result<(), CommandError> {
    let step = Step::begin(format!("installing {}", packages.join(", ")));
    let apt = || {
        let mut apt = Command::new("apt-get");
        apt.env("DEBIAN_FRONTEND", "noninteractive");
        // Somebody else may be installing something as well.
        apt.args(["-o", "DPkg::Lock::Timeout=120"]);
        apt
    };
    command::run(apt().args(["update", "--quiet"]))?;
    command::run(
        apt()
            .args(["install", "--yes", "--quiet", "--no-install-recommends"])
            .args(packages),
    )?;
    step.done();
    Ok(())
}

fn locate(program: &str) -> Option<PathBuf> {
    if program == "busybox" {
        static_busybox()
    } else {
        find(program)
    }
}

/// A program in PATH or in one of the system's folders.
pub fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(SYSTEM_FOLDERS.map(PathBuf::from))
        .map(|folder| folder.join(program))
        .find(|candidate| candidate.is_file())
}

/// A busybox that runs in an empty image.
pub fn static_busybox() -> Option<PathBuf> {
    find("busybox").filter(|path| is_static(path))
}

/// A dynamic program names its loader (`ld-linux…`, `ld-musl…`) within the first page.
fn is_static(program: &Path) -> bool {
    let Ok(bytes) = std::fs::read(program) else {
        return false;
    };
    let head = &bytes[..bytes.len().min(4096)];
    !head.windows(4).any(|word| word == b"/ld-")
}

/// The PATH given to the cluster's programs.
pub(crate) fn path_variable(first: &[&Path]) -> String {
    first
        .iter()
        .map(|folder| folder.to_string_lossy().into_owned())
        .chain(SYSTEM_FOLDERS.map(str::to_owned))
        .collect::<Vec<_>>()
        .join(":")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_names_a_loader_is_not_static() {
        let folder = std::env::temp_dir().join(format!("rig-static-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let (fixed, loaded) = (folder.join("fixed"), folder.join("loaded"));
        std::fs::write(&fixed, b"\x7fELF ... no loader").unwrap();
        std::fs::write(&loaded, b"\x7fELF ... /lib64/ld-linux-x86-64.so.2").unwrap();
        assert!(is_static(&fixed));
        assert!(!is_static(&loaded));
        assert!(!is_static(&folder.join("missing")));
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn the_programs_path_begins_with_ours() {
        let path = path_variable(&[Path::new("/cache/cni")]);
        assert!(path.starts_with("/cache/cni:/usr/local/sbin:"));
    }
}
