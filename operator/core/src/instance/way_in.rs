//! Pure: who gets into the REST API, and how.

use dittofs_shared::reports::{Access, Reports};

use super::password_reset::{self, Resets};
use crate::observed::Observed;
use crate::secrets::{first_password, key_of, references};

/// The ways into the REST API.
#[derive(Clone, Debug)]
pub struct WayIn {
    /// Other `DittoServers` whose tokens are signed with the same key.
    pub key_sharers: Vec<String>,
    /// What is wrong with the sidecar's way in, if it has said so.
    pub access: Option<Access>,
    /// Whether the administrator's password is to be reset.
    pub reset: Resets,
}

pub(super) fn judge(name: &str, observed: &Observed, reports: Reports) -> WayIn {
    let password = references::first_password(name, &observed.server.spec);
    let problem = first_password::judge_for_reset(&observed.secrets, &password).err();
    let (secret, answer) = (key_of(&password), reports.password_reset.as_ref());
    WayIn {
        key_sharers: observed.key_sharers.clone(),
        reset: password_reset::judge(&observed.server, &secret, problem, answer),
        access: reports.access,
    }
}
