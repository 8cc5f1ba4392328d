//! How a share is exported over NFS.

use serde::{Deserialize, Serialize};

use super::super::State;
use crate::refusal::Refusal;

const SQUASH: [&str; 5] = [
    "none",
    "root_to_admin",
    "root_to_guest",
    "all_to_admin",
    "all_to_guest",
];

/// The options as they are stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct NfsOptions {
    squash: String,
    anonymous_uid: Option<u32>,
    anonymous_gid: Option<u32>,
    allow_auth_sys: bool,
    require_kerberos: bool,
    min_kerberos_level: String,
    pub(crate) netgroup_id: Option<String>,
    disable_readdirplus: bool,
}

/// The options as the API shows them.
#[derive(Debug, Serialize)]
pub(crate) struct NfsView {
    squash: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    anonymous_uid: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    anonymous_gid: Option<u32>,
    allow_auth_sys: bool,
    require_kerberos: bool,
    min_kerberos_level: String,
    netgroup: String,
    disable_readdirplus: bool,
}

/// What a request to change them says. The level of Kerberos can be anything, and a number for
/// those without a name cannot be taken back.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct NfsPatch {
    squash: Option<String>,
    anonymous_uid: Option<u32>,
    anonymous_gid: Option<u32>,
    allow_auth_sys: Option<bool>,
    require_kerberos: Option<bool>,
    min_kerberos_level: Option<String>,
    netgroup: Option<String>,
    disable_readdirplus: Option<bool>,
}

impl Default for NfsOptions {
    fn default() -> Self {
        Self {
            squash: "root_to_guest".to_owned(),
            anonymous_uid: None,
            anonymous_gid: None,
            allow_auth_sys: true,
            require_kerberos: false,
            min_kerberos_level: "krb5".to_owned(),
            netgroup_id: None,
            disable_readdirplus: false,
        }
    }
}

impl State {
    /// The options of a share.
    pub(crate) fn nfs_options(&self, share: &str) -> Result<NfsView, Refusal> {
        let NfsOptions {
            squash,
            anonymous_uid,
            anonymous_gid,
            allow_auth_sys,
            require_kerberos,
            min_kerberos_level,
            netgroup_id,
            disable_readdirplus,
        } = self.shares.get(share)?.nfs.clone();
        let netgroup = netgroup_id.and_then(|id| self.netgroups.get(&id).ok());
        Ok(NfsView {
            squash,
            anonymous_uid,
            anonymous_gid,
            allow_auth_sys,
            require_kerberos,
            min_kerberos_level,
            netgroup: netgroup.map(|group| group.name.clone()).unwrap_or_default(),
            disable_readdirplus,
        })
    }

    /// Changes what is said, and gives all of them.
    pub(crate) fn change_nfs_options(
        &mut self,
        share: &str,
        patch: NfsPatch,
    ) -> Result<NfsView, Refusal> {
        let mut options = self.shares.get(share)?.nfs.clone();
        match patch.netgroup.as_deref() {
            None => {}
            Some("") => options.netgroup_id = None,
            // By its name only.
            Some(name) => {
                let found = self.netgroups.named(name);
                let found =
                    found.ok_or_else(|| Refusal::unfit(format!("Netgroup not found: {name}")))?;
                options.netgroup_id = Some(found.id.clone());
            }
        }
        if let Some(squash) = patch.squash {
            if !squash.is_empty() && !SQUASH.contains(&squash.as_str()) {
                let known = SQUASH.join("|");
                return Err(Refusal::unfit(format!(
                    "Invalid squash: {squash} (want {known})"
                )));
            }
            options.squash = squash;
        }
        options.anonymous_uid = patch.anonymous_uid.or(options.anonymous_uid);
        options.anonymous_gid = patch.anonymous_gid.or(options.anonymous_gid);
        for (flag, asked) in [
            (&mut options.allow_auth_sys, patch.allow_auth_sys),
            (&mut options.require_kerberos, patch.require_kerberos),
            (&mut options.disable_readdirplus, patch.disable_readdirplus),
        ] {
            *flag = asked.unwrap_or(*flag);
        }
        if let Some(level) = patch.min_kerberos_level {
            options.min_kerberos_level = level;
        }
        self.shares.get_mut(share)?.nfs = options;
        self.nfs_options(share)
    }
}
