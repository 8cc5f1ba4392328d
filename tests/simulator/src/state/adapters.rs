//! Adapters: what is stored of each, and whether it runs.
//!
//! ```text
//!   create, enable, boot          change, disable, delete, stop
//!   Stopped ──────────▶ Running ──────────────────────────────▶ Stopped (while it drains, and after)
//!      ▲                                                           │
//!      └──────────────── a port that no socket can have ◀──────────┘
//! ```
//! `Running` is what the server says, not what is so: with a port that is taken it says so for good
//! while nothing listens, and with port 0 or a negative one it listens elsewhere.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::health::{Probe, Report};
use crate::{ids, refusal::Refusal};

/// The types that the server can run, with the ports that it gives them.
pub(crate) const KNOWN_TYPES: [(&str, u16); 2] = [("nfs", 12049), ("smb", 1445)];

/// What an adapter does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Nothing.
    #[default]
    Stopped,
    /// It serves clients.
    Listening,
    /// It says that it runs, but another listener has its port.
    Deaf,
}

/// What can be done with a stored port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PortPlan {
    /// No socket can have it: the request that stored it crashes.
    Impossible,
    /// Listen there.
    Listen(u16),
}

/// One adapter as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Adapter {
    id: String,
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) enabled: bool,
    /// As wide as the server's own, because it stores ports that cannot be.
    pub(crate) port: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    config: Option<Map<String, Value>>,
    created_at: Timestamp,
    updated_at: Timestamp,
    /// Not stored: a boot begins with all adapters stopped.
    #[serde(skip)]
    pub(crate) phase: Phase,
}

/// One adapter as `GET /adapters/ports` shows it.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct PortView {
    #[serde(rename = "type")]
    kind: String,
    port: i64,
    enabled: bool,
    running: bool,
}

/// One adapter as the other endpoints show it.
#[derive(Debug, Serialize)]
pub(crate) struct FullView {
    id: String,
    #[serde(rename = "type")]
    kind: String,
    enabled: bool,
    running: bool,
    port: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    config: Option<Map<String, Value>>,
    created_at: Timestamp,
    updated_at: Timestamp,
    status: Report,
}

/// What a request to create an adapter says.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct NewAdapter {
    #[serde(rename = "type")]
    pub(crate) kind: String,
    /// Read and of no effect: every new adapter is enabled.
    enabled: Option<bool>,
    port: i64,
    config: Option<Map<String, Value>>,
}

/// What a request to change an adapter says.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct AdapterPatch {
    enabled: Option<bool>,
    port: Option<i64>,
    config: Option<Map<String, Value>>,
}

/// All adapters, oldest first.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Adapters(Vec<Adapter>);

impl Adapter {
    fn new(kind: &str, port: i64, now: Timestamp) -> Self {
        Self {
            id: ids::fresh(),
            kind: kind.to_owned(),
            enabled: true,
            port,
            config: None,
            created_at: now,
            updated_at: now,
            phase: Phase::Stopped,
        }
    }

    /// What the server says, which may not be so.
    pub(crate) fn running(&self) -> bool {
        self.phase != Phase::Stopped
    }

    /// What a health check finds. One that was started by the very request that asks has not got
    /// around to starting yet.
    pub(crate) fn probe(&self, just_started: bool) -> Probe {
        match self.phase {
            Phase::Stopped => Probe::NotRunning,
            Phase::Deaf => Probe::NotStarted,
            Phase::Listening if just_started => Probe::NotStarted,
            Phase::Listening => Probe::Healthy,
        }
    }

    /// The adapter with its health.
    pub(crate) fn view(&self, status: Report) -> FullView {
        FullView {
            id: self.id.clone(),
            kind: self.kind.clone(),
            enabled: self.enabled,
            running: self.running(),
            port: self.port,
            config: self.config.clone(),
            created_at: self.created_at,
            updated_at: self.updated_at,
            status,
        }
    }

    /// What decides whether a change moves it.
    fn listens_at(&self) -> (PortPlan, Option<&Value>) {
        let address = self
            .config
            .as_ref()
            .and_then(|config| config.get("bind_address"));
        (self.port_plan(), address)
    }

