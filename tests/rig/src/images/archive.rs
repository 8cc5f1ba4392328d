//! Writes container images: a tar with a manifest, a configuration and one layer, as `docker save`
//! lays them out. The same content gives the same bytes.

use crate::files::FileError;
use serde_json::json;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};

/// What a file in an image contains.
#[derive(Clone, Debug)]
pub enum Content {
    /// The content of a file of this machine, read when the image is written.
    File(PathBuf),
    /// These bytes.
    Bytes(Vec<u8>),
}

#[derive(Clone, Debug)]
enum Item {
    File(Content, u32),
    Link(String),
    Folder(u32),
}

/// An image in the making.
#[derive(Clone, Debug)]
pub struct Image {
    reference: String,
    items: BTreeMap<String, Item>,
    user: String,
    entrypoint: Vec<String>,
    arguments: Vec<String>,
    environment: Vec<String>,
}

impl Image {
    /// An empty image of that name, such as `docker.io/local/pause:1`.
    pub fn new(reference: impl Into<String>) -> Self {
        Self {
            reference: reference.into(),
            items: BTreeMap::new(),
            user: String::new(),
            entrypoint: Vec::new(),
            arguments: Vec::new(),
            environment: Vec::new(),
        }
    }

    /// The image's name.
    pub fn reference(&self) -> &str {
        &self.reference
    }

    /// Adds a file; the folders above it come by themselves.
    #[must_use]
    pub fn file(self, path: &str, content: Content, mode: u32) -> Self {
        self.item(path, Item::File(content, mode))
    }

    /// Adds a symbolic link.
    #[must_use]
    pub fn link(self, path: &str, target: &str) -> Self {
        self.item(path, Item::Link(target.to_owned()))
    }

    /// Adds a folder.
    #[must_use]
    pub fn folder(self, path: &str, mode: u32) -> Self {
        self.item(path, Item::Folder(mode))
    }

    /// Sets the user, as `uid:gid`.
    #[must_use]
    pub fn user(mut self, user: &str) -> Self {
        user.clone_into(&mut self.user);
        self
    }

    /// Sets the program.
    #[must_use]
    pub fn entrypoint(mut self, words: &[&str]) -> Self {
        self.entrypoint = words.iter().map(|&word| word.to_owned()).collect();
        self
    }

    /// Sets the arguments used when the pod names none.
    #[must_use]
    pub fn arguments(mut self, words: &[&str]) -> Self {
        self.arguments = words.iter().map(|&word| word.to_owned()).collect();
        self
    }

    /// Sets an environment variable.
    #[must_use]
    pub fn variable(mut self, name: &str, value: &str) -> Self {
        self.environment.push(format!("{name}={value}"));
        self
    }

    /// Writes the image as a tar.
    pub fn write(&self, path: &Path) -> Result<(), FileError> {
        self.bytes()
            .and_then(|bytes| std::fs::write(path, bytes))
            .map_err(|e| FileError::new("write the image", path, e))
    }

    fn item(mut self, path: &str, item: Item) -> Self {
        let path = path.trim_matches('/').to_owned();
        for (end, _) in path.match_indices('/') {
            let parent = path[..end].to_owned();
            self.items.entry(parent).or_insert(Item::Folder(0o755));
        }
        self.items.insert(path, item);
        self
    }

    fn bytes(&self) -> io::Result<Vec<u8>> {
        let layer = self.layer()?;
        let config = self.config(&hex(&layer)).to_string().into_bytes();
        let config_name = format!("{}.json", hex(&config));
        let manifest = json!([{
            "Config": config_name,
            "RepoTags": [self.reference],
            "Layers": ["layer.tar"],
        }]);
        let mut tar = tar::Builder::new(Vec::new());
        for (name, content) in [
            (config_name.as_str(), config.as_slice()),
            ("layer.tar", &layer),
            ("manifest.json", manifest.to_string().as_bytes()),
        ] {
            append(&mut tar, name, tar::EntryType::Regular, 0o644, content)?;
        }
        tar.into_inner()
    }

