//! The adapters.

use super::entry::Entry;
use super::{CONFIRMED_AFTER, Pending, is_confirmed};
use crate::clock::Now;
use crate::outcome::Seen;
use dittofs_shared::AdapterType;
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
    /// Since when every poll has returned an empty list while nothing was known.
    empty_since: Option<Duration>,
}

impl Adapters {
    pub fn resume(previous: Option<Vec<Adapter>>, wall: Timestamp) -> Self {
        let entry = |adapter: Adapter| (adapter.r#type.clone(), Entry::resume(&adapter, wall));
        Self {
            known: previous.map(|adapters| adapters.into_iter().map(entry).collect()),
            empty_since: None,
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
            empty_since: None,
        }
    }

    /// The adapters after the first list. An empty list must be confirmed, like any removal. A type that it lacks may have been
    /// removed a moment ago, and still have a Service: it is held like one that was seen before.
    fn first(&self, listed: &BTreeMap<&str, &Seen>, now: Now, hold: Duration) -> Self {
        let since = self.empty_since.unwrap_or(now.steady);
        if listed.is_empty() && !is_confirmed(since, now.steady) {
            return Self {
                known: None,
                empty_since: Some(since),
            };
        }
        let entry = |(r#type, seen): (&&str, &&Seen)| {
            ((*r#type).to_owned(), Entry::first(seen, now, hold, true))
        };
        let missing = AdapterType::NAMES.into_iter();
        let missing = missing.filter(|name| !listed.contains_key(name));
        let lacking = missing.map(|name| (name.to_owned(), Entry::missing(now)));
        Self {
            known: Some(listed.iter().map(entry).chain(lacking).collect()),
            empty_since: None,
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
            empty_since: None,
        }
    }

    pub fn pending(&self, now: Duration, hold: Duration) -> Pending {
        let empty = self.empty_since.map(|since| since + CONFIRMED_AFTER);
        let empty = empty.map_or_else(Pending::default, |moment| Pending::until(Some(moment)));
        let entries = self.known.iter().flat_map(BTreeMap::values);
        entries.fold(empty, |pending, entry| {
            pending.and(entry.pending(now, hold), now)
        })
    }

    pub fn published(&self) -> Option<Vec<Adapter>> {
        let adapter = |(r#type, entry): (&String, &Entry)| entry.published(r#type);
        self.known
            .as_ref()
            .map(|known| known.iter().map(adapter).collect())
    }
}
