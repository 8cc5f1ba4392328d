//! A real Kubernetes on one machine, from nothing: no images, no container registry, no daemon that
//! was there before. And the operator in it, installed as a user would.
//!
//! | folder | holds |
//! |---|---|
//! | `build/` | the programs: those of Kubernetes by Go, our own by cargo |
//! | `cluster/` | one cluster: its start, its control plane, the ways into it, its audit log, what admission does to objects, and what a cloud would do for it |
//! | `node/` | what a node needs of this machine, and its containerd and kubelet |
//! | `process/` | how programs are started, isolated, and all ended |
//! | `images/` | container images without Docker |
//! | `installation/` | the operator in a cluster, alone or several side by side, and the REST API of DittoFS |
//! | `third_party/` | CRDs and programs of other projects that tests make use of |
//!
//! A start goes through them in this order, all of it in `cluster/start.rs`:
//!
//! ```text
//! build::binaries ─▶ node::requirements ─▶ cluster::state ─▶ process::{reaper, cgroup, namespaces}
//!                                                                           │
//!      cluster::cloud ◀─ cluster::readiness ◀─ process::launch ◀─ cluster::pki
//!                                                     ▲
//!           arguments and files of each program: cluster::{control_plane, api_server},
//!                                                node::{containerd, kubelet}
//! ```
//!
//! `proxy.rs` stands between a program and the API server, and swallows what it is told to.
//!
//! A program that starts clusters calls [`reaper::main_if_requested`] first in its `main`: the same
//! executable is started once more per cluster as the process that ends everything.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod build;
pub mod cluster;
mod files;
pub mod images;
pub mod installation;
mod node;
mod process;
pub mod proxy;
mod third_party;
mod wait;

pub use build::{binaries, programs};
pub use cluster::access::Caller;
pub use cluster::admission::{Admission, Requests};
pub use cluster::audit::{self, AuditLog};
pub use cluster::cloud::load_balancer;
pub use cluster::jitter::JITTER;
pub use cluster::network;
pub use cluster::{Cluster, ClusterOptions, Mode, block_on_in};
pub use installation::{beside, dittofs, shard};
pub use node::requirements::{NodeSupport, Unavailable};
pub use process::{command, reaper};
pub use third_party::{foreign_crds, policy_evaluator};
pub use wait::{TimedOut, wait_for};
