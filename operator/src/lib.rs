//! The operator: it makes the cluster look as each `DittoServer` and its published state ask for.
//!
//! The modules are listed in the order in which data flows through them.
//!
//! * [`watch`] keeps a copy of what belongs to us and says which instance to look at.
//! * [`reconcile`] is the driver: the calls below, in that order.
//! * [`named_secrets`] and [`connection_string`] are pure: which Secrets a spec names, and what one with a database holds.
//! * [`ownership`] is pure: whose an object is. [`other_operator`] asks whether another operator looks after an instance.
//! * [`observe`] reads. It never writes and decides nothing.
//! * [`instance`] is pure: it parses and judges. All that can be refused is refused here.
//! * [`desired`] is pure and total: the objects an instance should have, one file a kind.
//! * [`apply`] writes. It sends nothing that would change nothing.
//! * [`roll`] is pure: whether the server pod must be recreated, and why.
//! * [`brake`] lets only so many servers be restarted at a time, and [`restarts`] recreates a pod when it is its turn.
//! * [`renewal`] is pure: whether a running pod gets a new sidecar, and which one the next pod gets.
//! * [`status`] is pure: what the user is told, as an ordered list of named checks.
//! * [`events`] tells what changed.
//!
//! Around them: [`optional`] (kinds that a cluster may be without), [`scope`] (our part of the cluster), [`leader`] (who
//! may write), [`wish`] (whether somebody has asked for a look), [`turns`] (how many sidecars are replaced at a time), [`probes`] (what Kubernetes and Prometheus ask),
//! [`metrics`], [`crd`] and [`mod@reference`] (what `dittofs-operator crd` and `reference` print).
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

pub mod apply;
pub mod brake;
pub mod connection_string;
pub mod crd;
pub mod desired;
pub mod events;
pub mod instance;
pub mod leader;
pub mod metrics;
pub mod named_secrets;
pub mod observe;
pub mod optional;
pub mod other_operator;
pub mod ownership;
pub mod password_reset;
pub mod probes;
pub mod reconcile;
pub mod reference;
pub mod renewal;
pub mod restarts;
pub mod roll;
pub mod scope;
pub mod status;
pub mod turns;
pub mod watch;
pub mod wish;
