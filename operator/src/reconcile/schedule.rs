//! When an instance is looked at again, unless something happens before.

use std::time::Duration;

use dittofs_operator_core::instance::{Instance, PerconaCluster};

/// Secrets are not watched, so that nobody needs the right to list them. They are read on every look and at least
/// this often.
const SECRETS_REREAD: Duration = Duration::from_mins(10);
/// The same, while one of them keeps the server from being started as asked.
const SECRETS_AWAITED: Duration = Duration::from_secs(30);
/// The same, while all that is missing is the Secret of a database that is ready, or one that the garbage collector is about to
/// delete is in the way.
const CONNECTION_AWAITED: Duration = Duration::from_secs(5);

/// Secrets are not watched: one that is awaited is looked for more often. `due`: something else has to wait that long.
pub(super) fn next_look(instance: &Instance, due: Option<Duration>) -> Duration {
    let cluster = instance.percona.as_ref();
    let longest = if instance.startable().is_ok() && !instance.api_access.reset.waits_for_secret() {
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