    /// What can be done with the stored port.
    pub(crate) fn port_plan(&self) -> PortPlan {
        match (u16::try_from(self.port), self.kind.as_str()) {
            // Measured: two defaults, neither of which is that of the first boot.
            (Ok(0), "nfs") => PortPlan::Listen(12049),
            (Err(_), "nfs") if self.port < 0 => PortPlan::Listen(2049),
            (Ok(0), _) => PortPlan::Listen(12445),
            (Err(_), _) if self.port < 0 => PortPlan::Listen(12445),
            (Ok(port), _) => PortPlan::Listen(port),
            (Err(_), _) => PortPlan::Impossible,
        }
    }
}

impl FullView {
    /// A creation is answered before the new adapter counts as running.
    pub(crate) fn not_running_yet(self) -> Self {
        Self {
            running: false,
            ..self
        }
    }
}

impl Adapters {
    /// The adapters after the first boot.
    pub(crate) fn first_boot(initial: &[(String, u16)], now: Timestamp) -> Self {
        let adapters = initial
            .iter()
            .zip(super::moments(now))
            .map(|((kind, port), at)| Adapter::new(kind, (*port).into(), at));
        Self(adapters.collect())
    }

    /// All adapters.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Adapter> {
        self.0.iter()
    }

    /// All adapters as `GET /adapters/ports` shows them.
    pub(crate) fn ports(&self) -> Vec<PortView> {
        let view = |adapter: &Adapter| PortView {
            kind: adapter.kind.clone(),
            port: adapter.port,
            enabled: adapter.enabled,
            running: adapter.running(),
        };
        self.0.iter().map(view).collect()
    }

    /// One adapter.
    pub(crate) fn get(&self, kind: &str) -> Result<&Adapter, Refusal> {
        self.0
            .iter()
            .find(|adapter| adapter.kind == kind)
            .ok_or(Refusal::AdapterNotFound)
    }

    /// Stores a new adapter; it is not started.
    pub(crate) fn create(&mut self, new: NewAdapter, now: Timestamp) -> Result<Adapter, Refusal> {
        if new.kind.is_empty() {
            return Err(Refusal::AdapterTypeRequired);
        }
        let known = KNOWN_TYPES.iter().find(|(kind, _)| *kind == new.kind);
        let (_, default_port) = known.ok_or(Refusal::AdapterNotCreated)?;
        if self.get(&new.kind).is_ok() {
            return Err(Refusal::AdapterExists);
        }
        let port = if new.port == 0 {
            i64::from(*default_port)
        } else {
            new.port
        };
        let adapter = Adapter {
            config: new.config,
            ..Adapter::new(&new.kind, port, now)
        };
        self.0.push(adapter.clone());
        Ok(adapter)
    }

    /// Stores a change and stops the adapter; starting it again is the caller's. One that runs and is
    /// neither disabled nor moved runs on.
    pub(crate) fn update(
        &mut self,
        kind: &str,
        patch: AdapterPatch,
        now: Timestamp,
    ) -> Result<Adapter, Refusal> {
        let adapter = self.get_mut(kind)?;
        let before = adapter.clone();
        adapter.enabled = patch.enabled.unwrap_or(adapter.enabled);
        adapter.port = patch.port.unwrap_or(adapter.port);
        adapter.config = patch.config.or(adapter.config.take());
        adapter.updated_at = now;
        if !adapter.enabled || before.listens_at() != adapter.listens_at() {
            adapter.phase = Phase::Stopped;
        }
        Ok(adapter.clone())
    }

    /// Notes what an adapter does now.
    pub(crate) fn set_phase(&mut self, kind: &str, phase: Phase) -> Result<(), Refusal> {
        self.get_mut(kind)?.phase = phase;
        Ok(())
    }

    /// Forgets an adapter.
    pub(crate) fn delete(&mut self, kind: &str) -> Result<(), Refusal> {
        self.get(kind)?;
        self.0.retain(|adapter| adapter.kind != kind);
        Ok(())
    }

    fn get_mut(&mut self, kind: &str) -> Result<&mut Adapter, Refusal> {
        let found = self.0.iter_mut().find(|adapter| adapter.kind == kind);
        found.ok_or(Refusal::AdapterNotFound)
    }
}

#[cfg(test)]
mod tests;