    /// In the order of the paths, so that a folder comes before what is in it.
    fn layer(&self) -> io::Result<Vec<u8>> {
        let mut tar = tar::Builder::new(Vec::new());
        for (path, item) in &self.items {
            match item {
                Item::Folder(mode) => {
                    append(&mut tar, path, tar::EntryType::Directory, *mode, &[])?;
                }
                Item::File(Content::Bytes(bytes), mode) => {
                    append(&mut tar, path, tar::EntryType::Regular, *mode, bytes)?;
                }
                Item::File(Content::File(source), mode) => {
                    let bytes = std::fs::read(source)?;
                    append(&mut tar, path, tar::EntryType::Regular, *mode, &bytes)?;
                }
                Item::Link(target) => {
                    let mut header = header(tar::EntryType::Symlink, 0o777, 0);
                    tar.append_link(&mut header, path, target)?;
                }
            }
        }
        tar.into_inner()
    }

    fn config(&self, layer_digest: &str) -> serde_json::Value {
        json!({
            "architecture": architecture(),
            "os": "linux",
            "created": "1970-01-01T00:00:00Z",
            "config": {
                "User": self.user,
                "Env": self.environment,
                "Entrypoint": self.entrypoint,
                "Cmd": self.arguments,
                "WorkingDir": "/",
            },
            "rootfs": {"type": "layers", "diff_ids": [format!("sha256:{layer_digest}")]},
            "history": [{"created": "1970-01-01T00:00:00Z", "created_by": "dittofs-rig"}],
        })
    }
}

fn append(
    tar: &mut tar::Builder<Vec<u8>>,
    path: &str,
    kind: tar::EntryType,
    mode: u32,
    content: &[u8],
) -> io::Result<()> {
    let mut header = header(kind, mode, content.len() as u64);
    tar.append_data(&mut header, path, content)
}

fn header(kind: tar::EntryType, mode: u32, size: u64) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_size(size);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header
}

/// The name that images use for this machine's processor.
fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::new();
    for byte in Sha256::digest(bytes) {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    fn sample() -> Image {
        Image::new("docker.io/local/sample:1")
            .file("/app/bin/tool", Content::Bytes(b"tool".to_vec()), 0o755)
            .link("/bin/sh", "/app/bin/tool")
            .folder("/tmp", 0o1777)
            .user("65532:65532")
            .entrypoint(&["/app/bin/tool"])
            .variable("HOME", "/tmp")
    }

    fn entries(tar: &[u8]) -> Vec<(String, u32, Vec<u8>)> {
        let mut archive = tar::Archive::new(tar);
        let read = |entry: io::Result<tar::Entry<'_, &[u8]>>| {
            let mut entry = entry.unwrap();
            let mut content = Vec::new();
            entry.read_to_end(&mut content).unwrap();
            let path = entry.path().unwrap().to_string_lossy().into_owned();
            (path, entry.header().mode().unwrap(), content)
        };
        archive.entries().unwrap().map(read).collect()
    }

    fn find(entries: &[(String, u32, Vec<u8>)], name: &str) -> Vec<u8> {
        entries
            .iter()
            .find(|(path, ..)| path == name)
            .unwrap()
            .2
            .clone()
    }

    #[test]
    fn the_manifest_names_the_configuration_and_the_configuration_the_layer() {
        let image = entries(&sample().bytes().unwrap());
        let manifest: serde_json::Value =
            serde_json::from_slice(&find(&image, "manifest.json")).unwrap();
        assert_eq!(manifest[0]["RepoTags"][0], "docker.io/local/sample:1");
        let config = find(&image, manifest[0]["Config"].as_str().unwrap());
        let config: serde_json::Value = serde_json::from_slice(&config).unwrap();
        let layer = find(&image, manifest[0]["Layers"][0].as_str().unwrap());
        assert_eq!(
            config["rootfs"]["diff_ids"][0],
            format!("sha256:{}", hex(&layer))
        );
        assert_eq!(config["config"]["User"], "65532:65532");
        assert_eq!(config["config"]["Env"][0], "HOME=/tmp");
    }

    #[test]
    fn the_layer_has_folders_before_their_content_and_the_modes_asked_for() {
        let layer = entries(&sample().layer().unwrap());
        let paths: Vec<_> = layer
            .iter()
            .map(|(path, mode, _)| (path.as_str(), *mode))
            .collect();
        assert_eq!(
            paths,
            [
                ("app", 0o755),
                ("app/bin", 0o755),
                ("app/bin/tool", 0o755),
                ("bin", 0o755),
                ("bin/sh", 0o777),
                ("tmp", 0o1777),
            ]
        );
    }

    #[test]
    fn the_same_content_gives_the_same_bytes() {
        assert_eq!(sample().bytes().unwrap(), sample().bytes().unwrap());
    }
}
