//! `cargo xtask fuzz`: looks for input with which something panics that reads what others have written.

use crate::Outcome;
use dittofs_rig::programs;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Has the compiler note what is reached and compared, for libFuzzer. Our code has nothing `unsafe` that a sanitizer could find.
const FLAGS: [&str; 7] = [
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "-Cdebug-assertions",
    "-Coverflow-checks",
];

/// The options.
#[derive(clap::Args)]
pub struct Arguments {
    /// How long each target is tried, in minutes.
    #[arg(long, default_value_t = 10)]
    minutes: u32,
    /// Targets, such as `server`. Default: all.
    targets: Vec<String>,
}

/// Builds it, and tries one target after the other.
pub fn run(arguments: &Arguments) -> Outcome {
    let program = build()?;
    let chosen = |name: &str| {
        arguments.targets.is_empty() || arguments.targets.iter().any(|target| target == name)
    };
    let names = names()?;
    if let Some(unknown) = arguments.targets.iter().find(|one| !names.contains(one)) {
        return Err(format!("there is no target {unknown:?}, only {}", names.join(", ")).into());
    }
    let mut lines = Vec::new();
    for name in names.iter().filter(|name| chosen(name)) {
        lines.push(one(&program, name, arguments.minutes)?);
    }
    println!("\n{}", lines.join("\n"));
    Ok(())
}

/// A target has a folder with the input that it begins with.
fn names() -> Result<Vec<String>, Box<dyn std::error::Error + Send + Sync>> {
    let folders = fs::read_dir(programs::workspace().join("tests/fuzz/corpus"))?;
    let names = folders.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()));
    let mut names = names.collect::<Result<Vec<_>, std::io::Error>>()?;
    names.sort_unstable();
    Ok(names)
}

fn build() -> Result<PathBuf, Box<dyn std::error::Error + Send + Sync>> {
    let folder = programs::workspace().join("target/fuzz");
    let mut cargo = programs::cargo();
    cargo
        .env("RUSTFLAGS", FLAGS.join(" "))
        .env("CARGO_TARGET_DIR", &folder)
        .current_dir(programs::workspace().join("tests/fuzz"));
    super::cargo(&mut cargo, &["build", "--release", "--locked"])?;
    let folders = fs::read_dir(&folder)?.filter_map(Result::ok);
    let mut programs = folders.map(|entry| entry.path().join("release/dittofs-fuzz"));
    let program = programs.find(|path| path.is_file());
    Ok(program.ok_or("cargo has built no program")?)
}

/// Says how much was tried. What was found is kept in `target/fuzz`.
fn one(
    program: &Path,
    name: &str,
    minutes: u32,
) -> Result<String, Box<dyn std::error::Error + Send + Sync>> {
    let workspace = programs::workspace();
    let found = workspace.join("target/fuzz/corpus").join(name);
    fs::create_dir_all(&found)?;
    let artifacts = workspace.join("target/fuzz").join(format!("{name}-"));
    println!("fuzz: {name}, for {minutes} minutes …");
    let output = Command::new(program)
        .env("DITTOFS_FUZZ_TARGET", name)
        .arg(&found)
        .arg(workspace.join("tests/fuzz/corpus").join(name))
        .arg(format!("-max_total_time={}", minutes * 60))
        .arg(format!("-artifact_prefix={}", artifacts.display()))
        .output()?;
    let told = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        return Err(format!(
            "{name}: something was found:\n{told}\nTo keep it from coming back, mend it, and put the file that is named above into \
             tests/fuzz/corpus/{name}"
        )
        .into());
    }
    let done = told.lines().rfind(|line| line.contains("DONE"));
    let words: Vec<_> = done.unwrap_or_default().split_whitespace().collect();
    let after = |word: &str| {
        let at = words.iter().position(|one| *one == word);
        at.and_then(|at| words.get(at + 1)).copied().unwrap_or("?")
    };
    let runs = words
        .first()
        .map_or("?", |word| word.trim_start_matches('#'));
    Ok(format!(
        "fuzz: {name}: {runs} inputs in {minutes} min, {} places reached, nothing found",
        after("cov:")
    ))
}
