//! Making and changing shares, which refer to stores and users.

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

use super::{
    super::{State, stores::Kind},
    Owner, Share,
    grants::Grants,
    nfs::NfsOptions,
    normalized,
    options::{OptionPatch, Options},
};
use crate::{ids, refusal::Refusal, state::go::quoted};

/// What a request to make a share says.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct NewShare {
    name: String,
    metadata_store_id: String,
    local_block_store: String,
    remote_block_store: Option<String>,
    owner: String,
    #[serde(flatten)]
    options: OptionPatch,
}

/// What a request to change a share says. Its name, its owner and whether it is enabled are not
/// changed this way.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct SharePatch {
    metadata_store_id: Option<String>,
    local_block_store_id: Option<String>,
    remote_block_store_id: Option<String>,
    #[serde(flatten)]
    options: OptionPatch,
}

/// A share that was changed.
pub(crate) struct ChangedShare {
    pub(crate) share: Share,
    /// Its blocks are to be in other stores.
    pub(crate) has_moved: bool,
}

impl State {
    /// Stores a new share. Whether it can be loaded is another question.
    pub(crate) fn create_share(&mut self, new: NewShare, now: Timestamp) -> Result<Share, Refusal> {
        let needed = |text: &str, words: &str| match text {
            "" => Err(Refusal::unfit(words)),
            _ => Ok(()),
        };
        needed(&new.name, "Share name is required")?;
        needed(&new.metadata_store_id, "Metadata store ID is required")?;
        needed(&new.local_block_store, "Local block store is required")?;
        let name = normalized(&new.name);
        let metadata = self.metadata_stores.find(&new.metadata_store_id, None);
        let metadata = metadata.map(|store| store.id.clone()).ok_or_else(|| {
            Refusal::unfit(format!(
                "Metadata store not found: {}",
                new.metadata_store_id
            ))
        })?;
        let local = self.block_store_id(&new.local_block_store, Kind::Local)?;
        let remote = new.remote_block_store.filter(|remote| !remote.is_empty());
        let remote = remote.map(|remote| self.block_store_id(&remote, Kind::Remote));
        let remote = remote.transpose()?;
        let mut options = Options::of_new(&new.options)?;
        let owner = self.owner(&new.owner)?;
        options.exclude(&new.options)?;
        if self.shares.iter().any(|share| share.name == name) {
            return Err(Refusal::Taken("Share already exists"));
        }
        let share = Share {
            id: ids::fresh(),
            name,
            metadata_store_id: metadata,
            local_block_store_id: local,
            remote_block_store_id: remote,
            enabled: true,
            owner,
            options,
            grants: Grants::default(),
            nfs: NfsOptions::default(),
            created_at: now,
            updated_at: now,
        };
        let mut row = share.clone();
        if row.options.flags.are_written_twice() {
            // The answer does not know of the second time.
            row.updated_at = now + SignedDuration::from_micros(1);
        }
        self.shares.rows.push(row);
        Ok(share)
    }

    /// Stores a changed share as a whole. Its metadata store is taken as it is written.
    pub(crate) fn update_share(
        &mut self,
        token: &str,
        patch: SharePatch,
        now: Timestamp,
    ) -> Result<ChangedShare, Refusal> {
        let before = self.shares.get(token)?;
        let mut share = before.clone();
        if let Some(metadata) = patch.metadata_store_id {
            share.metadata_store_id = metadata;
        }
        if let Some(local) = patch.local_block_store_id {
            share.local_block_store_id = self.block_store_id(&local, Kind::Local)?;
        }
        match patch.remote_block_store_id.as_deref() {
            None => {}
            Some("") => share.remote_block_store_id = None,
            Some(remote) => {
                share.remote_block_store_id = Some(self.block_store_id(remote, Kind::Remote)?);
            }
        }
        share.options.change(&patch.options)?;
        share.updated_at = now;
        let stores = |share: &Share| {
            let remote = share.remote_block_store_id.clone();
            (share.local_block_store_id.clone(), remote)
        };
        let has_moved = stores(before) != stores(&share);
        self.shares.get_mut(token)?.clone_from(&share);
        if patch.options.is_of_bin() {
            self.shares.set_bin(&share.name, share.options.has_bin());
        }
        Ok(ChangedShare { share, has_moved })
    }

    /// Whether the metadata store of a share is there. A change may have written its name.
    pub(crate) fn has_metadata(&self, share: &Share) -> bool {
        let written = share.metadata_store_id.as_str();
        self.metadata_stores.find(written, None).is_some()
    }

    /// The id of a block store that is named, or given by its id.
    fn block_store_id(&self, token: &str, kind: Kind) -> Result<String, Refusal> {
        let tier = match kind {
            Kind::Local => "Local",
            Kind::Remote => "Remote",
        };
        if let Some(store) = self.block_stores.find(token, Some(kind)) {
            return Ok(store.id.clone());
        }
        let what = match self.block_stores.by_id(token) {
            Some(_) => "has the wrong kind",
            None => "not found",
        };
        Err(Refusal::unfit(format!(
            "{tier} block store {what}: {token}"
        )))
    }

    /// The numbers of a user, whose own number is its group where it has none.
    fn owner(&self, name: &str) -> Result<Option<Owner>, Refusal> {
        if name.is_empty() {
            return Ok(None);
        }
        let refusal = |why| Refusal::unfit(format!("Owner user {} {why}", quoted(name)));
        let user = self
            .users
            .profile(name)
            .ok_or_else(|| refusal("not found"))?;
        let uid = user.uid.ok_or_else(|| refusal("has no UID"))?;
        let gid = user.gid.unwrap_or(uid);
        Ok(Some(Owner { uid, gid }))
    }
}
