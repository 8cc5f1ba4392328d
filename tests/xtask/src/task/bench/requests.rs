//! What the audit log says about the requests of one program.

use dittofs_rig::audit::Entry;
use jiff::Timestamp;
use std::collections::BTreeMap;

/// How the user agent of the operator begins.
pub const OPERATOR: &str = "dittofs-operator/";

/// Requests by kind.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// All of them.
    pub all: usize,
    /// Those that asked for a change.
    pub writes: usize,
    /// Those that made an Event.
    pub events: usize,
    /// By verb and kind.
    pub by_kind: BTreeMap<String, usize>,
}

impl Tally {
    /// Counts.
    pub fn of<'a>(entries: impl IntoIterator<Item = &'a Entry>) -> Self {
        let mut tally = Self::default();
        for entry in entries {
            tally.all += 1;
            tally.writes += usize::from(entry.is_write());
            tally.events += usize::from(entry.resource == "events");
            let kind = format!("{} {} {}", entry.verb, entry.resource, entry.subresource);
            *tally.by_kind.entry(kind.trim_end().to_owned()).or_default() += 1;
        }
        tally
    }

    /// By verb and kind, on one line, the most frequent first.
    pub fn words(&self) -> String {
        let mut kinds: Vec<_> = self.by_kind.iter().collect();
        kinds.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
        let words = kinds.iter().map(|(kind, count)| format!("{count} {kind}"));
        words.collect::<Vec<_>>().join(", ")
    }
}

/// Whether a request is this program's, and not one for its Lease.
pub fn is_of(entry: &Entry, agent: &str) -> bool {
    entry.user_agent.starts_with(agent) && entry.resource != "leases"
}

/// Whether an entry is a write of an object, and neither of its status nor of an Event, that succeeded.
pub fn is_object(entry: &Entry) -> bool {
    entry.is_write()
        && entry.subresource.is_empty()
        && entry.code < 300
        && !["events", "leases", "dittoservers"].contains(&entry.resource.as_str())
}

/// Seconds from one moment to a later one.
pub fn seconds(from: Timestamp, to: Timestamp) -> f64 {
    to.duration_since(from).as_secs_f64()
}
