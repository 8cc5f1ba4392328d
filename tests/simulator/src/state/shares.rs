//! Shares: what is stored of each, and which of them are loaded.
//!
//! A share is stored first and loaded afterwards, and when it does not load nobody is told: the
//! request that made it succeeds, and only the share's status says `unknown`. What the API shows is
//! what is stored.

mod flags;
pub(crate) mod grants;
pub(crate) mod making;
pub(crate) mod nfs;
mod operations;
pub(crate) mod options;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use self::{flags::Flags, grants::Grants, nfs::NfsOptions, options::Options};
use super::{duration, go, health::Report, size};
use crate::refusal::Refusal;

/// The refusal that there is no such share.
pub(crate) const NOT_FOUND: Refusal = Refusal::NotThere("Share not found");
/// What the server says of stores that it could not change under a running share.
const NOT_REBOUND: &str = "block store binding changed but live reload failed; \
     a server restart is required for the change to take effect";

/// One share as it is stored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Share {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) metadata_store_id: String,
    pub(crate) local_block_store_id: String,
    pub(crate) remote_block_store_id: Option<String>,
    pub(crate) enabled: bool,
    /// Who owns the root folder; nobody but root where it is absent.
    owner: Option<Owner>,
    options: Options,
    pub(crate) grants: Grants,
    pub(crate) nfs: NfsOptions,
    created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
}

/// The numbers of an owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Owner {
    uid: u32,
    gid: u32,
}

/// One share as the API shows it.
#[derive(Debug, Serialize)]
pub(crate) struct ShareView {
    id: String,
    name: String,
    metadata_store_id: String,
    local_block_store_id: String,
    remote_block_store_id: Option<String>,
    enabled: bool,
    #[serde(flatten)]
    flags: Flags,
    default_permission: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    owner_uid: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    owner_gid: Option<u32>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    blocked_operations: Vec<String>,
    retention_policy: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    retention_ttl: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    local_store_size: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    read_buffer_size: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    quota_bytes: Option<String>,
    /// Nothing is ever written to a simulator.
    used_bytes: u64,
    physical_bytes: u64,
    usage_percent: u64,
    trash_retention_days: i64,
    trash_max_bytes: i64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    trash_exclude_patterns: Vec<String>,
    created_at: Timestamp,
    updated_at: Timestamp,
    status: Report,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<&'static str>,
}

/// All shares, oldest first.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Shares {
    rows: Vec<Share>,
    /// Those that clients can reach, and whether deleted files go to a bin there. Not stored: a boot
    /// loads what it can.
    #[serde(skip)]
    loaded: BTreeMap<String, bool>,
}

/// The name of a share as it is stored: without escapes, and with one slash at its beginning.
pub(crate) fn normalized(name: &str) -> String {
    let plain = go::unescaped(name).unwrap_or_else(|| name.to_owned());
    format!("/{}", plain.trim_start_matches('/'))
}

impl Share {
    /// The share with its health.
    pub(crate) fn view(&self, status: Report) -> ShareView {
        let options = self.options.clone();
        let nanos = options.retention_ttl.saturating_mul(1_000_000_000);
        ShareView {
            id: self.id.clone(),
            name: self.name.clone(),
            metadata_store_id: self.metadata_store_id.clone(),
            local_block_store_id: self.local_block_store_id.clone(),
            remote_block_store_id: self.remote_block_store_id.clone(),
            enabled: self.enabled,
            flags: options.flags,
            default_permission: options.default_permission,
            owner_uid: self.owner.map(|owner| owner.uid),
            owner_gid: self.owner.map(|owner| owner.gid),
            blocked_operations: options.blocked_operations,
            retention_policy: options.retention_policy,
            retention_ttl: (nanos > 0).then(|| duration::shown(nanos)),
            local_store_size: size::shown(options.local_store_size),
            read_buffer_size: size::shown(options.read_buffer_size),
            quota_bytes: size::shown(options.quota_bytes),
            used_bytes: 0,
            physical_bytes: 0,
            usage_percent: 0,
            trash_retention_days: options.trash_retention_days,
            trash_max_bytes: options.trash_max_bytes,
            trash_exclude_patterns: options.trash_exclude_patterns,
            created_at: self.created_at,
            updated_at: self.updated_at,
            status,
            warnings: Vec::new(),
        }
    }
}

impl ShareView {
    /// The same, of a share whose stores changed but not under it.
    pub(crate) fn not_rebound(self) -> Self {
        Self {
            warnings: vec![NOT_REBOUND],
            ..self
        }
    }
}

impl Shares {
    /// All shares.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Share> {
        self.rows.iter()
    }

    /// All shares, to change them.
    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Share> {
        self.rows.iter_mut()
    }

    /// A share by its name or its id, either of them behind a slash.
    pub(crate) fn get(&self, token: &str) -> Result<&Share, Refusal> {
        let place = self.place(token)?;
        Ok(&self.rows[place])
    }

    /// The same, to change it.
    pub(crate) fn get_mut(&mut self, token: &str) -> Result<&mut Share, Refusal> {
        let place = self.place(token)?;
        Ok(&mut self.rows[place])
    }

    fn place(&self, token: &str) -> Result<usize, Refusal> {
        let id = token.strip_prefix('/').unwrap_or(token);
        let by_name = self.rows.iter().position(|share| share.name == token);
        let found = by_name.or_else(|| self.rows.iter().position(|share| share.id == id));
        found.ok_or(NOT_FOUND)
    }

    /// Whether clients can reach the share of this very name.
    pub(crate) fn is_loaded(&self, name: &str) -> bool {
        self.loaded.contains_key(name)
    }

    /// How many are loaded, including those that were deleted by their id.
    pub(crate) fn count_loaded(&self) -> usize {
        self.loaded.len()
    }

    /// Whether deleted files go to a bin in the share of this very name, if it is loaded.
    pub(crate) fn has_bin(&self, name: &str) -> Option<bool> {
        self.loaded.get(name).copied()
    }

    /// Loads a share that has room for its blocks. A colon ends the name in the handles that clients
    /// get, and one that was deleted by its id is in the way of its successor.
    pub(crate) fn load(&mut self, share: &Share) {
        if !share.name.contains(':') {
            let bin = share.options.has_bin();
            self.loaded.entry(share.name.clone()).or_insert(bin);
        }
    }

    /// Turns the bin of a loaded share on or off.
    fn set_bin(&mut self, name: &str, bin: bool) {
        if let Some(loaded) = self.loaded.get_mut(name) {
            *loaded = bin;
        }
    }

    /// Lets clients in or not. A share that is not loaded, or is asked for by its id, is not found.
    pub(crate) fn enable(
        &mut self,
        name: &str,
        enabled: bool,
        now: Timestamp,
    ) -> Result<Share, Refusal> {
        if !self.is_loaded(name) {
            return Err(NOT_FOUND);
        }
        let share = self.get_mut(name)?;
        if share.enabled != enabled {
            share.enabled = enabled;
            share.updated_at = now;
        }
        Ok(share.clone())
    }

    /// Takes a share from its clients, which works by its name only.
    pub(crate) fn unload(&mut self, name: &str) {
        self.loaded.remove(name);
    }

    /// Forgets a share with its grants and its NFS options, by its name or its id.
    pub(crate) fn remove(&mut self, token: &str) -> Result<Share, Refusal> {
        let place = self.place(token)?;
        Ok(self.rows.remove(place))
    }
}

#[cfg(test)]
mod tests;
