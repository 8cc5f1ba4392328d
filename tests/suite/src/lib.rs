//! What the tests of this crate stand on. See [`world`].
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

pub mod canaries;
pub mod certificates;
pub mod dump;
pub mod go_operator;
pub mod grounds;
pub mod instance;
pub mod kubelet;
pub mod percona;
pub mod probe;
pub mod processes;
pub mod registry;
pub mod removal;
pub mod substitute;
pub mod traffic;
pub mod troubleshooting;
pub mod world;

pub use dittofs_golden::{Outcome, ensure, fail};
