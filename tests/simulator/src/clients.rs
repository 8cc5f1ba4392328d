//! How many clients the adapters have and have had.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

/// Clients, by adapter type.
#[derive(Debug, Default)]
pub(crate) struct ClientCounts(Mutex<BTreeMap<String, Clients>>);

/// The clients of one adapter.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Clients {
    /// Who is there now.
    pub(crate) active: u64,
    /// Who has ever been there.
    pub(crate) total: u64,
}

/// One client, which counts until this is dropped.
pub(crate) struct ClientGuard {
    clients: Arc<ClientCounts>,
    kind: String,
}

impl ClientCounts {
    /// Counts a client until the guard is dropped.
    pub(crate) fn enter(self: &Arc<Self>, kind: &str) -> ClientGuard {
        self.change(kind, |clients| {
            clients.active += 1;
            clients.total += 1;
        });
        ClientGuard {
            clients: Arc::clone(self),
            kind: kind.to_owned(),
        }
    }

    /// The clients of an adapter.
    pub(crate) fn of(&self, kind: &str) -> Clients {
        self.change(kind, |clients| *clients)
    }

    fn change<T>(&self, kind: &str, change: impl FnOnce(&mut Clients) -> T) -> T {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        change(all.entry(kind.to_owned()).or_default())
    }
}

impl Drop for ClientGuard {
    fn drop(&mut self) {
        self.clients
            .change(&self.kind, |clients| clients.active -= 1);
    }
}
