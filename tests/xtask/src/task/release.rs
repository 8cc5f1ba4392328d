//! `cargo xtask release`: sets the version everywhere, and says what is left to do by hand.

use crate::Outcome;
use dittofs_rig::programs;
use dittofs_xtask::release::release;

/// The options.
#[derive(clap::Args)]
pub struct Arguments {
    /// The new version, such as 1.2.3; higher than the present one.
    version: String,
}

/// Changes the files and prints the next steps. Nothing is committed.
pub fn run(arguments: &Arguments) -> Outcome {
    let version = &arguments.version;
    let today = jiff::Timestamp::now().strftime("%Y-%m-%d").to_string();
    for file in release(&programs::workspace(), version, &today)? {
        println!("changed {file}");
    }
    println!(
        "\nThe version is {version} everywhere. What is left to do:

  1. Read the new section of CHANGELOG.md.
  2. .ci/run
  3. git commit --all --message 'Release {version}'
     git tag --annotate v{version} --message 'Release {version}'
  4. docker build -f Dockerfile.operator -t ghcr.io/dittofs/dittofs-operator:{version} .
     docker build -f Dockerfile.sidecar -t ghcr.io/dittofs/dittofs-sidecar:{version} .
     docker push ghcr.io/dittofs/dittofs-operator:{version}
     docker push ghcr.io/dittofs/dittofs-sidecar:{version}
  5. git push --follow-tags"
    );
    Ok(())
}
