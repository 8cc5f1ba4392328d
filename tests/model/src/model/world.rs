//! What there is.

use dittofs_shared::published_state::PublishedState;
use dittofs_sidecar::clock::Now;
use dittofs_sidecar::outcome::{Failure, Outcome, Seen};
use dittofs_sidecar::state::State;
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::Service;
use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

/// The key that somebody edits.
pub(super) const ADAPTERS_KEY: &str = "adapters";
/// How long an adapter is off before its Service may be deleted.
pub(super) const HOLD: Duration = Duration::from_secs(2);
/// The adapters: type, port, and the other port that it may move to.
pub(super) const ADAPTERS: [(&str, i64, i64); 2] = [("nfs", 12049, 12050), ("smb", 1445, 1446)];

/// An adapter, as the server has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Real {
    pub listed: bool,
    pub enabled: bool,
    pub running: bool,
    pub port: i64,
}

/// What the server answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Answers {
    Truth,
    Nothing,
    Refusal,
    EmptyList,
}

/// What the polls of which a sidecar knows have shown of an adapter, whatever it has made of that.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Shown {
    /// The first and the last poll that have shown it as off, of those since it was last shown as on.
    pub off: Option<(Duration, Duration)>,
}

/// ConfigMap `{name}-adapters`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Stored {
    /// Key `adapters` is somebody else's.
    pub is_edited: bool,
    pub data: BTreeMap<String, String>,
    /// What polls had shown when the sidecar last wrote it.
    pub shown: [Shown; 2],
}

/// A Service of an adapter.
#[derive(Clone, Debug)]
pub(super) struct Live {
    /// The port of the pod that it leads to.
    pub target: i32,
    pub service: Arc<Service>,
}

/// All of it.
#[derive(Clone, Debug)]
pub(super) struct World {
    pub real: [Real; 2],
    pub answers: Answers,
    /// Since the world began.
    pub now: Duration,
    /// When the sidecar has started.
    pub started: Duration,
    pub state: State,
    pub stored: Option<Rc<Stored>>,
    /// What the operator knows of it.
    pub seen: Option<Rc<Stored>>,
    /// By adapter.
    pub services: BTreeMap<usize, Live>,
    pub shown: [Shown; 2],
}

impl World {
    /// A server with two adapters, and nothing else.
    pub(super) fn new() -> Self {
        let real = |(_, port, _)| Real {
            listed: true,
            enabled: true,
            running: true,
            port,
        };
        Self {
            real: ADAPTERS.map(real),
            answers: Answers::Truth,
            now: Duration::ZERO,
            started: Duration::ZERO,
            state: State::default(),
            stored: None,
            seen: None,
            services: BTreeMap::new(),
            shown: [Shown::default(); 2],
        }
    }

    /// Equal worlds have equal ones.
    pub(super) fn hash(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        (self.real, self.answers, self.now, self.started).hash(&mut hasher);
        format!("{:?}", self.state).hash(&mut hasher);
        (&self.stored, &self.seen, self.shown).hash(&mut hasher);
        for (adapter, live) in &self.services {
            (adapter, live.target).hash(&mut hasher);
        }
        hasher.finish()
    }

    fn wall(&self) -> Timestamp {
        let now = SignedDuration::try_from(self.now).unwrap_or_default();
        Timestamp::UNIX_EPOCH
            .saturating_add(now)
            .unwrap_or(Timestamp::MAX)
    }

    fn outcome(&self) -> Outcome {
        let listed = self
            .real
            .iter()
            .zip(ADAPTERS)
            .filter(|(real, _)| real.listed);
        let seen = listed.map(|(real, (r#type, ..))| Seen {
            r#type: r#type.to_owned(),
            port: real.port,
            enabled: real.enabled,
            running: real.enabled && real.running,
        });
        match self.answers {
            Answers::Truth => Outcome::Seen(seen.collect()),
            Answers::EmptyList => Outcome::Seen(Vec::new()),
            Answers::Nothing => Outcome::Failed(Failure::unreachable("no answer")),
            Answers::Refusal => Outcome::Failed(Failure::refused("401")),
        }
    }

    /// The sidecar asks the server.
    pub(super) fn poll(&mut self) {
        let outcome = self.outcome();
        if let Outcome::Seen(list) = &outcome {
            for ((r#type, ..), shown) in ADAPTERS.into_iter().zip(&mut self.shown) {
                let is_on = list
                    .iter()
                    .any(|seen| seen.r#type == r#type && seen.enabled);
                let since = shown.off.map_or(self.now, |(since, _)| since);
                shown.off = (!is_on).then_some((since, self.now));
            }
        }
        let now = Now {
            wall: self.wall(),
            steady: self.now.saturating_sub(self.started),
        };
        self.state = self.state.fold(&outcome, now, HOLD);
    }

    /// The sidecar writes what it knows. It never makes the ConfigMap.
    pub(super) fn publish(&mut self) {
        if let (Some(stored), Some(state)) = (&self.stored, self.state.published()) {
            let mut data = state.encode();
            // What it does not apply, it does not take from whoever has it.
            let is_edited = stored.is_edited && !data.contains_key(ADAPTERS_KEY);
            if let Some(edited) = stored.data.get(ADAPTERS_KEY).filter(|_| is_edited) {
                data.insert(ADAPTERS_KEY.to_owned(), edited.clone());
            }
            self.stored = Some(Rc::new(Stored {
                is_edited,
                data,
                shown: self.shown,
            }));
        }
    }

    /// Another sidecar begins with what the last one has published.
    pub(super) fn restart_sidecar(&mut self) {
        let mut data = self.stored.as_ref().map(|stored| stored.data.clone());
        if let (Some(data), Some(stored)) = (&mut data, &self.stored)
            && stored.is_edited
        {
            data.remove(ADAPTERS_KEY);
        }
        let previous = data.and_then(|data| PublishedState::decode(&data).ok());
        self.state = State::resume(previous, self.wall());
        self.started = self.now;
        // What was not published is lost.
        let published = self.stored.as_ref().map(|stored| stored.shown);
        self.shown = published.unwrap_or_default();
    }
}
