//! Metadata stores and block stores: what is stored of each, and which of them shares use.
//!
//! The configuration of a store is a text that holds JSON. It is judged when a store is made
//! ([`engine`], [`block`]); that of a metadata store can be changed to anything afterwards, and then
//! the next boot fails.

pub(crate) mod block;
pub(crate) mod endpoint;
pub(crate) mod engine;
pub(crate) mod secrets;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::health::Report;
use crate::{ids, refusal::Refusal};

/// What a block store is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    Local,
    Remote,
}

/// One store as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StoreRow {
    pub(crate) id: String,
    pub(crate) name: String,
    /// Metadata stores have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) kind: Option<Kind>,
    #[serde(rename = "type")]
    pub(crate) engine: String,
    pub(crate) config: String,
    created_at: Timestamp,
}

/// One store as the API shows it.
#[derive(Debug, Serialize)]
pub(crate) struct StoreView {
    id: String,
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<Kind>,
    #[serde(rename = "type")]
    engine: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    config: Option<Value>,
    created_at: Timestamp,
    status: Report,
}

/// What a request to make a store says.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct NewStore {
    pub(crate) name: String,
    #[serde(rename = "type")]
    pub(crate) engine: String,
    pub(crate) config: String,
}

/// What a request to change a store says.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct StorePatch {
    #[serde(rename = "type")]
    pub(crate) engine: Option<String>,
    pub(crate) config: Option<String>,
}

/// Stores, oldest first.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Stores(Vec<StoreRow>);

impl Kind {
    /// As paths have it.
    pub(crate) fn parse(text: &str) -> Result<Self, Refusal> {
        match text {
            "local" => Ok(Self::Local),
            "remote" => Ok(Self::Remote),
            _ => Err(Refusal::unfit(
                "Invalid block store kind: must be 'local' or 'remote'",
            )),
        }
    }

    /// As texts have it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Remote => "remote",
        }
    }
}

impl NewStore {
    /// Refuses one without a name or a type.
    pub(crate) fn check(&self) -> Result<(), Refusal> {
        if self.name.is_empty() {
            return Err(Refusal::unfit("Store name is required"));
        }
        if self.engine.is_empty() {
            return Err(Refusal::unfit("Store type is required"));
        }
        Ok(())
    }
}

impl StoreRow {
    /// The store with its health, and without its secrets.
    pub(crate) fn view(&self, status: Report) -> StoreView {
        StoreView {
            id: self.id.clone(),
            name: self.name.clone(),
            kind: self.kind,
            engine: self.engine.clone(),
            config: secrets::redacted(&self.config),
            created_at: self.created_at,
            status,
        }
    }

    /// The store as a change makes it.
    pub(crate) fn changed(&self, patch: StorePatch) -> Self {
        let mut changed = self.clone();
        if let Some(engine) = patch.engine {
            changed.engine = engine;
        }
        if let Some(config) = patch.config {
            changed.config = secrets::kept(&self.config, &config);
        }
        changed
    }
}

impl Stores {
    /// All stores.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &StoreRow> {
        self.0.iter()
    }

    /// The store of a name, or of an id.
    pub(crate) fn find(&self, token: &str, kind: Option<Kind>) -> Option<&StoreRow> {
        let mut stores = self.0.iter().filter(|store| store.kind == kind);
        let by_name = stores.clone().find(|store| store.name == token);
        by_name.or_else(|| stores.find(|store| store.id == token))
    }

    /// The store of an id, of whatever kind.
    pub(crate) fn by_id(&self, id: &str) -> Option<&StoreRow> {
        self.0.iter().find(|store| store.id == id)
    }

    /// Keeps a new store, unless its name is taken.
    pub(crate) fn create(
        &mut self,
        new: NewStore,
        kind: Option<Kind>,
        now: Timestamp,
    ) -> Option<StoreRow> {
        let mut same_kind = self.0.iter().filter(|store| store.kind == kind);
        if same_kind.any(|store| store.name == new.name) {
            return None;
        }
        let row = StoreRow {
            id: ids::fresh(),
            name: new.name,
            kind,
            engine: new.engine,
            config: new.config,
            created_at: now,
        };
        self.0.push(row.clone());
        Some(row)
    }

    /// Keeps a changed store.
    pub(crate) fn replace(&mut self, row: &StoreRow) {
        if let Some(kept) = self.0.iter_mut().find(|kept| kept.id == row.id) {
            kept.clone_from(row);
        }
    }

    /// Forgets a store. What it holds, and what has it open, stays.
    pub(crate) fn remove(&mut self, id: &str) {
        self.0.retain(|store| store.id != id);
    }
}

#[cfg(test)]
mod tests;
