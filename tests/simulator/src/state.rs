//! What the server knows, and the rules by which it changes. Nothing here does IO or asks for the
//! time: every rule takes `now` and answers with the new value or a [`Refusal`](crate::refusal).

pub(crate) mod adapters;
pub(crate) mod health;
pub(crate) mod password;
pub(crate) mod users;

use serde::{Deserialize, Serialize};

use adapters::Adapters;
use users::Users;

/// All that is kept across restarts.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct State {
    pub(crate) users: Users,
    pub(crate) adapters: Adapters,
}
