//! The programs that clusters and tests run.

pub mod binaries;
pub(crate) mod modules;
pub mod programs;
pub(crate) mod progress;
