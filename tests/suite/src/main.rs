//! The suite. `cargo xtask test` runs it; `cargo test -p dittofs-suite -- FILTER` runs a part of it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod api;
mod golden;
mod node;
mod recorded;
mod walls;

use dittofs_rig::{NodeSupport, reaper};
use dittofs_suite::world;
use libtest_mimic::Arguments;

fn main() {
    reaper::main_if_requested();
    let mut arguments = Arguments::from_args();
    // Two cores; most of the time is spent waiting for the cluster.
    arguments.test_threads.get_or_insert(4);
    let unavailable = match NodeSupport::check() {
        NodeSupport::Available => None,
        NodeSupport::Unavailable(reason) => Some(reason.to_string()),
    };
    let mut trials = Vec::new();
    trials.extend(golden::trials());
    trials.extend(walls::trials());
    trials.extend(recorded::trials());
    trials.extend(api::trials(unavailable.as_deref()));
    trials.extend(node::trials(unavailable.as_deref()));
    trials.push(golden::tests_of_fields(&trials));
    let conclusion = libtest_mimic::run(&arguments, trials);
    world::end();
    conclusion.exit();
}
