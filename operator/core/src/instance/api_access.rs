//! Pure: who has access to the REST API, and how.

use dittofs_shared::reports::{Access, Reports};

use super::password_reset::{self, Resets};
use crate::observed::Observed;
use crate::secrets::{first_password, key_of, references};

/// Access to the REST API.
#[derive(Clone, Debug)]
pub struct ApiAccess {
    /// Other `DittoServers` whose tokens are signed with the same key.
    pub key_sharers: Vec<String>,
    /// What is wrong with the sidecar's access, if it has reported that.
    pub reported: Option<Access>,
    /// Whether the administrator's password is to be reset.
    pub reset: Resets,
    /// The version of the server, if the sidecar has reported it.
    pub server_version: Option<String>,
}

pub(super) fn evaluate(name: &str, observed: &Observed, reports: Reports) -> ApiAccess {
    let password = references::first_password(name, &observed.server.spec);
    let problem = first_password::evaluate_for_reset(&observed.secrets, &password).err();
    let (secret, answer) = (key_of(&password), reports.password_reset.as_ref());
    ApiAccess {
        key_sharers: observed.key_sharers.clone(),
        reset: password_reset::evaluate(&observed.server, &secret, problem, answer),
        reported: reports.access,
        server_version: reports.server_version,
    }
}
