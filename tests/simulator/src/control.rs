//! The running server's shared parts, and the changes of adapters, which take time.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use jiff::Timestamp;
use tokio::sync::Mutex as AsyncMutex;
use tracing::{error, warn};

use crate::{
    clients::ClientCounts,
    config::Settings,
    faults::Faults,
    listeners::Listeners,
    refusal::Refusal,
    state::{
        State,
        adapters::{Adapter, AdapterPatch, FullView, NewAdapter, Phase, PortPlan},
        health::{HealthMemory, Report},
    },
    state_file::StateFile,
    stop::Stopped,
    token::Signer,
};

/// Everything that request handlers share.
pub(crate) struct Control {
    pub(crate) settings: Settings,
    pub(crate) signer: Signer,
    pub(crate) started_at: Timestamp,
    /// True once the simulator stops; requests that hang end with it.
    pub(crate) stopping: Stopped,
    pub(crate) clients: Arc<ClientCounts>,
    file: StateFile,
    state: Mutex<State>,
    health: Mutex<HealthMemory>,
    faults: Mutex<Faults>,
    requests: Mutex<BTreeMap<String, u64>>,
    /// Held for the whole of an adapter's change, so that changes queue up.
    listeners: AsyncMutex<Listeners>,
}

/// How a change of an adapter ended.
pub(crate) enum Changed {
    /// It is done; this is the adapter now.
    Done(FullView),
    /// It is stored, but the request crashed on it.
    Crashed,
}

impl Control {
    pub(crate) fn new(
        settings: Settings,
        signer: Signer,
        file: StateFile,
        state: State,
        stopping: Stopped,
    ) -> Self {
        let clients = Arc::new(ClientCounts::default());
        let listeners = Listeners::new(settings.shutdown_timeout, Arc::clone(&clients));
        Self {
            settings,
            signer,
            started_at: Timestamp::now(),
            stopping,
            clients,
            file,
            state: Mutex::new(state),
            health: Mutex::default(),
            faults: Mutex::default(),
            requests: Mutex::default(),
            listeners: AsyncMutex::new(listeners),
        }
    }

    /// Looks at the state.
    pub(crate) fn read<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        look(&locked(&self.state))
    }

    /// Changes the state, in memory and on disk, or not at all.
    pub(crate) fn change<T>(
        &self,
        rule: impl FnOnce(&mut State) -> Result<T, Refusal>,
    ) -> Result<T, Refusal> {
        let mut state = locked(&self.state);
        let mut next = state.clone();
        let answer = rule(&mut next)?;
        self.file.save(&next).map_err(|cause| {
            error!(%cause, "the change is refused because it cannot be stored");
            Refusal::NotStored(cause.to_string())
        })?;
        *state = next;
        Ok(answer)
    }

    /// Changes what is not stored.
    pub(crate) fn note<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut locked(&self.state))
    }

    /// The last finding for something if it is young, else a new one.
    pub(crate) fn repeated(&self, key: &str, find: impl FnOnce() -> Report) -> Report {
        locked(&self.health).repeated(key, Timestamp::now(), find)
    }

    /// Forgets what was found of something.
    pub(crate) fn forget_health(&self, key: &str) {
        locked(&self.health).forget(key);
    }

    /// The faults that are in force.
    pub(crate) fn faults(&self) -> MutexGuard<'_, Faults> {
        locked(&self.faults)
    }

    /// How often each method and path was asked for.
    pub(crate) fn requests(&self) -> MutexGuard<'_, BTreeMap<String, u64>> {
        locked(&self.requests)
    }

    /// An adapter with its health, as seen by the request that has just started it or by any other.
    pub(crate) fn view(&self, adapter: &Adapter, just_started: bool) -> FullView {
        let probe = adapter.probe(just_started);
        let report = locked(&self.health).report(&adapter.kind, probe, Timestamp::now());
        adapter.view(report)
    }

    /// Starts every enabled adapter.
    pub(crate) async fn start_adapters(&self) {
        let enabled: Vec<Adapter> = self.read(|state| {
            state
                .adapters
                .iter()
                .filter(|one| one.enabled)
                .cloned()
                .collect()
        });
        let mut listeners = self.listeners.lock().await;
        for adapter in enabled {
            let phase = start(&mut listeners, &adapter).await;
            self.note_phase(&adapter.kind, phase);
        }
    }

    /// Stops every adapter.
    pub(crate) async fn stop_adapters(&self) {
        self.listeners.lock().await.close_all().await;
    }

    /// Stores a new adapter and starts it.
    pub(crate) async fn create_adapter(&self, new: NewAdapter) -> Result<Changed, Refusal> {
        let mut listeners = self.listeners.lock().await;
        let made = self.change(|state| state.adapters.create(new, Timestamp::now()))?;
        let changed = self.started(&mut listeners, &made).await?;
        Ok(match changed {
            Changed::Done(view) => Changed::Done(view.not_running_yet()),
            Changed::Crashed => Changed::Crashed,
        })
    }

    /// Stores a change. An adapter that it moves or disables is stopped, and started again if it is enabled.
    pub(crate) async fn update_adapter(
        &self,
        kind: &str,
        patch: AdapterPatch,
    ) -> Result<Changed, Refusal> {
        let mut listeners = self.listeners.lock().await;
        let adapter = self.change(|state| state.adapters.update(kind, patch, Timestamp::now()))?;
        if adapter.running() {
            return Ok(Changed::Done(self.view(&adapter, false)));
        }
        listeners.close(kind).await;
        self.started(&mut listeners, &adapter).await
    }

    /// Stops an adapter and forgets it.
    pub(crate) async fn delete_adapter(&self, kind: &str) -> Result<(), Refusal> {
        let mut listeners = self.listeners.lock().await;
        self.read(|state| state.adapters.get(kind).map(|_| ()))?;
        self.note_phase(kind, Phase::Stopped);
        listeners.close(kind).await;
        self.change(|state| state.adapters.delete(kind))?;
        locked(&self.health).forget(kind);
        Ok(())
    }

    async fn started(
        &self,
        listeners: &mut Listeners,
        adapter: &Adapter,
    ) -> Result<Changed, Refusal> {
        if adapter.enabled {
            let phase = start(listeners, adapter).await;
            self.note_phase(&adapter.kind, phase);
            if phase == Phase::Stopped {
                return Ok(Changed::Crashed);
            }
        }
        let now = self.read(|state| state.adapters.get(&adapter.kind).cloned())?;
        Ok(Changed::Done(self.view(&now, true)))
    }

    /// Phases are not stored, so this does not touch the file.
    fn note_phase(&self, kind: &str, phase: Phase) {
        if self
            .note(|state| state.adapters.set_phase(kind, phase))
            .is_err()
        {
            warn!(adapter = kind, "an adapter was forgotten while it changed");
        }
    }
}

async fn start(listeners: &mut Listeners, adapter: &Adapter) -> Phase {
    let (kind, port) = (adapter.kind.as_str(), adapter.port);
    match adapter.port_plan() {
        PortPlan::Impossible => {
            error!(
                adapter = kind,
                port, "no socket can have this port; stored all the same"
            );
            Phase::Stopped
        }
        PortPlan::Listen(port) => match listeners.open(kind, port).await {
            Ok(()) => Phase::Listening,
            Err(cause) => {
                warn!(adapter = kind, port, %cause, "says running, does not listen");
                Phase::Deaf
            }
        },
    }
}

/// The handlers never panic while they hold a lock; if one did, its half-done work is visible
/// anyway, as it would be in the real server.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What handlers are given.
pub(crate) type Shared = Arc<Control>;
