//! The source text, file by file.

use std::fs;
use std::path::{Path, PathBuf};

/// One file.
pub struct Source {
    /// From the top of the repository.
    pub path: String,
    /// Whether all of it is a test.
    pub is_test: bool,
    /// Number of lines.
    pub length: usize,
    /// Lines that are neither comments nor part of `mod tests`, with their numbers.
    pub code: Vec<(usize, String)>,
}

/// The top of the repository.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Every source file of the workspace.
pub fn sources() -> Vec<Source> {
    let mut all = Vec::new();
    for room in ["shared", "operator", "sidecar", "tests"] {
        walk(&root().join(room), room, &mut all);
    }
    all.sort_by(|a, b| a.path.cmp(&b.path));
    all
}

fn walk(folder: &Path, path: &str, all: &mut Vec<Source>) {
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = format!("{path}/{name}");
        if entry.file_type().unwrap().is_dir() {
            walk(&entry.path(), &path, all);
        } else if entry.path().extension().is_some_and(|end| end == "rs") {
            all.push(read(&entry.path(), path));
        }
    }
}

fn read(file: &Path, path: String) -> Source {
    let text = fs::read_to_string(file).unwrap();
    let is_test = path.ends_with("tests.rs") || path.contains("/tests/") || path.contains("/fake");
    Source {
        is_test,
        length: text.lines().count(),
        code: code(&text),
        path,
    }
}

/// Tests inside a file come last, so that everything from `#[cfg(test)] mod … {` on is a test.
fn code(text: &str) -> Vec<(usize, String)> {
    let lines: Vec<_> = text.lines().collect();
    let tests = lines.windows(2).position(|pair| {
        pair[0].trim() == "#[cfg(test)]" && pair[1].starts_with("mod ") && pair[1].ends_with('{')
    });
    let end = tests.unwrap_or(lines.len());
    lines[..end]
        .iter()
        .enumerate()
        .map(|(at, line)| (at + 1, without_comment(line).to_owned()))
        .filter(|(_, line)| !line.trim().is_empty())
        .collect()
}

/// A `//` after a colon is an address.
fn without_comment(line: &str) -> &str {
    let comment = line
        .match_indices("//")
        .find(|(at, _)| !line[..*at].ends_with(':'));
    comment.map_or(line, |(at, _)| &line[..at])
}

/// Whether a line names a word: `Patch` is not in `PatchParams`, but `Api<` is in `Api<Pod>`.
pub fn names(line: &str, word: &str) -> bool {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + word.len()..].chars().next();
        let open = word.starts_with(is_word) && before.is_some_and(is_word);
        let goes_on = word.ends_with(is_word) && after.is_some_and(is_word);
        !open && !goes_on
    })
}
