//! The pure decisions of operator and sidecar, without a cluster: `dittofs-model` runs all of it.
//!
//! * [`model`]: all short interleavings of what can happen to the adapters of an instance. The laws are checked in every state, and
//!   from every state the objects become what the server asks for.
//! * [`renewal`]: the same for the sidecar of a running pod, which gets other images, and for the pod, which is made anew.
//! * [`hostile`]: published states that nobody would write but an attacker. They open at most adapter ports of their own
//!   instance, and change nothing else.
//! * [`fuzz`]: what is read that others have written, for a fuzzer.
//! * [`random`]: choices that a seed makes.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod fuzz;
mod ground;
pub mod hostile;
pub mod model;
pub mod random;
pub mod renewal;
mod search;

/// Whatever went wrong, as text.
pub type Error = Box<dyn std::error::Error + Send + Sync>;
