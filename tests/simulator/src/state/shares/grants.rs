//! Who may use a share: users and groups of the server, and SIDs of a Windows domain.

use serde::{Deserialize, Serialize};

use super::super::State;
use crate::refusal::Refusal;

/// Whether a text is a level of permission.
pub(crate) fn is_level(text: &str) -> bool {
    matches!(text, "none" | "read" | "read-write" | "admin")
}

/// What a request to grant something to a user or a group says.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Level {
    level: String,
}

/// What a request to grant something to a SID says.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct SidLevel {
    level: String,
    is_group: Option<bool>,
    display_name: String,
}

/// The grants of a share. Those of users and groups have any text for a level.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Grants {
    /// By the user's id.
    users: Vec<(String, String)>,
    /// By the group's id.
    groups: Vec<(String, String)>,
    sids: Vec<SidGrant>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct SidGrant {
    sid: String,
    level: String,
    is_group: bool,
    display_name: String,
}

/// One grant as the API shows it.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct GrantView {
    #[serde(rename = "type")]
    kind: &'static str,
    name: String,
    level: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    sid: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    is_group: Option<bool>,
}

impl Level {
    /// Refuses to grant nothing.
    pub(crate) fn check(&self) -> Result<(), Refusal> {
        said(&self.level)
    }
}

impl SidLevel {
    /// Refuses to grant nothing, or what is no level.
    pub(crate) fn check(&self) -> Result<(), Refusal> {
        said(&self.level)?;
        if is_level(&self.level) {
            Ok(())
        } else {
            Err(Refusal::unfit("Invalid permission level"))
        }
    }
}

fn said(level: &str) -> Result<(), Refusal> {
    match level {
        "" => Err(Refusal::unfit("Permission level is required")),
        _ => Ok(()),
    }
}

impl Grants {
    /// Grants something to the user of an id.
    pub(crate) fn grant_user(&mut self, id: &str, level: String) {
        put(&mut self.users, id.to_owned(), level);
    }

    /// Forgets a user.
    pub(crate) fn forget_user(&mut self, id: &str) {
        self.users.retain(|(user, _)| user != id);
    }

    /// Forgets a group.
    pub(crate) fn forget_group(&mut self, id: &str) {
        self.groups.retain(|(group, _)| group != id);
    }

    /// Forgets the SIDs that are shown under a name.
    fn forget_shown(&mut self, name: &str, is_group: bool) {
        let name = account(name);
        if name.is_empty() {
            return;
        }
        self.sids
            .retain(|grant| grant.is_group != is_group || grant.display_name != name);
    }
}

impl State {
    /// All grants of a share, or `None` where there are none.
    pub(crate) fn grants(&self, share: &str) -> Result<Option<Vec<GrantView>>, Refusal> {
        let grants = &self.shares.get(share)?.grants;
        let view = |kind, name: &str, level: &str| GrantView {
            kind,
            name: name.to_owned(),
            level: level.to_owned(),
            sid: None,
            is_group: None,
        };
        let users = grants.users.iter().filter_map(|(id, level)| {
            let user = self.users.profile(id)?;
            Some(view("user", &user.username, level))
        });
        let groups = grants.groups.iter().filter_map(|(id, level)| {
            let group = self.groups.get(id).ok()?;
            Some(view("group", &group.name, level))
        });
        let sids = grants.sids.iter().map(|grant| GrantView {
            sid: Some(grant.sid.clone()),
            is_group: Some(grant.is_group),
            ..match grant.display_name.as_str() {
                "" => view("sid", &grant.sid, &grant.level),
                name => view("sid", name, &grant.level),
            }
        });
        let all: Vec<GrantView> = users.chain(groups).chain(sids).collect();
        Ok((!all.is_empty()).then_some(all))
    }

    /// Grants something to a user. No level is refused.
    pub(crate) fn grant_user(
        &mut self,
        share: &str,
        user: &str,
        grant: Level,
    ) -> Result<(), Refusal> {
        self.shares.get(share)?;
        let user = self
            .users
            .profile(user)
            .ok_or_else(|| self.unknown(Refusal::UserNotFound, "Failed to set user permission"))?;
        let grants = &mut self.shares.get_mut(share)?.grants;
        grants.grant_user(&user.id, grant.level);
        Ok(())
    }

