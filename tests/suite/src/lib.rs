//! What the tests of this crate stand on. See [`world`].
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

pub mod certificates;
pub mod fields;
pub mod go_operator;
pub mod instance;
pub mod kubelet;
pub mod percona;
pub mod probe;
pub mod processes;
pub mod registry;
pub mod removal;
pub mod traffic;
pub mod world;

/// How a test ends.
pub type Outcome = Result<(), Box<dyn std::error::Error + Send + Sync>>;

/// Ends a test with a reason.
#[macro_export]
macro_rules! fail {
    ($($text:tt)*) => { return Err(format!($($text)*).into()) };
}

/// Ends a test with a reason unless something holds.
#[macro_export]
macro_rules! ensure {
    ($holds:expr, $($text:tt)*) => { if !$holds { $crate::fail!($($text)*); } };
}
