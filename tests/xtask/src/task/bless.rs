//! `cargo xtask bless`: makes every generated file again, and says which have changed.

use super::cargo;
use crate::Outcome;
use dittofs_rig::programs;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::Path;
use std::process::{Command, Stdio};

/// What the operator prints: the word after its name, and where the output goes.
const PRINTED: [(&str, &str); 2] = [
    ("crd", "crds/dittoservers.yaml"),
    ("reference", "docs/reference.md"),
];
/// The tests that compare everything else: the golden cases and `docs/fields.md`.
const GOLDEN: &str = "test --quiet --package dittofs-operator-core --test golden";
/// Tells those tests to rewrite what they would compare.
const BLESS: &str = "DITTOFS_BLESS";
/// Folders at the top in which nothing is generated.
const ELSEWHERE: [&str; 2] = [".git", "target"];

type Files = BTreeMap<String, Vec<u8>>;

/// Makes them again, and then runs the tests as usual: what still differs is not a matter of generated files.
pub fn run() -> Outcome {
    let root = programs::workspace();
    let before = files(&root)?;
    for (word, file) in PRINTED {
        fs::write(root.join(file), printed(word)?)?;
    }
    let golden: Vec<_> = GOLDEN.split(' ').collect();
    // Tests run side by side: one may compare a file that another one is about to rewrite. So the result counts below.
    let _ = cargo(programs::cargo().env(BLESS, "1"), &golden);
    report(&changes(&before, &files(&root)?));
    cargo(programs::cargo().env_remove(BLESS), &golden).map_err(|error| {
        format!("{error}: these tests fail for another reason than a generated file, see above")
            .into()
    })
}

/// What the operator prints. A file is replaced only by the whole of it.
fn printed(word: &str) -> Result<Vec<u8>, Box<dyn std::error::Error + Send + Sync>> {
    let words = [
        "run",
        "--quiet",
        "--package",
        "dittofs-operator",
        "--",
        word,
    ];
    let mut cargo: Command = programs::cargo();
    let output = cargo.args(words).stderr(Stdio::inherit()).output()?;
    if output.status.success() {
        Ok(output.stdout)
    } else {
        Err(format!("`cargo {}` failed ({})", words.join(" "), output.status).into())
    }
}

/// All files of the workspace. They are few megabytes, and so no list of generated ones has to be kept.
fn files(root: &Path) -> io::Result<Files> {
    let mut found = Files::new();
    let mut folders = vec![String::new()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(root.join(&folder))? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let path = if folder.is_empty() {
                name
            } else {
                format!("{folder}/{name}")
            };
            if ELSEWHERE.contains(&path.as_str()) {
                continue;
            }
            if entry.file_type()?.is_dir() {
                folders.push(path);
            } else {
                found.insert(path, fs::read(entry.path())?);
            }
        }
    }
    Ok(found)
}

/// Which files are new, different or gone, sorted by path.
fn changes(before: &Files, after: &Files) -> Vec<String> {
    let paths: BTreeSet<_> = before.keys().chain(after.keys()).collect();
    paths
        .into_iter()
        .filter_map(|path| match (before.get(path), after.get(path)) {
            (Some(old), Some(new)) => (old != new).then(|| format!("changed {path}")),
            (Some(_), None) => Some(format!("removed {path}")),
            (None, _) => Some(format!("new     {path}")),
        })
        .collect()
}

fn report(changes: &[String]) {
    if changes.is_empty() {
        println!("\nEvery generated file was current already.");
    } else {
        println!(
            "\n{}\n\nRead these with `git diff` before you commit them.",
            changes.join("\n")
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(files: &[(&str, &str)]) -> Files {
        let owned = |(path, text): &(&str, &str)| ((*path).to_owned(), text.as_bytes().to_vec());
        files.iter().map(owned).collect()
    }

    #[test]
    fn files_that_are_new_different_or_gone_are_named() {
        let before = of(&[("a", "1"), ("b", "1"), ("d", "1")]);
        let after = of(&[("a", "1"), ("b", "2"), ("c", "1")]);
        assert_eq!(
            changes(&before, &after),
            ["changed b", "new     c", "removed d"]
        );
        assert_eq!(changes(&after, &after), [""; 0]);
    }

    #[test]
    fn all_that_the_operator_prints_is_seen() {
        let found = files(&programs::workspace()).unwrap();
        for (_, file) in PRINTED {
            assert!(found.contains_key(file), "{file}");
        }
    }
}
