//! `cargo xtask build`: what a cluster run would build, ahead of it.

use crate::Outcome;
use dittofs_rig::binaries::{Binaries, Part};
use dittofs_rig::{NodeSupport, images, programs::Programs};
use std::path::PathBuf;

/// The options.
#[derive(clap::Args)]
pub struct Arguments {
    /// Only what a cluster without node needs, and no images.
    #[arg(long)]
    control_plane: bool,
    /// Where the image tars go.
    #[arg(long, value_name = "FOLDER", default_value = "target/images")]
    images: PathBuf,
    /// Put this `dfs` into the server image instead of the simulator.
    #[arg(long, value_name = "PROGRAM")]
    dittofs: Option<PathBuf>,
}

/// Builds everything and prints where the images are.
pub fn run(arguments: &Arguments) -> Outcome {
    if arguments.control_plane {
        Binaries::ensure(Part::ControlPlane)?;
        return Ok(());
    }
    // It installs what is missing.
    if let NodeSupport::Unavailable(reason) = NodeSupport::check() {
        println!("There can be no node here: {reason}");
    }
    Binaries::ensure(Part::Node)?;
    let programs = Programs::build()?;
    let server = arguments.dittofs.as_ref().unwrap_or(&programs.simulator);
    let images = [
        images::client()?,
        images::operator(&programs.operator),
        images::sidecar(&programs.sidecar),
        images::server(server)?,
    ];
    for tar in images::write_all(&arguments.images, &images)? {
        println!("{}", tar.display());
    }
    Ok(())
}
