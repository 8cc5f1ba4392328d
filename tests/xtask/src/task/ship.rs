//! `cargo xtask ship`: builds the programs of the images twice, says whether they are equal byte by byte, and what they are made of.

use crate::Outcome;
use dittofs_rig::{binaries, programs};
use sha2::{Digest as _, Sha256};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

type Error = Box<dyn std::error::Error + Send + Sync>;

/// What is shipped.
const PROGRAMS: [(&str, &str); 2] = [
    ("dittofs-operator", "operator"),
    ("dittofs-sidecar", "sidecar"),
];
/// Writes the list of components, in the format CycloneDX.
const TOOL: &str = "cargo-cyclonedx";
const TOOL_VERSION: &str = "0.5.7";

/// The options.
#[derive(clap::Args)]
pub struct Arguments {
    /// Folder for the programs and the lists of their components.
    #[arg(long, value_name = "FOLDER", default_value = "target/ship")]
    folder: PathBuf,
}

/// Builds, compares and lists.
pub fn run(arguments: &Arguments) -> Outcome {
    let folder = programs::workspace().join(&arguments.folder);
    fs::create_dir_all(&folder)?;
    let builds = [build(&folder, "first")?, build(&folder, "second")?];
    let (tool, sources) = (tool()?, sources(&folder)?);
    for (program, package) in PROGRAMS {
        let mut digests = Vec::new();
        for release in &builds {
            let bytes = fs::read(release.join(program))?;
            digests.push(format!("{:x}", Sha256::digest(&bytes)));
            fs::write(folder.join(program), bytes)?;
        }
        if digests[0] != digests[1] {
            let places = builds
                .each_ref()
                .map(|release| release.join(program).display().to_string());
            return Err(format!("two builds of {program} differ: {}", places.join(" and ")).into());
        }
        let list = folder.join(format!("{program}.cdx.json"));
        let components = components(&tool, &sources, package, &list)?;
        println!("{program}: two builds are equal, sha256 {}", digests[0]);
        println!("{program}: {components} components in {}", list.display());
    }
    Ok(())
}

/// A build from nothing. Returns where the programs are.
fn build(folder: &Path, name: &str) -> Result<PathBuf, Error> {
    let target = folder.join("builds").join(name);
    if target.exists() {
        fs::remove_dir_all(&target)?;
    }
    let mut cargo = programs::cargo();
    cargo.env("CARGO_TARGET_DIR", &target);
    let mut words = vec![
        "build",
        "--profile",
        "dist",
        "--config",
        ".cargo/dist.toml",
        "--locked",
    ];
    for (program, _) in PROGRAMS {
        words.extend(["--package", program]);
    }
    super::cargo(&mut cargo, &words)?;
    let mut folders = fs::read_dir(&target)?.filter_map(Result::ok);
    let release = folders.find_map(|entry| {
        let path = entry.path().join("dist");
        path.join(PROGRAMS[0].0).is_file().then_some(path)
    });
    Ok(release.ok_or("cargo has built no program")?)
}

/// Built once and kept beside the programs of the cluster.
fn tool() -> Result<PathBuf, Error> {
    let root = binaries::cache()?.join("cargo");
    let tool = root.join("bin").join(TOOL);
    let version = Command::new(&tool)
        .args(["cyclonedx", "--version"])
        .output();
    let is_there =
        version.is_ok_and(|output| String::from_utf8_lossy(&output.stdout).contains(TOOL_VERSION));
    if !is_there {
        let root = root.display().to_string();
        let words = [
            "install",
            TOOL,
            "--version",
            TOOL_VERSION,
            "--locked",
            "--debug",
            "--root",
            &root,
        ];
        super::cargo(&mut programs::cargo(), &words)?;
    }
    Ok(tool)
}

/// The sources as they are committed: the tool writes beside every manifest that it finds.
fn sources(folder: &Path) -> Result<PathBuf, Error> {
    let sources = folder.join("source");
    if sources.exists() {
        fs::remove_dir_all(&sources)?;
    }
    let workspace = programs::workspace().canonicalize()?;
    let status = Command::new("git")
        .args(["clone", "--quiet", "--shared"])
        .args([&workspace, &sources])
        .status()?;
    if status.success() {
        Ok(sources)
    } else {
        Err(format!("git clone failed ({status})").into())
    }
}

/// The list of what a program is made of, and how many there are.
fn components(tool: &Path, sources: &Path, package: &str, list: &Path) -> Result<usize, Error> {
    let manifest = sources.join(package).join("Cargo.toml");
    let status = Command::new(tool)
        .args([
            "cyclonedx",
            "--quiet",
            "--format",
            "json",
            "--no-build-deps",
        ])
        .args(["--override-filename", "components", "--manifest-path"])
        .arg(&manifest)
        .status()?;
    if !status.success() {
        return Err(format!("{TOOL} failed ({status})").into());
    }
    let text = fs::read_to_string(sources.join(package).join("components.json"))?;
    // Where the sources were is nobody's business.
    let text = text.replace(&sources.canonicalize()?.display().to_string(), "/source");
    fs::write(list, &text)?;
    Ok(text.matches("\"purl\"").count())
}
