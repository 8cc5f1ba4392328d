//! Changes of users that touch groups and shares as well.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{
    super::{State, shares::grants::is_level},
    NewUser, Profile,
};
use crate::refusal::Refusal;

impl State {
    /// Adds a user with its groups and permissions.
    pub(crate) fn create_user(&mut self, new: NewUser, now: Timestamp) -> Result<Profile, Refusal> {
        let permissions = new.share_permissions.clone();
        let made = self.users.create(new, &self.groups, now)?;
        self.permit(&made.id, permissions);
        Ok(made)
    }

    /// Puts a user into these groups and no others. It is found by its name only.
    pub(crate) fn regroup_user(
        &mut self,
        username: &str,
        groups: Vec<String>,
    ) -> Result<(), Refusal> {
        let user = self.users.named(username);
        let user = user.ok_or(Refusal::Failed("Failed to update user groups"))?;
        user.groups = self.groups.known(groups)?;
        Ok(())
    }

    /// Grants a user what fits of these permissions.
    pub(crate) fn permit(&mut self, id: &str, permissions: BTreeMap<String, String>) {
        for (share, level) in permissions {
            if is_level(&level)
                && let Ok(share) = self.shares.get_mut(&share)
            {
                share.grants.grant_user(id, level);
            }
        }
    }

    /// Forgets a user, and what it may.
    pub(crate) fn delete_user(&mut self, token: &str) -> Result<(), Refusal> {
        let gone = self.users.delete(token)?;
        let shares = self.shares.iter_mut();
        shares.for_each(|share| share.grants.forget_user(&gone.profile.id));
        Ok(())
    }
}
