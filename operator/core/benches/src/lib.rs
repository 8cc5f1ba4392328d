//! What one reconcile that changes nothing costs in the pure core. The program `dittofs-core-bench` measures it.

mod corpus;
pub mod pass;

pub use corpus::Corpus;

/// Whatever went wrong, as text.
pub type Error = Box<dyn std::error::Error + Send + Sync>;
