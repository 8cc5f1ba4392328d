//! What the kubelet decides: pods, probes, restarts, what reaches whom.

mod main_job;

use dittofs_suite::registry::{Needs, cluster};
use libtest_mimic::Trial;

pub fn trials(unavailable: Option<&str>) -> Vec<Trial> {
    let node = Needs::Node;
    vec![cluster(
        node,
        unavailable,
        "node::main_job::services_follow_the_adapters",
        main_job::services_follow_the_adapters,
    )]
}
