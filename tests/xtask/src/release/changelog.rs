//! `CHANGELOG.md`, in the form of <https://keepachangelog.com>.

use super::Error;
use semver::Version;

const UNRELEASED: &str = "## Unreleased\n";

/// Whether the version has a section.
pub(super) fn has(log: &str, version: &Version) -> bool {
    let heading = format!("## {version} ");
    log.lines().any(|line| line.starts_with(&heading))
}

/// The changelog after the release: the section of what is unreleased is empty, and the next one has its entries.
pub(super) fn released(log: &str, version: &str, date: &str) -> Result<String, Error> {
    let (before, rest) = log.split_once(UNRELEASED).ok_or(Error::NoUnreleased)?;
    let end = rest.find("\n## ").map_or(rest.len(), |at| at + 1);
    let (entries, earlier) = rest.split_at(end);
    if !entries.lines().any(|line| line.starts_with("- ")) {
        return Err(Error::NothingToRelease);
    }
    Ok(format!(
        "{before}{UNRELEASED}\n## {version} - {date}\n{entries}{earlier}"
    ))
}
