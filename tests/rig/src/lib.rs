//! A real Kubernetes on one machine, from nothing: no images, no container registry, no daemon that
//! was there before.
//!
//! Reading order, which is also the order of a start:
//!
//! ```text
//! binaries ─▶ packages ─▶ state ─▶ reaper ─▶ cgroup ─▶ namespaces ─▶ pki ─▶ boot ─▶ cluster
//!                                                                            │
//!            control_plane, api_server, containerd, kubelet: arguments and files
//! ```
//!
//! A program that starts clusters calls [`reaper::main_if_requested`] first in its `main`: the same
//! executable is started once more per cluster as the process that ends everything.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod access;
mod api_server;
mod attendants;
pub mod audit;
mod audit_entry;
pub mod binaries;
mod boot;
mod catalogue;
pub mod cgroup;
pub mod cluster;
pub mod command;
mod containerd;
mod control_plane;
mod cri;
pub mod dittofs;
pub mod files;
pub mod foreign_crds;
pub mod image;
pub mod images;
pub mod installation;
mod kubelet;
mod launch;
pub mod load_balancer;
pub mod namespaces;
pub mod network;
mod openssl;
mod outage;
pub mod packages;
pub mod pki;
pub mod policy_evaluator;
pub mod programs;
pub mod progress;
mod readiness;
pub mod reaper;
mod record;
pub mod shard;
pub mod state;
mod steady;
mod storage;
mod sweep;
pub mod volumes;
pub mod wait;

pub use access::Caller;
pub use audit::AuditLog;
pub use cluster::{Cluster, ClusterOptions, Mode, block_on_in};
pub use packages::{NodeSupport, Unavailable};
pub use wait::{TimedOut, wait_for};
