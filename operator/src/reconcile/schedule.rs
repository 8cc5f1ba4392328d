//! When an instance is reconciled again, unless an event comes first.

use std::time::Duration;

use dittofs_operator_core::instance::{Instance, PerconaCluster};

/// Secrets are not watched, so that the operator needs no right to list them. They are read when the `DittoServer`
/// changes, and at least this often.
const SECRETS_REREAD: Duration = Duration::from_mins(10);
/// The same, while the server cannot be started as requested because of one of them.
const SECRETS_AWAITED: Duration = Duration::from_secs(30);
/// The same, while only the Secret of a database that is ready is missing, or the garbage collector is about to
/// delete the one that is in the way.
const CONNECTION_AWAITED: Duration = Duration::from_secs(5);

/// Whether something cannot be done because of a Secret.
pub(super) fn awaits_secret(instance: &Instance) -> bool {
    instance.startable().is_err() || instance.api_access.reset.waits_for_secret()
}

/// Everything was in order, and is so for at least this time if nothing changes.
pub(super) fn at_rest(left: Duration) -> Duration {
    let longest = SECRETS_REREAD.mul_f64(rand::random_range(0.9..1.0));
    longest.min(left)
}

/// A Secret that is awaited is read more often. `due`: when something else is due.
pub(super) fn requeue_after(instance: &Instance, due: Option<Duration>) -> Duration {
    let cluster = instance.percona.as_ref();
    let longest = if !awaits_secret(instance) {
        SECRETS_REREAD
    } else if cluster.is_some_and(PerconaCluster::waits_for_secret)
        || instance.secrets.wait_for_deletion()
    {
        CONNECTION_AWAITED
    } else {
        SECRETS_AWAITED
    };
    let longest = longest.mul_f64(rand::random_range(0.9..1.0));
    due.map_or(longest, |due| due.min(longest))
}
