//! The one node of a cluster.

pub(crate) mod containerd;
pub(crate) mod cri;
pub(crate) mod kubelet;
pub mod requirements;
