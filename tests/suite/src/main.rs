//! The suite. `cargo xtask test` runs it; `cargo test -p dittofs-suite -- FILTER` runs a part of it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod api;
mod layout;
mod node;
mod recorded;
mod torture;

use dittofs_rig::{NodeSupport, reaper};
use dittofs_suite::registry::plain;
use dittofs_suite::world;
use libtest_mimic::{Arguments, Trial};

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
    trials.extend(layout::trials());
    trials.extend(recorded::trials());
    trials.extend(api::trials(unavailable.as_deref()));
    trials.extend(node::trials(unavailable.as_deref()));
    trials = spread(api::one_by_one(unavailable.as_deref()), trials);
    trials = spread(torture::trials(unavailable.as_deref()), trials);
    if arguments.filter.is_none() && arguments.skip.is_empty() {
        trials.extend(api::last(unavailable.as_deref()));
    }
    let known = trials.iter().map(|trial| trial.name().to_owned()).collect();
    trials.push(plain(
        "fields::every_test_that_is_named_exists",
        move || dittofs_golden::elsewhere_is_there(&known, false),
    ));
    let conclusion = libtest_mimic::run(&arguments, trials);
    world::end();
    conclusion.exit();
}

/// Puts tests that wait for each other among the others, at equal distances: side by side, they would keep every thread
/// waiting for the first of them.
fn spread(one_by_one: Vec<Trial>, others: Vec<Trial>) -> Vec<Trial> {
    let distance = others.len() / one_by_one.len().max(1);
    let mut others = others.into_iter();
    let mut all = Vec::new();
    for trial in one_by_one {
        all.push(trial);
        all.extend(others.by_ref().take(distance));
    }
    all.extend(others);
    all
}
