//! What is on or off in a share.

use serde::{Deserialize, Serialize};

/// What is on or off.
#[allow(clippy::struct_excessive_bools)]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Flags {
    read_only: bool,
    encrypt_data: bool,
    acl_flag_inherited_canonicalization: bool,
    access_based_enumeration: bool,
    change_notify_disabled: bool,
    streams_disabled: bool,
    continuous_availability: bool,
    allow_mfsymlink: bool,
    trash_enabled: bool,
    trash_restrict_to_admin: bool,
}

/// What a request says of them.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct FlagPatch {
    read_only: Option<bool>,
    encrypt_data: Option<bool>,
    acl_flag_inherited_canonicalization: Option<bool>,
    access_based_enumeration: Option<bool>,
    change_notify_disabled: Option<bool>,
    streams_disabled: Option<bool>,
    continuous_availability: Option<bool>,
    allow_mfsymlink: Option<bool>,
    trash_enabled: Option<bool>,
    trash_restrict_to_admin: Option<bool>,
}

impl Default for Flags {
    fn default() -> Self {
        Self {
            read_only: false,
            encrypt_data: false,
            acl_flag_inherited_canonicalization: true,
            access_based_enumeration: false,
            change_notify_disabled: false,
            streams_disabled: false,
            continuous_availability: false,
            allow_mfsymlink: false,
            trash_enabled: false,
            trash_restrict_to_admin: false,
        }
    }
}

impl Flags {
    /// Changes what is said.
    pub(super) fn change(&mut self, asked: &FlagPatch) {
        for (flag, asked) in [
            (&mut self.read_only, asked.read_only),
            (&mut self.encrypt_data, asked.encrypt_data),
            (
                &mut self.acl_flag_inherited_canonicalization,
                asked.acl_flag_inherited_canonicalization,
            ),
            (
                &mut self.access_based_enumeration,
                asked.access_based_enumeration,
            ),
            (
                &mut self.change_notify_disabled,
                asked.change_notify_disabled,
            ),
            (&mut self.streams_disabled, asked.streams_disabled),
            (
                &mut self.continuous_availability,
                asked.continuous_availability,
            ),
            (&mut self.allow_mfsymlink, asked.allow_mfsymlink),
            (&mut self.trash_enabled, asked.trash_enabled),
            (
                &mut self.trash_restrict_to_admin,
                asked.trash_restrict_to_admin,
            ),
        ] {
            *flag = asked.unwrap_or(*flag);
        }
    }

    /// Whether the server writes a new share a second time: its database makes a `true` of the flag.
    pub(super) fn are_written_twice(&self) -> bool {
        !self.acl_flag_inherited_canonicalization
    }

    /// Whether deleted files go to a bin.
    pub(super) fn has_bin(&self) -> bool {
        self.trash_enabled
    }
}

impl FlagPatch {
    /// Whether it says anything of the bin.
    pub(super) fn is_of_bin(&self) -> bool {
        self.trash_enabled.is_some() || self.trash_restrict_to_admin.is_some()
    }
}
