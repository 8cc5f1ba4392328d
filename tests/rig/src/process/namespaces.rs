//! A network and a mount namespace per cluster: nothing touches the machine's network, and every
//! mount goes by itself when the last process inside has ended.
//!
//! Namespaces belong to threads. Whatever has to happen inside runs on a thread that enters, does it,
//! and ends; programs started from there stay inside.

use crate::cluster::network::{Families, Family};
use crate::process::command::{self, CommandError};
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, setns, unshare};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The programs of a node insist on these places. Each cluster gets its own, empty ones.
const PRIVATE_FOLDERS: [&str; 3] = ["/run/containerd", "/var/lib/cni", "/var/log/containers"];

/// The node forwards between pods, and kube-proxy may send loopback traffic to them.
const SYSCTLS: [(&str, &str); 2] = [
    ("/proc/sys/net/ipv4/ip_forward", "1"),
    ("/proc/sys/net/ipv4/conf/all/route_localnet", "1"),
];
/// The same for IPv6. On a link with two ends nobody else can have the address, and looking for others takes a second.
const SYSCTLS_V6: [(&str, &str); 3] = [
    ("/proc/sys/net/ipv6/conf/all/disable_ipv6", "0"),
    ("/proc/sys/net/ipv6/conf/all/forwarding", "1"),
    ("/proc/sys/net/ipv6/conf/default/accept_dad", "0"),
];

/// A namespace cannot be made or entered.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The kernel refuses.
    #[error("cannot {doing}: {source}")]
    Kernel {
        /// What was tried.
        doing: &'static str,
        /// Why not.
        source: std::io::Error,
    },
    /// An interface or route could not be made.
    #[error("cannot set the node's network up: {0}")]
    Network(#[from] CommandError),
    /// A place could not be prepared.
    #[error(transparent)]
    File(#[from] crate::files::FileError),
}

/// A bind mount of a file: what programs see, and the file that they shall see instead.
pub type BindMount = (PathBuf, PathBuf);

/// Both namespaces of one cluster, open.
#[derive(Debug)]
pub struct Namespaces {
    network: File,
    mounts: File,
}

impl Namespaces {
    /// Makes them, with the node's interface up.
    pub fn create(bind_mounts: &[BindMount], families: Families) -> Result<Self, Error> {
        on_a_thread(|| {
            unshare(CloneFlags::CLONE_NEWNET | CloneFlags::CLONE_NEWNS)
                .map_err(|e| kernel("make namespaces", e.into()))?;
            separate_mounts(bind_mounts)?;
            set_network_up(families)?;
            Ok(Self {
                network: open("/proc/thread-self/ns/net")?,
                mounts: open("/proc/thread-self/ns/mnt")?,
            })
        })
    }

    /// Runs `work` inside both; programs it starts stay there.
    pub fn run<T: Send>(&self, work: impl FnOnce() -> T + Send) -> Result<T, Error> {
        on_a_thread(|| {
            // A thread that shares its root and working folder with others cannot change mounts.
            unshare(CloneFlags::CLONE_FS).map_err(|e| kernel("leave the mounts", e.into()))?;
            setns(&self.mounts, CloneFlags::CLONE_NEWNS)
                .map_err(|e| kernel("enter the cluster's mounts", e.into()))?;
            self.enter_network()?;
            Ok(work())
        })
    }

    /// Runs `work` in the cluster's network, with the machine's own mounts.
    pub fn run_in_network<T: Send>(&self, work: impl FnOnce() -> T + Send) -> Result<T, Error> {
        on_a_thread(|| {
            self.enter_network()?;
            Ok(work())
        })
    }

    fn enter_network(&self) -> Result<(), Error> {
        setns(&self.network, CloneFlags::CLONE_NEWNET)
            .map_err(|e| kernel("enter the cluster's network", e.into()))
    }
}

/// Runs `work` on a thread of its own and passes its panic on.
pub(crate) fn on_a_thread<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| {
        scope
            .spawn(work)
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

fn separate_mounts(bind_mounts: &[BindMount]) -> Result<(), Error> {
    // Mounts of the machine still come in; none of ours goes out, but inside they are shared as on
    // any node.
    for (kind, doing) in [
        (MsFlags::MS_SLAVE, "cut the mounts off the machine's"),
        (MsFlags::MS_SHARED, "share the mounts within the cluster"),
    ] {
        mount(
            None::<&str>,
            "/",
            None::<&str>,
            kind | MsFlags::MS_REC,
            None::<&str>,
        )
        .map_err(|e| kernel(doing, e.into()))?;
    }
    for folder in PRIVATE_FOLDERS {
        crate::files::create_folder(Path::new(folder))?;
        mount(
            Some("rig"),
            folder,
            Some("tmpfs"),
            MsFlags::empty(),
            None::<&str>,
        )
        .map_err(|e| kernel("mount a private folder", e.into()))?;
    }
    for (seen, instead) in bind_mounts {
        mount(
            Some(instead),
            seen,
            None::<&str>,
            MsFlags::MS_BIND,
            None::<&str>,
        )
        .map_err(|e| kernel("cover a kernel setting", e.into()))?;
    }
    Ok(())
}

/// A pair of virtual interfaces carries the node's addresses: it needs nothing of the kernel that pods would not need
/// as well.
fn set_network_up(families: Families) -> Result<(), Error> {
    let pair = ["node0", "type", "veth", "peer", "name", "node0peer"];
    ip(&["link", "set", "lo", "up"])?;
    ip(&[&["link", "add"], &pair[..]].concat())?;
    set(&SYSCTLS)?;
    if families.have_v6() {
        set(&SYSCTLS_V6)?;
    }
    ip(&["link", "set", "node0peer", "up"])?;
    ip(&["link", "set", "node0", "up"])?;
    families.each().iter().try_for_each(set_address)
}

/// The default route makes Service addresses routable before kube-proxy rewrites them.
fn set_address(family: &Family) -> Result<(), Error> {
    let address = format!("{}/{}", family.node, family.node_prefix);
    // Usable at once, though nobody has looked whether somebody else has it.
    let unchecked: &[&str] = if family.node.is_ipv6() {
        &["nodad"]
    } else {
        &[]
    };
    ip(&[&["addr", "add", &address, "dev", "node0"], unchecked].concat())?;
    ip(&["route", "add", family.everything, "dev", "node0"])
}

fn ip(arguments: &[&str]) -> Result<(), Error> {
    command::run(Command::new("ip").args(arguments))?;
    Ok(())
}

fn set(settings: &[(&str, &str)]) -> Result<(), Error> {
    for (setting, value) in settings {
        fs::write(setting, value).map_err(|e| kernel("change a network setting", e))?;
    }
    Ok(())
}

fn open(path: &str) -> Result<File, Error> {
    File::open(path).map_err(|e| kernel("open a namespace", e))
}

fn kernel(doing: &'static str, source: std::io::Error) -> Error {
    Error::Kernel { doing, source }
}
