//! One control group per cluster. Whatever a cluster starts stays inside, pods included, so killing
//! the group ends all of it and can hit nothing else.
//!
//! Two kinds of machines exist: one tree for everything (version 2), and the old one where each
//! controller has its own tree and version 2 stands beside them without controllers ("hybrid"). The
//! kubelet works with both; the killing needs version 2, which both have.

use crate::wait::wait_blocking;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

const ROOT: &str = "/sys/fs/cgroup";
const CONTROLLERS: [&str; 5] = ["cpu", "cpuset", "memory", "hugetlb", "pids"];

/// Control groups cannot be used as needed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Not mounted, or not in a usual place.
    #[error("there is no control group file system at /sys/fs/cgroup")]
    NotMounted,
    /// Present, but the kernel refuses.
    #[error("cannot {doing} {}: {source}", path.display())]
    Refused {
        /// What was tried.
        doing: &'static str,
        /// With what.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
}

/// The control group of one cluster.
#[derive(Clone, Debug)]
pub struct Group {
    /// The version 2 folder that can be killed, then the folders in the trees of the controllers.
    folders: Vec<PathBuf>,
    unified: bool,
    name: String,
}

impl Group {
    /// The group of that name; nothing is made yet.
    pub fn named(name: &str) -> Result<Self, Error> {
        let root = Path::new(ROOT);
        let is_v2 = |path: &Path| path.join("cgroup.controllers").exists();
        let (unified, roots) = if is_v2(root) {
            (true, vec![root.to_owned()])
        } else if is_v2(&root.join("unified")) {
            let mut roots = vec![root.join("unified")];
            roots.extend(old_trees(root));
            (false, roots)
        } else {
            return Err(Error::NotMounted);
        };
        Ok(Self {
            folders: roots.into_iter().map(|root| root.join(name)).collect(),
            unified,
            name: name.to_owned(),
        })
    }

    /// Whether groups can be made here: makes one and removes it.
    pub fn probe() -> Result<(), Error> {
        static PROBES: AtomicU32 = AtomicU32::new(0);
        let number = PROBES.fetch_add(1, Ordering::Relaxed);
        let group = Self::named(&format!("rig-probe-{}-{number}", std::process::id()))?;
        let outcome = group.create();
        remove(&group.folders);
        outcome
    }

    /// All folders of this group, the one to kill first.
    pub fn folders(&self) -> &[PathBuf] {
        &self.folders
    }

    /// What the kubelet calls `cgroupRoot`.
    pub fn kubelet_root(&self) -> String {
        format!("/{}", self.name)
    }

    /// The file a program writes its id to in order to join. It is a leaf: on a version 2 tree a
    /// group that hands out controllers to pods must not have processes of its own.
    pub fn joining_file(&self) -> PathBuf {
        self.folders[0].join("programs").join("cgroup.procs")
    }

    /// Makes the folders.
    pub fn create(&self) -> Result<(), Error> {
        for folder in &self.folders {
            make(folder)?;
        }
        make(&self.folders[0].join("programs"))?;
        if self.unified {
            hand_down_controllers(Path::new(ROOT))?;
        } else {
            self.fill_cpusets()?;
        }
        let kill = self.folders[0].join("cgroup.kill");
        if kill.exists() {
            return Ok(());
        }
        Err(Error::Refused {
            doing: "find (Linux 5.14 brought it)",
            path: kill,
            source: std::io::ErrorKind::NotFound.into(),
        })
    }

    /// The old cpuset tree lets no process in before these are set.
    fn fill_cpusets(&self) -> Result<(), Error> {
        let tree = |folder: &&PathBuf| folder.starts_with(Path::new(ROOT).join("cpuset"));
        for folder in self.folders.iter().filter(tree) {
            for file in ["cpuset.cpus", "cpuset.mems"] {
                let parent = Path::new(ROOT).join("cpuset").join(file);
                let own = folder.join(file);
                fs::read(&parent)
                    .and_then(|value| fs::write(&own, value))
                    .map_err(|source| refused("fill", &own, source))?;
            }
        }
        Ok(())
    }
}

/// Ends every process of a group, at once, and removes its folders. Returns what stayed.
pub fn destroy(folders: &[PathBuf]) -> Vec<PathBuf> {
    if let Some(first) = folders.first() {
        // Not there when the start did not get that far.
        let _ = fs::write(first.join("cgroup.kill"), "1");
    }
    let gone = || {
        remove(folders);
        let left: Vec<_> = folders.iter().filter(|f| f.exists()).cloned().collect();
        if left.is_empty() {
            Ok(())
        } else {
            Err(String::new())
        }
    };
    // A folder can be removed only once the kernel has buried its last process.
    let _ = wait_blocking("an empty control group", Duration::from_secs(5), gone);
    folders.iter().filter(|f| f.exists()).cloned().collect()
}

fn remove(folders: &[PathBuf]) {
    for folder in folders {
        remove_tree(folder);
    }
}

/// Control group folders are removed from the leaves up; their files go by themselves.
fn remove_tree(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            remove_tree(&entry.path());
        }
    }
    // Refused while a process is inside; `destroy` looks again.
    let _ = fs::remove_dir(folder);
}

fn old_trees(root: &Path) -> Vec<PathBuf> {
    let mut trees: Vec<_> = fs::read_dir(root)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        // `cpu` and `cpuacct` are often links to the same tree: a folder is made once.
        .filter(|path| !path.is_symlink() && path.join("tasks").exists())
        .collect();
    trees.sort();
    trees
}

fn hand_down_controllers(folder: &Path) -> Result<(), Error> {
    let present = fs::read_to_string(folder.join("cgroup.controllers")).unwrap_or_default();
    let file = folder.join("cgroup.subtree_control");
    for controller in CONTROLLERS {
        if present.split_whitespace().any(|name| name == controller) {
            fs::write(&file, format!("+{controller}"))
                .map_err(|source| refused("hand controllers down with", &file, source))?;
        }
    }
    Ok(())
}

fn make(folder: &Path) -> Result<(), Error> {
    match fs::create_dir(folder) {
        Err(source) if source.kind() != std::io::ErrorKind::AlreadyExists => {
            Err(refused("make the control group", folder, source))
        }
        _ => Ok(()),
    }
}

fn refused(doing: &'static str, path: &Path, source: std::io::Error) -> Error {
    Error::Refused {
        doing,
        path: path.to_owned(),
        source,
    }
}
