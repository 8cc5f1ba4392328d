//! One version everywhere: where it is written, and how a release changes it.
//!
//! [`missing`] compares all places with a version, [`release`] writes them. A place that is not listed here is neither
//! compared nor changed, so a new one belongs into `PLACES`.

mod changelog;

use semver::Version;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Files that name the version, with the text around it. One file may be listed several times.
const PLACES: [(&str, &str); 9] = [
    (MANIFEST, "[workspace.package]\nversion = \"{version}\"\n"),
    (
        "Dockerfile.operator",
        "org.opencontainers.image.version=\"{version}\"",
    ),
    (
        "Dockerfile.operator",
        "-t ghcr.io/dittofs/dittofs-operator:{version} .\n",
    ),
    (
        "Dockerfile.sidecar",
        "org.opencontainers.image.version=\"{version}\"",
    ),
    (
        "Dockerfile.sidecar",
        "-t ghcr.io/dittofs/dittofs-sidecar:{version} .\n",
    ),
    (
        "README.md",
        "-t ghcr.io/dittofs/dittofs-operator:{version} .\n",
    ),
    (
        "README.md",
        "-t ghcr.io/dittofs/dittofs-sidecar:{version} .\n",
    ),
    (
        "manifests/base/deployment.yaml",
        "image: ghcr.io/dittofs/dittofs-operator:{version}\n",
    ),
    (
        "manifests/base/deployment.yaml",
        "value: ghcr.io/dittofs/dittofs-sidecar:{version}\n",
    ),
];
const MANIFEST: &str = "Cargo.toml";
const LOCK: &str = "Cargo.lock";
const CHANGELOG: &str = "CHANGELOG.md";

/// Why there is no release.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The version cannot be understood.
    #[error(
        "{version:?} is not a semantic version such as 1.2.3: {source} (see https://semver.org)"
    )]
    NotSemantic {
        /// What was given.
        version: String,
        /// What is wrong with it.
        source: semver::Error,
    },
    /// Image tags have no plus sign.
    #[error(
        "{0} has build metadata, which an image tag cannot have: leave out everything from '+' on"
    )]
    BuildMetadata(Version),
    /// Versions only grow.
    #[error("{version} is not higher than {current}, the version in {MANIFEST}")]
    NotHigher {
        /// What was given.
        version: Version,
        /// What is there.
        current: Version,
    },
    /// A file does not say what it should.
    #[error(
        "{file} does not say {expected:?}: correct the file, or the list in tests/xtask/src/release.rs"
    )]
    Missing {
        /// Which file.
        file: String,
        /// What it should say.
        expected: String,
    },
    /// The changelog has no place for changes.
    #[error("{CHANGELOG} has no heading \"## Unreleased\"")]
    NoUnreleased,
    /// A release of nothing.
    #[error(
        "{CHANGELOG} lists nothing under \"## Unreleased\": add what has changed for users first"
    )]
    NothingToRelease,
    /// A file.
    #[error("cannot access {}: {source}", path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

/// A text in a file that names the version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// From the top of the repository.
    pub file: &'static str,
    text: String,
}

impl Place {
    /// The text with this version in it.
    pub fn with(&self, version: &str) -> String {
        self.text.replace("{version}", version)
    }
}

/// Every place: those in the list, and each of our packages in the lock file.
///
/// # Errors
/// The lock file cannot be read.
pub fn places(root: &Path) -> Result<Vec<Place>, Error> {
    let listed = PLACES.iter().map(|(file, text)| Place {
        file,
        text: (*text).to_owned(),
    });
    let lock = read(root, LOCK)?;
    let locked = our_packages(&lock).map(|name| Place {
        file: LOCK,
        text: format!("name = \"{name}\"\nversion = \"{{version}}\"\n"),
    });
    Ok(listed.chain(locked).collect())
}

/// The places that do not name this version.
///
/// # Errors
/// A file cannot be read.
pub fn missing(root: &Path, version: &str) -> Result<Vec<Place>, Error> {
    let mut missing = Vec::new();
    for place in places(root)? {
        if !read(root, place.file)?.contains(&place.with(version)) {
            missing.push(place);
        }
    }
    Ok(missing)
}

/// Sets the version in every place, and moves what is unreleased in the changelog under it. Says which files have
/// changed. Where something is wrong, nothing is written.
///
/// # Errors
/// The version is not a semantic one or not higher than the present one, a place is missing, or a file cannot be
/// accessed.
pub fn release(root: &Path, version: &str, date: &str) -> Result<Vec<&'static str>, Error> {
    let version = parse(version)?;
    let current = current(root)?;
    let log = read(root, CHANGELOG)?;
    // The first release of all has the version that is there already.
    let is_first = version == current && !changelog::has(&log, &version);
    if version <= current && !is_first {
        return Err(Error::NotHigher { version, current });
    }
    let (before, after) = (current.to_string(), version.to_string());
    let mut files = BTreeMap::from([(CHANGELOG, changelog::released(&log, &after, date)?)]);
    for place in places(root)? {
        let text = match files.remove(place.file) {
            Some(text) => text,
            None => read(root, place.file)?,
        };
        let expected = place.with(&before);
        if !text.contains(&expected) {
            return Err(Error::Missing {
                file: place.file.to_owned(),
                expected,
            });
        }
        files.insert(place.file, text.replace(&expected, &place.with(&after)));
    }
    let mut changed = Vec::new();
    for (file, text) in files {
        if read(root, file)? != text {
            let path = root.join(file);
            fs::write(&path, text).map_err(|source| Error::File { path, source })?;
            changed.push(file);
        }
    }
    Ok(changed)
}

fn parse(version: &str) -> Result<Version, Error> {
    let parsed = Version::parse(version).map_err(|source| Error::NotSemantic {
        version: version.to_owned(),
        source,
    })?;
    if parsed.build.is_empty() {
        Ok(parsed)
    } else {
        Err(Error::BuildMetadata(parsed))
    }
}

/// The version in the manifest of the workspace.
fn current(root: &Path) -> Result<Version, Error> {
    let manifest = read(root, MANIFEST)?;
    let before = "[workspace.package]\nversion = \"";
    let version = manifest
        .split_once(before)
        .and_then(|(_, rest)| rest.split('"').next())
        .ok_or_else(|| Error::Missing {
            file: MANIFEST.to_owned(),
            expected: before.to_owned(),
        })?;
    parse(version)
}

/// The packages without a source are those of the workspace.
fn our_packages(lock: &str) -> impl Iterator<Item = &str> {
    lock.split("[[package]]\n")
        .skip(1)
        .filter(|package| !package.contains("\nsource = "))
        .filter_map(|package| package.strip_prefix("name = \"")?.split('"').next())
}

fn read(root: &Path, file: &str) -> Result<String, Error> {
    let path = root.join(file);
    fs::read_to_string(&path).map_err(|source| Error::File { path, source })
}

#[cfg(test)]
#[path = "release/tests.rs"]
mod tests;
