//! Adapters and published states for tests.

use crate::outcome::Seen;
use dittofs_shared::published_state::{Adapter, PublishedState, ServerState, ServerStatus};
use dittofs_shared::reports::Reports;
use jiff::Timestamp;

/// An adapter as DittoFS lists it.
pub(crate) fn seen(r#type: &str, port: i64, enabled: bool, running: bool) -> Seen {
    Seen {
        r#type: r#type.into(),
        port,
        enabled,
        running,
    }
}

/// An adapter as it is published.
pub(crate) fn adapter(
    r#type: &str,
    port: i64,
    (enabled, running): (bool, bool),
    leaving_since: Option<Timestamp>,
) -> Adapter {
    Adapter {
        r#type: r#type.into(),
        port,
        enabled,
        running,
        leaving_since,
    }
}

/// A published state whose server has had this status since 1970.
pub(crate) fn published_state(
    status: ServerStatus,
    adapters: Option<Vec<Adapter>>,
) -> PublishedState {
    PublishedState {
        server: ServerState {
            status,
            since: Timestamp::UNIX_EPOCH,
            message: None,
        },
        adapters,
        reports: Reports::default(),
    }
}
