//! The adapters.

use super::entry::Entry;
use crate::clock::Now;
use crate::outcome::Seen;
use dittofs_shared::published_state::Adapter;
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::time::Duration;

/// The most adapters that are kept, including leaving ones. A server that lists new types with every response would
/// otherwise fill the ConfigMap during a long hold. The operator reads far fewer.
const MAX_ADAPTERS: usize = 128;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Adapters {
    /// `None` before the first list: the adapters are unknown, not absent.
    known: Option<BTreeMap<String, Entry>>,
    /// Whether the last poll returned an empty list while nothing was known.
    empty_once: bool,
}

impl Adapters {
    pub fn resume(previous: Option<Vec<Adapter>>, wall: Timestamp) -> Self {
        let entry = |adapter: Adapter| (adapter.r#type.clone(), Entry::resume(&adapter, wall));
        Self {
            known: previous.map(|adapters| adapters.into_iter().map(entry).collect()),
            empty_once: false,
        }
    }

    /// The adapters after a poll that returned a list.
    pub fn after(&self, list: &[Seen], now: Now, hold: Duration) -> Self {
        let listed: BTreeMap<&str, &Seen> = list
            .iter()
            .map(|seen| (seen.r#type.as_str(), seen))
            .collect();
        let Some(known) = &self.known else {
            return self.first(&listed, now, hold);
        };
        let mut next: BTreeMap<String, Entry> = known
            .iter()
            .filter_map(|(r#type, entry)| {
                let entry = match listed.get(r#type.as_str()) {
                    Some(seen) => Some(entry.seen(seen, now, hold)),
                    None => entry.absent(now, hold),
                };
                Some((r#type.clone(), entry?))
            })
            .collect();
        for (r#type, seen) in listed {
            if !known.contains_key(r#type) && next.len() < MAX_ADAPTERS {
                next.insert(r#type.to_owned(), Entry::first(seen, now, hold, false));
            }
        }
        Self {
            known: Some(next),
            empty_once: false,
        }
    }

    /// The adapters after the first list. An empty list must be seen twice, like any removal.
    fn first(&self, listed: &BTreeMap<&str, &Seen>, now: Now, hold: Duration) -> Self {
        if listed.is_empty() && !self.empty_once {
            return Self {
                known: None,
                empty_once: true,
            };
        }
        let entry = |(r#type, seen): (&&str, &&Seen)| {
            ((*r#type).to_owned(), Entry::first(seen, now, hold, true))
        };
        Self {
            known: Some(listed.iter().map(entry).collect()),
            empty_once: false,
        }
    }

    /// The adapters after a failure: all of them stay.
    pub fn unknown(&self) -> Self {
        let unknown = |(r#type, entry): (&String, &Entry)| (r#type.clone(), entry.unknown());
        Self {
            known: self
                .known
                .as_ref()
                .map(|known| known.iter().map(unknown).collect()),
            empty_once: false,
        }
    }

    pub fn published(&self) -> Option<Vec<Adapter>> {
        let adapter = |(r#type, entry): (&String, &Entry)| entry.published(r#type);
        self.known
            .as_ref()
            .map(|known| known.iter().map(adapter).collect())
    }
}
