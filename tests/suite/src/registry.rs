//! The list of tests.

use dittofs_golden::trial::failed;
pub use dittofs_golden::trial::{plain, skipped};
use dittofs_rig::NodeSupport;
use dittofs_rig::network::Families;
use libtest_mimic::Trial;

use crate::Outcome;
use crate::world::{self, Scene};

/// What a cluster test needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    /// The API server and its controllers.
    ApiServer,
    /// A second API server with an operator of its own, in which no kind of others is installed. One such test at a
    /// time: kinds are installed and removed for the whole cluster, and the operator may be stopped and started.
    BareApiServer,
    /// An API server without an operator of its own, shared by the tests that torture operators, one at a time.
    TorturedApiServer,
    /// An API server that is the test's own, because it does not survive the test unharmed.
    OwnApiServer,
    /// What all other tests have left. It is not chosen by a filter.
    AllOthers,
    /// A node that runs pods.
    Node,
    /// The same, and no other test meanwhile, because it would be disturbed.
    NodeAlone,
}

/// A test in a namespace of its own, in the shared cluster or in the bare one. `unavailable` says why there is no node.
pub fn cluster<F>(
    needs: Needs,
    unavailable: Option<&str>,
    name: &'static str,
    test: impl FnOnce(Scene) -> F + Send + 'static,
) -> Trial
where
    F: Future<Output = Outcome>,
{
    match (needs, unavailable) {
        (Needs::Node | Needs::NodeAlone, Some(reason)) => skipped(name, reason),
        (Needs::NodeAlone, None) => {
            Trial::test(name, move || world::play_alone(name, test).map_err(failed))
        }
        (Needs::BareApiServer, _) => {
            Trial::test(name, move || world::play_bare(name, test).map_err(failed))
        }
        (Needs::TorturedApiServer, _) => Trial::test(name, move || {
            world::play_tortured(name, test).map_err(failed)
        }),
        (Needs::AllOthers, _) => {
            Trial::test(name, move || world::play_last(name, test).map_err(failed))
        }
        (Needs::OwnApiServer, _) => {
            Trial::test(name, move || world::play_own(name, test).map_err(failed))
        }
        _ => Trial::test(name, move || world::play(name, test).map_err(failed)),
    }
}

/// A test in a cluster of its own, with a node, whose addresses are of these families. No other test runs meanwhile.
pub fn of_families<F>(
    families: Families,
    unavailable: Option<&str>,
    name: &'static str,
    test: impl FnOnce(Scene) -> F + Send + 'static,
) -> Trial
where
    F: Future<Output = Outcome>,
{
    if let Some(reason) = unavailable {
        return skipped(name, reason);
    }
    match NodeSupport::check_for(families) {
        NodeSupport::Available => Trial::test(name, move || {
            world::play_apart(families, name, test).map_err(failed)
        }),
        NodeSupport::Unavailable(reason) => skipped(name, &reason.to_string()),
    }
}
