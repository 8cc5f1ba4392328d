//! The images as a container registry keeps them.

use super::Error;
use super::figures::Key;
use super::report::Report;
use dittofs_rig::images::{self, Image};
use dittofs_rig::programs::Programs;
use std::fs::File;
use std::io;
use std::path::Path;
use std::process::{Command, Stdio};

/// What this measures.
pub const KEYS: [Key; 2] = [Key::ImageOperator, Key::ImageSidecar];

/// Measures both.
///
/// # Errors
/// An image cannot be written.
pub fn measure(programs: &Programs, report: &mut Report) -> Result<(), Error> {
    let folder = std::env::temp_dir().join(format!("dittofs-bench-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let images = [
        (Key::ImageOperator, images::operator(&programs.operator)),
        (Key::ImageSidecar, images::sidecar(&programs.sidecar)),
    ];
    let mut measured = Ok(());
    for (key, image) in images {
        measured = measured.and_then(|()| one(&folder.join("image.tar"), &image, key, report));
    }
    std::fs::remove_dir_all(&folder)?;
    measured
}

fn one(tar: &Path, image: &Image, key: Key, report: &mut Report) -> Result<(), Error> {
    image.write(tar)?;
    match compressed(tar) {
        Ok(bytes) => report.value(key, mebibytes(bytes), ""),
        Err(error) => report.not(&[key], &format!("gzip: {error}")),
    }
    Ok(())
}

fn compressed(tar: &Path) -> io::Result<u64> {
    let mut gzip = Command::new("gzip")
        .args(["-9", "-c"])
        .stdin(File::open(tar)?)
        .stdout(Stdio::piped())
        .spawn()?;
    let bytes = match gzip.stdout.take() {
        Some(mut output) => io::copy(&mut output, &mut io::sink())?,
        None => 0,
    };
    gzip.wait()?;
    Ok(bytes)
}

#[allow(clippy::cast_precision_loss)] // Two digits are printed.
fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / (1024.0 * 1024.0)
}
