//! How many clients the adapters have and have had.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

/// Clients, by adapter type.
#[derive(Debug, Default)]
pub(crate) struct Census(Mutex<BTreeMap<String, Clients>>);

/// The clients of one adapter.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Clients {
    /// Who is there now.
    pub(crate) active: u64,
    /// Who has ever been there.
    pub(crate) total: u64,
}

/// One client. It counts until it is dropped.
pub(crate) struct Visit {
    census: Arc<Census>,
    kind: String,
}

impl Census {
    /// A client comes.
    pub(crate) fn enter(self: &Arc<Self>, kind: &str) -> Visit {
        self.change(kind, |clients| {
            clients.active += 1;
            clients.total += 1;
        });
        Visit {
            census: Arc::clone(self),
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

impl Drop for Visit {
    fn drop(&mut self) {
        self.census
            .change(&self.kind, |clients| clients.active -= 1);
    }
}
