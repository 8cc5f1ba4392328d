//! The words that the operator and the sidecar share.
//!
//! ```text
//! DittoFS ──localhost── sidecar ──▶ ConfigMap {name}-adapters ──watch──▶ operator ──▶ Services, NetworkPolicies
//!                          ▲                                                 │
//!                          └───────watch── ConfigMap {name}-sidecar ◀────────┘
//! ```
//!
//! * [`crd`]: the `DittoServer` resource, what a user asks for and what the operator answers.
//! * [`adapter_type`]: the types of adapters, and what is known of each.
//! * [`published_state`]: what the sidecar says in `{name}-adapters`. One encoder, one decoder.
//! * [`writers`]: who wrote it.
//! * [`settings`]: what the operator wants of the sidecar, in `{name}-sidecar`.
//! * [`quantity`]: sizes, compared however they are written.
//! * [`names`], [`labels`]: every object name, label, annotation and field manager, spelled once.
//!
//! Nothing in here reads a clock, an environment or a network: the crate has types and pure functions only.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

pub mod adapter_type;
pub mod crd;
pub mod labels;
pub mod names;
pub mod published_state;
pub mod quantity;
pub mod reports;
pub mod settings;
pub mod writers;

pub use adapter_type::AdapterType;
pub use kube::core::Duration;