    /// The server asks its directory for whom it does not know, and this one reaches none.
    fn unknown(&self, missing: Refusal, failed: &'static str) -> Refusal {
        if self.providers.has_directory() {
            Refusal::Failed(failed)
        } else {
            missing
        }
    }

    /// The same for a group.
    pub(crate) fn grant_group(
        &mut self,
        share: &str,
        group: &str,
        grant: Level,
    ) -> Result<(), Refusal> {
        self.shares.get(share)?;
        let found = self.groups.get(group);
        let found =
            found.map_err(|missing| self.unknown(missing, "Failed to set group permission"))?;
        let id = found.id.clone();
        put(
            &mut self.shares.get_mut(share)?.grants.groups,
            id,
            grant.level,
        );
        Ok(())
    }

    /// Grants something to a SID, which need not be known.
    pub(crate) fn grant_sid(
        &mut self,
        share: &str,
        sid: String,
        grant: SidLevel,
    ) -> Result<(), Refusal> {
        let sids = &mut self.shares.get_mut(share)?.grants.sids;
        let fresh = SidGrant {
            sid,
            level: grant.level,
            is_group: grant.is_group.unwrap_or(true),
            display_name: grant.display_name,
        };
        match sids.iter_mut().find(|kept| kept.sid == fresh.sid) {
            Some(kept) => *kept = fresh,
            None => sids.push(fresh),
        }
        Ok(())
    }

    /// Takes a user's grant away, and those of SIDs that are shown under its name, unless the share is
    /// named by its id. What is not there is gone already.
    pub(crate) fn revoke_user(&mut self, share: &str, user: &str) {
        let id = self.users.profile(user).map(|user| user.id.clone());
        if let Ok(found) = self.shares.get_mut(share) {
            found.grants.forget_user(&id.unwrap_or_default());
            if found.name == share {
                found.grants.forget_shown(user, false);
            }
        }
    }

    /// The same for a group.
    pub(crate) fn revoke_group(&mut self, share: &str, group: &str) {
        let id = self.groups.get(group).map(|group| group.id.clone());
        if let Ok(found) = self.shares.get_mut(share) {
            found.grants.forget_group(&id.unwrap_or_default());
            if found.name == share {
                found.grants.forget_shown(group, true);
            }
        }
    }

    /// Takes a SID's grant away.
    pub(crate) fn revoke_sid(&mut self, share: &str, sid: &str) {
        if let Ok(share) = self.shares.get_mut(share) {
            share.grants.sids.retain(|grant| grant.sid != sid);
        }
    }
}

fn put(grants: &mut Vec<(String, String)>, id: String, level: String) {
    match grants.iter_mut().find(|(kept, _)| *kept == id) {
        Some((_, kept)) => *kept = level,
        None => grants.push((id, level)),
    }
}

/// The name of an account without its domain.
fn account(name: &str) -> &str {
    let name = name.rsplit('\\').next().unwrap_or(name);
    match name.split_once('@') {
        Some((account, _)) if !account.is_empty() => account.trim(),
        _ => name.trim(),
    }
}

/// A SID as the server writes it.
pub(crate) fn sid(text: &str) -> Result<String, Refusal> {
    let parsed = || {
        let mut parts = text.strip_prefix("S-")?.split('-');
        // Go takes no sign where Rust does.
        (!text.contains('+')).then_some(())?;
        let revision: u8 = parts.next()?.parse().ok()?;
        let authority: u64 = parts.next()?.parse().ok()?;
        (authority < 1 << 48).then_some(())?;
        let rest: Option<Vec<String>> = parts
            .map(|part| Some(format!("-{}", part.parse::<u32>().ok()?)))
            .collect();
        Some(format!("S-{revision}-{authority}{}", rest?.concat()))
    };
    parsed().ok_or_else(|| Refusal::unfit("Invalid SID"))
}
