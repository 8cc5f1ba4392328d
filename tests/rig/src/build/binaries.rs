//! The cluster's programs, built by the Go toolchain from the modules pinned in `modules/`.
//!
//! They land in a cache outside the clone, one folder per module and content of its pins, so a second
//! run builds nothing. Two runs side by side build once: the second waits for the lock of the first.

use crate::build::modules::{CNI, CONTAINERD, ETCD, KUBERNETES, Module, Program};
use crate::build::progress::Step;
use crate::files::{self, FileError};
use crate::process::command::{self, CommandError};
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

pub use crate::build::modules::Part;

/// The programs could not be made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No folder for the cache.
    #[error(
        "no folder to keep the cluster's programs in: set DITTOFS_RIG_CACHE, XDG_CACHE_HOME or HOME"
    )]
    NoCacheFolder,
    /// A file could not be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// `go` is missing or refuses.
    #[error("the cluster's programs are built with the Go toolchain (https://go.dev/dl): {0}")]
    Go(#[source] CommandError),
}

/// A program, the module it is built from, and where it belongs.
type Missing = (&'static Module, &'static Program, PathBuf);

/// Where the programs of each module are.
#[derive(Clone, Debug)]
pub struct Binaries {
    pub(crate) etcd: PathBuf,
    pub(crate) kubernetes: PathBuf,
    pub(crate) containerd: PathBuf,
    pub(crate) cni: PathBuf,
}

impl Binaries {
    /// Builds what is not in the cache yet.
    pub fn ensure(part: Part) -> Result<Self, Error> {
        let cache = cache()?;
        let folder = |module| module_folder(&cache, module);
        let binaries = Self {
            etcd: folder(&ETCD)?,
            kubernetes: folder(&KUBERNETES)?,
            containerd: folder(&CONTAINERD)?,
            cni: folder(&CNI)?,
        };
        if !binaries.missing(part).is_empty() {
            let _lock = lock(&cache)?;
            // Looked at again: another run may have built them while this one waited for the lock.
            build_all(&binaries.missing(part))?;
        }
        Ok(binaries)
    }

    /// The `kubectl` of the cluster's own version.
    pub fn kubectl(&self) -> PathBuf {
        self.kubernetes.join("kubectl")
    }

    fn missing(&self, part: Part) -> Vec<Missing> {
        let folders = [
            (&ETCD, &self.etcd),
            (&KUBERNETES, &self.kubernetes),
            (&CONTAINERD, &self.containerd),
            (&CNI, &self.cni),
        ];
        folders
            .into_iter()
            .flat_map(|(module, folder)| missing_of(module, folder))
            .filter(|(_, program, _)| program.part <= part)
            .collect()
    }
}

/// Builds the programs of a module that is no part of a cluster, and gives their folder.
pub(crate) fn ensure_module(module: &'static Module) -> Result<PathBuf, Error> {
    let cache = cache()?;
    let folder = module_folder(&cache, module)?;
    if !missing_of(module, &folder).is_empty() {
        let _lock = lock(&cache)?;
        // Looked at again, as above.
        build_all(&missing_of(module, &folder))?;
    }
    Ok(folder)
}

fn missing_of(module: &'static Module, folder: &Path) -> Vec<Missing> {
    let programs = module.programs.iter();
    programs
        .map(|program| (module, program, folder.join(program.name)))
        .filter(|(_, _, path)| !path.exists())
        .collect()
}

fn build_all(missing: &[Missing]) -> Result<(), Error> {
    let count = missing.len();
    for (number, (module, program, path)) in missing.iter().enumerate() {
        let step = Step::begin(format!(
            "building {} ({}/{count})",
            program.name,
            number + 1
        ));
        build(module, program, path)?;
        step.done();
    }
    Ok(())
}

