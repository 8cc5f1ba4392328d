//! What the server knows, and the rules by which it changes. Nothing here does IO or asks for the
//! time: every rule takes `now` and answers with the new value or a [`Refusal`](crate::refusal).

pub(crate) mod adapters;
pub(crate) mod duration;
pub(crate) mod go;
pub(crate) mod groups;
pub(crate) mod health;
pub(crate) mod netgroups;
pub(crate) mod password;
pub(crate) mod policies;
pub(crate) mod providers;
pub(crate) mod quotas;
pub(crate) mod shares;
pub(crate) mod size;
pub(crate) mod stores;
pub(crate) mod users;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use adapters::Adapters;
use groups::Groups;
use netgroups::Netgroups;
use policies::Policies;
use providers::Providers;
use quotas::Quotas;
use shares::Shares;
use stores::{Stores, engine::Engines};
use users::Users;

/// All that is kept across restarts. A file of an earlier release has less, and the rest is as after
/// the first boot.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct State {
    pub(crate) users: Users,
    pub(crate) adapters: Adapters,
    pub(crate) groups: Groups,
    pub(crate) metadata_stores: Stores,
    pub(crate) block_stores: Stores,
    pub(crate) shares: Shares,
    pub(crate) quotas: Quotas,
    pub(crate) netgroups: Netgroups,
    pub(crate) policies: Policies,
    pub(crate) providers: Providers,
    /// Not stored: a boot opens every metadata store.
    #[serde(skip)]
    pub(crate) engines: Engines,
}

/// Moments of what the first boot makes one after the other: no two are the same.
fn moments(now: Timestamp) -> impl Iterator<Item = Timestamp> {
    (1..).map(move |micros| now + SignedDuration::from_micros(micros))
}
