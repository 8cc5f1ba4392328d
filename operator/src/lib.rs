//! The operator: it reconciles each `DittoServer` with the state that its sidecar publishes.
//!
//! The modules are listed in the order in which data flows through them.
//!
//! * [`watch`] fills a [`cache`] of each kind with what belongs to us, and [`wake`] says which instance to reconcile.
//! * [`reconcile`] is the driver: the calls below, in that order.
//! * [`other_operator`] checks whether another operator manages an instance.
//! * [`observe`] reads. It never writes and decides nothing.
//! * `dittofs-operator-core` decides. It touches nothing.
//! * [`apply`] writes. It sends nothing that would change nothing.
//! * [`restarts`] recreates a pod when it is its turn; [`turns`] says how many sidecars are replaced at a time. Both
//!   need to know all instances: [`fleet`].
//! * [`events`] writes Events.
//!
//! Around them: [`scope`] (our part of the cluster), [`leader`] (who may write), [`hearing`] (which watches are alive),
//! [`probes`] (what Kubernetes and Prometheus ask) and [`metrics`].
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

pub mod apply;
pub mod cache;
pub mod context;
pub mod events;
pub mod fleet;
pub mod hearing;
pub mod kind;
pub mod leader;
mod lock;
pub mod metrics;
pub mod observe;
pub mod other_operator;
pub mod probes;
pub mod read;
pub mod reconcile;
pub mod remembered;
pub mod restarts;
pub mod retry;
pub mod scope;
pub mod secrets;
pub mod server;
pub mod turns;
pub mod wake;
pub mod watch;

/// Deadline of one request to the API server. The Lease has a shorter one.
pub const REQUEST_DEADLINE: std::time::Duration = std::time::Duration::from_secs(10);
