//! What the operator and the sidecar share.
//!
//! ```text
//! DittoFS ──localhost── sidecar ──▶ ConfigMap {name}-adapters ──watch──▶ operator ──▶ Services, NetworkPolicies
//!                          ▲                                                 │
//!                          └───────watch── ConfigMap {name}-sidecar ◀────────┘
//! ```
//!
//! * [`crd`]: the `DittoServer` resource.
//! * [`adapter_type`]: the types of adapters, and what is known of each.
//! * [`published_state`]: what the sidecar publishes in `{name}-adapters`. One encoder, one decoder.
//! * [`reports`]: problems and results that the sidecar publishes beside it.
//! * [`writers`]: who wrote it.
//! * [`settings`]: settings of the sidecar, in `{name}-sidecar`.
//! * [`quantity`]: quantities of Kubernetes, compared and converted exactly.
//! * [`names`], [`labels`]: every object name, label, annotation and field manager, spelled once.
//!
//! Nothing in here reads a clock, an environment or a network: the crate has types and pure functions only.
#![cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::string_slice))]
#![cfg_attr(
    test,
    allow(
        clippy::disallowed_methods,
        clippy::disallowed_types,
        clippy::expect_used,
        clippy::panic,
        clippy::too_many_lines,
        clippy::unwrap_used
    )
)]

pub mod adapter_type;
pub mod crd;
mod duration;
pub mod labels;
pub mod names;
pub mod published_state;
pub mod quantity;
pub mod reports;
pub mod settings;
pub mod writers;

pub use adapter_type::AdapterType;
pub use duration::Duration;
