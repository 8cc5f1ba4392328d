//! Test doubles: a DittoFS server, a ConfigMap to publish to, a directory with credentials, adapters.

mod certificates;
mod dittofs;
mod states;
mod target;

pub(crate) use certificates::{Authority, Identity, Period, self_signed, server_config};
pub(crate) use dittofs::{DittoFs, NFS_AND_SMB, SIGNING_KEY, User, claims_of};
pub(crate) use states::{adapter, published_state, seen};
pub(crate) use target::FakeTarget;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// A temporary directory that is removed at the end of the test.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("dittofs-sidecar-test-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    /// A directory with credentials in it.
    pub fn with(username: &str, password: &str) -> Self {
        let folder = Self::new();
        folder.credentials(username, password);
        folder
    }

    pub fn credentials(&self, username: &str, password: &str) {
        fs::write(self.0.join("username"), username).unwrap();
        fs::write(self.0.join("password"), password).unwrap();
    }

    /// A file with a text; its path.
    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, text).unwrap();
        path
    }

    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
