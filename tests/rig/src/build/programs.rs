//! Our own programs, built once, as released: static, so they run in images without a base.

use crate::build::progress::Step;
use serde::Deserialize;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The benches of the pure core and of the poll loop: package and program.
const CORE_BENCH: &str = "dittofs-core-bench";
const POLL_BENCH: &str = "dittofs-poll-bench";
/// The model of operator and sidecar.
const MODEL: &str = "dittofs-model";
const PACKAGES: [&str; 3] = ["dittofs-operator", "dittofs-sidecar", "dittofs-simulator"];

/// Our programs could not be built.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Cargo did not start.
    #[error("cannot start cargo: {0}")]
    NoCargo(#[source] std::io::Error),
    /// The code does not compile; cargo has printed why.
    #[error("cargo could not build {0}; its messages are above")]
    Failed(String),
    /// The code compiles and yields something else.
    #[error("the package {package} has no program named {program}")]
    Missing {
        /// Where it was expected.
        package: &'static str,
        /// What was expected.
        program: &'static str,
    },
}

/// How the programs are optimised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// For tests: soon built again after a change.
    Release,
    /// As in the images.
    Dist,
}

impl Profile {
    fn name(self) -> &'static str {
        match self {
            Self::Release => "release",
            Self::Dist => "dist",
        }
    }

    /// What cargo is told beside the profile, as in the Dockerfiles.
    fn config(self) -> &'static [&'static str] {
        match self {
            Self::Release => &[],
            Self::Dist => &["--config", ".cargo/dist.toml"],
        }
    }
}

/// Where our programs are.
#[derive(Clone, Debug)]
pub struct Programs {
    /// `dittofs-operator`.
    pub operator: PathBuf,
    /// `dittofs-sidecar`.
    pub sidecar: PathBuf,
    /// `dfs`, the simulator.
    pub simulator: PathBuf,
}

impl Programs {
    /// Builds the operator, the sidecar and the simulator for tests, or finds that nothing has changed.
    pub fn build() -> Result<Self, Error> {
        Self::build_as(Profile::Release)
    }

    /// Builds them with the given optimisation.
    pub fn build_as(profile: Profile) -> Result<Self, Error> {
        let step = Step::begin(format!("building {}", PACKAGES.join(", ")));
        let messages = cargo_build(profile, &[])?;
        let [operator, sidecar, simulator] = PACKAGES;
        let programs = Self {
            operator: executable(&messages, operator, "dittofs-operator")?,
            sidecar: executable(&messages, sidecar, "dittofs-sidecar")?,
            simulator: executable(&messages, simulator, "dfs")?,
        };
        step.done();
        Ok(programs)
    }

    /// Builds the bench of the pure core.
    pub fn core_bench(profile: Profile) -> Result<PathBuf, Error> {
        Self::more(profile, CORE_BENCH)
    }

    /// Builds the bench of the sidecar's poll loop.
    pub fn poll_bench(profile: Profile) -> Result<PathBuf, Error> {
        Self::more(profile, POLL_BENCH)
    }

    /// Builds the model of operator and sidecar.
    pub fn model(profile: Profile) -> Result<PathBuf, Error> {
        Self::more(profile, MODEL)
    }

    /// Together with the others: built alone it would have other features of its dependencies, and all of them would be
    /// built twice.
    fn more(profile: Profile, name: &'static str) -> Result<PathBuf, Error> {
        let step = Step::begin(format!("building {name}"));
        let program = executable(&cargo_build(profile, &[name])?, name, name)?;
        step.done();
        Ok(program)
    }
}

/// The top of this workspace.
pub fn workspace() -> PathBuf {
    let rig = Path::new(env!("CARGO_MANIFEST_DIR"));
    rig.ancestors().nth(2).unwrap_or(rig).to_owned()
}

/// Cargo in this workspace, as if started by hand. `cargo run` and `cargo test` tell their programs about a package
/// in variables, and build scripts that look at those would run again each time.
pub fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(workspace());
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_")
            || text.starts_with("CARGO_MANIFEST_")
            || text.starts_with("CARGO_BIN_")
        {
            command.env_remove(&name);
        }
    }
    command
}

/// Builds the programs and `more`.
fn cargo_build(profile: Profile, more: &[&str]) -> Result<String, Error> {
    let packages: Vec<_> = PACKAGES.iter().chain(more).copied().collect();
    let output = cargo()
        .args([
            "build",
            "--profile",
            profile.name(),
            "--message-format=json-render-diagnostics",
        ])
        .args(profile.config())
        .args(packages.iter().flat_map(|package| ["--package", package]))
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(Error::NoCargo)?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        Err(Error::Failed(packages.join(", ")))
    }
}

#[derive(Deserialize)]
struct Message {
    executable: Option<PathBuf>,
    target: Option<Target>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
}

fn executable(
    messages: &str,
    package: &'static str,
    program: &'static str,
) -> Result<PathBuf, Error> {
    messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Message>(line).ok())
        .filter(|message| {
            message
                .target
                .as_ref()
                .is_some_and(|target| target.name == program)
        })
        .find_map(|message| message.executable)
        .ok_or(Error::Missing { package, program })
}

#[cfg(test)]
mod tests {
    use super::*;

    const MESSAGES: &str = r#"
{"reason":"compiler-artifact","target":{"name":"dfs"},"executable":null}
{"reason":"compiler-artifact","target":{"name":"dfs"},"executable":"/t/release/dfs"}
{"reason":"build-script-executed"}
{"reason":"build-finished","success":true}
"#;

    #[test]
    fn finds_the_program_among_cargos_messages() {
        let found = executable(MESSAGES, "dittofs-simulator", "dfs").unwrap();
        assert_eq!(found, PathBuf::from("/t/release/dfs"));
    }

    #[test]
    fn says_which_program_is_missing() {
        let error = executable(MESSAGES, "dittofs-sidecar", "dittofs-sidecar").unwrap_err();
        assert!(
            error
                .to_string()
                .contains("no program named dittofs-sidecar")
        );
    }
}