fn build(module: &Module, program: &Program, path: &Path) -> Result<(), Error> {
    if let Some(folder) = path.parent() {
        files::create_folder(folder)?;
    }
    // Under the lock, so what an interrupted build left here can be overwritten.
    let unfinished = path.with_extension("unfinished");
    let mut go = go(module);
    go.args(["build", "-trimpath", "-buildvcs=false", "-mod=readonly"])
        .args(["-tags", module.tags, "-ldflags", module.ldflags, "-o"])
        .arg(&unfinished)
        .arg(program.package);
    command::run(&mut go).map_err(Error::Go)?;
    fs::rename(&unfinished, path)
        .map_err(|e| FileError::new("move the built program to", path, e))?;
    Ok(())
}

/// The folder that everything lands in.
///
/// # Errors
/// There is none, or it cannot be made.
pub fn cache() -> Result<PathBuf, Error> {
    let cache = cache_folder(std::env::var_os::<&str>).ok_or(Error::NoCacheFolder)?;
    files::create_folder(&cache)?;
    Ok(cache)
}

/// `go` at home in the module, deaf to what the caller's environment says about flags and targets.
pub(crate) fn go(module: &Module) -> Command {
    let mut go = Command::new("go");
    go.current_dir(module.source())
        .env("CGO_ENABLED", "0")
        .env("GOFLAGS", "")
        .env("GOWORK", "off")
        .env_remove("GOOS")
        .env_remove("GOARCH");
    go
}

/// What is made from a module lands here; other pins, another folder.
pub(crate) fn module_folder(cache: &Path, module: &Module) -> Result<PathBuf, Error> {
    let source = module.source();
    // Asked in the module's folder, because its `go` line may select another toolchain.
    let toolchain = command::run(go(module).arg("version")).map_err(Error::Go)?;
    let key = key(&[
        &files::read(&source.join("go.mod"))?,
        &files::read(&source.join("go.sum"))?,
        module.tags,
        module.ldflags,
        &toolchain,
    ]);
    Ok(cache.join(format!("{}-{key}", module.name)))
}

/// Any change of any part changes the key; the parts are kept apart by their lengths.
fn key(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.len().to_le_bytes());
        hash.update(part);
    }
    let mut text = String::new();
    for byte in &hash.finalize()[..8] {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

fn cache_folder(variable: impl Fn(&'static str) -> Option<std::ffi::OsString>) -> Option<PathBuf> {
    let path = |name| {
        variable(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    path("DITTOFS_RIG_CACHE")
        .or_else(|| path("XDG_CACHE_HOME").map(|folder| folder.join("dittofs-rig")))
        .or_else(|| path("HOME").map(|home| home.join(".cache/dittofs-rig")))
}

pub(crate) fn lock(cache: &Path) -> Result<File, FileError> {
    let path = cache.join("lock");
    let file = File::create(&path).map_err(|e| FileError::new("create", &path, e))?;
    if file.try_lock().is_err() {
        eprintln!("rig: another run is building the cluster's programs, waiting for it …");
        file.lock().map_err(|e| FileError::new("lock", &path, e))?;
    }
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cache_folder_follows_the_most_specific_variable() {
        let with = |set: &'static [(&'static str, &'static str)]| {
            cache_folder(move |name| {
                set.iter()
                    .find(|(key, _)| *key == name)
                    .map(|(_, value)| value.into())
            })
        };
        assert_eq!(with(&[]), None);
        assert_eq!(
            with(&[("HOME", "/h")]),
            Some("/h/.cache/dittofs-rig".into())
        );
        assert_eq!(
            with(&[("HOME", "/h"), ("XDG_CACHE_HOME", "/x")]),
            Some("/x/dittofs-rig".into())
        );
        assert_eq!(
            with(&[
                ("HOME", "/h"),
                ("DITTOFS_RIG_CACHE", "/c"),
                ("XDG_CACHE_HOME", "")
            ]),
            Some("/c".into())
        );
    }

    #[test]
    fn the_key_depends_on_every_part_and_its_place() {
        let keys = [
            key(&["a", "b"]),
            key(&["b", "a"]),
            key(&["ab", ""]),
            key(&["a", "c"]),
        ];
        for (i, one) in keys.iter().enumerate() {
            assert_eq!(one.len(), 16);
            assert!(keys[i + 1..].iter().all(|other| other != one));
        }
    }
}
