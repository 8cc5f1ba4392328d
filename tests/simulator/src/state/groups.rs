//! Groups of users. Who is in which is kept with the users.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{State, users::Profile};
use crate::{ids, refusal::Refusal};

/// The groups of a fresh server, which stay.
const SYSTEM: [(&str, u32, &str); 3] = [
    ("admins", 0, "System administrators"),
    ("operators", 999, "Service account operators"),
    ("users", 1000, "Regular users"),
];
const NOT_FOUND: Refusal = Refusal::NotThere("Group not found");

/// One group as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Group {
    pub(crate) id: String,
    pub(crate) name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    gid: Option<u32>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    description: String,
    created_at: Timestamp,
}

/// One group as the API shows it.
#[derive(Debug, Serialize)]
pub(crate) struct GroupView {
    #[serde(flatten)]
    group: Group,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    members: Vec<String>,
}

/// A member of a group as the API shows it.
#[derive(Debug, Serialize)]
pub(crate) struct MemberView {
    id: String,
    username: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    display_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<String>,
    role: &'static str,
}

/// What a request to make a group says; number 0 is none.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct NewGroup {
    name: String,
    gid: u32,
    description: String,
}

/// What a request to change a group says.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct GroupPatch {
    gid: Option<u32>,
    description: Option<String>,
}

/// All groups, oldest first.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Groups(Vec<Group>);

impl Default for Groups {
    fn default() -> Self {
        Self::first_boot(Timestamp::UNIX_EPOCH)
    }
}

impl Groups {
    /// The groups after the first boot.
    pub(crate) fn first_boot(now: Timestamp) -> Self {
        let groups = SYSTEM.into_iter().zip(super::moments(now));
        let groups = groups.map(|((name, gid, description), created_at)| Group {
            id: ids::fresh(),
            name: name.to_owned(),
            gid: Some(gid),
            description: description.to_owned(),
            created_at,
        });
        Self(groups.collect())
    }

    /// A group by its name or its id.
    pub(crate) fn get(&self, token: &str) -> Result<&Group, Refusal> {
        let by_name = self.named(token);
        by_name
            .or_else(|| self.0.iter().find(|group| group.id == token))
            .ok_or(NOT_FOUND)
    }

    fn named(&self, name: &str) -> Option<&Group> {
        self.0.iter().find(|group| group.name == name)
    }

    /// Groups that there are, each once and in order.
    pub(crate) fn known(&self, names: Vec<String>) -> Result<Vec<String>, Refusal> {
        let names: BTreeSet<_> = names.into_iter().collect();
        if names.iter().all(|name| self.named(name).is_some()) {
            Ok(names.into_iter().collect())
        } else {
            Err(Refusal::UnknownGroup)
        }
    }

    /// Whether a number is another group's.
    fn is_taken(&self, gid: Option<u32>, but: &str) -> bool {
        let mut others = self.0.iter().filter(|group| group.id != but);
        gid.is_some() && others.any(|group| group.gid == gid)
    }

    /// Makes a group.
    pub(crate) fn create(&mut self, new: NewGroup, now: Timestamp) -> Result<Group, Refusal> {
        if new.name.is_empty() {
            return Err(Refusal::unfit("Group name is required"));
        }
        let gid = Some(new.gid).filter(|gid| *gid != 0);
        if self.named(&new.name).is_some() || self.is_taken(gid, "") {
            return Err(Refusal::Taken("Group already exists"));
        }
        let group = Group {
            id: ids::fresh(),
            name: new.name,
            gid,
            description: new.description,
            created_at: now,
        };
        self.0.push(group.clone());
        Ok(group)
    }

    /// Changes a group. That a number is another's is found too late to be said.
    pub(crate) fn update(&mut self, token: &str, patch: GroupPatch) -> Result<String, Refusal> {
        let id = self.get(token)?.id.clone();
        if self.is_taken(patch.gid, &id) {
            return Err(Refusal::Failed("Internal server error"));
        }
        if let Some(group) = self.0.iter_mut().find(|group| group.id == id) {
            group.gid = patch.gid.or(group.gid);
            if let Some(description) = patch.description {
                group.description = description;
            }
        }
        Ok(id)
    }
}

impl Group {
    /// The group, as it is shown before it has members.
    pub(crate) fn view(self) -> GroupView {
        GroupView {
            group: self,
            members: Vec::new(),
        }
    }
}

impl State {
    /// All groups as the API shows them.
    pub(crate) fn group_views(&self) -> Vec<GroupView> {
        let views = self.groups.0.iter().map(|group| self.view_of(group));
        views.collect()
    }

    /// One group as the API shows it.
    pub(crate) fn group_view(&self, token: &str) -> Result<GroupView, Refusal> {
        self.groups.get(token).map(|group| self.view_of(group))
    }

    fn view_of(&self, group: &Group) -> GroupView {
        let members = self.in_group(&group.name);
        GroupView {
            group: group.clone(),
            members: members.map(|user| user.username.clone()).collect(),
        }
    }

    fn in_group(&self, name: &str) -> impl Iterator<Item = &Profile> {
        let profiles = self.users.profiles().into_iter();
        profiles.filter(move |user| user.groups.iter().any(|group| group == name))
    }

    /// Who is in a group that is named; its id does not do.
    pub(crate) fn members(&self, group: &str) -> Result<Vec<MemberView>, Refusal> {
        self.groups.named(group).ok_or(NOT_FOUND)?;
        let view = |user: &Profile| MemberView {
            id: user.id.clone(),
            username: user.username.clone(),
            display_name: user.display_name.clone(),
            email: user.email.clone(),
            role: user.role.name(),
        };
        Ok(self.in_group(group).map(view).collect())
    }

    /// Puts a user into a group.
    pub(crate) fn join_group(&mut self, group: &str, user: &str) -> Result<(), Refusal> {
        let user = self.users.named(user).ok_or(Refusal::UserNotFound)?;
        self.groups.named(group).ok_or(NOT_FOUND)?;
        if !user.groups.iter().any(|known| known == group) {
            user.groups.push(group.to_owned());
        }
        Ok(())
    }

    /// Takes a user out of a group, which need not exist.
    pub(crate) fn leave_group(&mut self, group: &str, user: &str) -> Result<(), Refusal> {
        let user = self.users.named(user).ok_or(Refusal::UserNotFound)?;
        user.groups.retain(|known| known != group);
        Ok(())
    }

    /// Forgets a group, and what it may.
    pub(crate) fn delete_group(&mut self, token: &str) -> Result<(), Refusal> {
        let group = self.groups.get(token)?.clone();
        if SYSTEM.iter().any(|(name, _, _)| *name == group.name) {
            return Err(Refusal::SystemGroup);
        }
        self.groups.0.retain(|kept| kept.id != group.id);
        self.users.leave_all(&group.name);
        let shares = self.shares.iter_mut();
        shares.for_each(|share| share.grants.forget_group(&group.id));
        Ok(())
    }
}
