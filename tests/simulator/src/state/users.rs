//! Users and their passwords.

mod changes;
mod role;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub(crate) use role::{ADMIN, OPERATOR, Role};

use super::{groups::Groups, password::PasswordHash};
use crate::{ids, refusal::Refusal};

/// One user as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct User {
    #[serde(flatten)]
    pub(crate) profile: Profile,
    password: PasswordHash,
}

/// One user as the API shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Profile {
    pub(crate) id: String,
    pub(crate) username: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) display_name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) email: Option<String>,
    pub(crate) role: Role,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) uid: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) gid: Option<u32>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) groups: Vec<String>,
    pub(crate) enabled: bool,
    pub(crate) must_change_password: bool,
    created_at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    last_login: Option<Timestamp>,
}

/// What a request to create a user says.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct NewUser {
    username: String,
    password: String,
    role: String,
    display_name: Option<String>,
    email: Option<String>,
    uid: Option<u32>,
    gid: Option<u32>,
    groups: Vec<String>,
    /// Read and of no effect: every new user is enabled.
    enabled: Option<bool>,
    /// By the names of shares as they are stored; what does not fit is left out without a word.
    share_permissions: BTreeMap<String, String>,
}

/// What a request to change a user says.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct UserPatch {
    role: Option<String>,
    display_name: Option<String>,
    email: Option<String>,
    uid: Option<u32>,
    gid: Option<u32>,
    /// Stored after the rest, which stays stored when it is refused.
    pub(crate) groups: Option<Vec<String>>,
    enabled: Option<bool>,
    /// See [`NewUser`].
    pub(crate) share_permissions: Option<BTreeMap<String, String>>,
}

/// The user that the first boot makes.
#[derive(Clone, Copy)]
pub(crate) struct FirstAdmin<'a> {
    pub(crate) password: &'a str,
    pub(crate) must_change_password: bool,
}

/// All users, oldest first.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Users(Vec<User>);

impl Users {
    /// The users after the first boot: one admin.
    pub(crate) fn first_boot(admin: FirstAdmin<'_>, now: Timestamp) -> Result<Self, Refusal> {
        let profile = Profile {
            id: ids::fresh(),
            username: ADMIN.to_owned(),
            display_name: Some("Administrator".to_owned()),
            email: None,
            role: Role::Admin,
            uid: Some(0),
            gid: None,
            groups: vec!["admins".to_owned()],
            enabled: true,
            must_change_password: admin.must_change_password,
            created_at: now,
            last_login: None,
        };
        Ok(Self(vec![User {
            profile,
            password: PasswordHash::new(admin.password)?,
        }]))
    }

    /// All users as the API shows them.
    pub(crate) fn profiles(&self) -> Vec<&Profile> {
        self.0.iter().map(|user| &user.profile).collect()
    }

    /// One user as the API shows it, found by name or id.
    pub(crate) fn profile(&self, token: &str) -> Option<&Profile> {
        let found = self.0.iter().find(|user| is(user, token));
        found.map(|user| &user.profile)
    }

    /// Adds a user. One of role `admin` must set its own password first.
    fn create(&mut self, new: NewUser, known: &Groups, now: Timestamp) -> Result<Profile, Refusal> {
        if new.username.is_empty() {
            return Err(Refusal::UsernameRequired);
        }
        if new.password.is_empty() {
            return Err(Refusal::PasswordRequired);
        }
        // In the server's order: it hashes before it looks at the role or at the other users.
        let password = PasswordHash::new(&new.password)?;
        let role = Role::parse(&new.role)?;
        let groups = known.known(new.groups)?;
        let taken = |user: &User| {
            let profile = &user.profile;
            profile.username == new.username || new.uid.is_some() && profile.uid == new.uid
        };
        if self.0.iter().any(taken) {
            return Err(Refusal::UserExists);
        }
        let profile = Profile {
            id: ids::fresh(),
            username: new.username,
            display_name: new.display_name.filter(|name| !name.is_empty()),
            email: new.email.filter(|email| !email.is_empty()),
            role,
            uid: new.uid,
            gid: new.gid,
            groups,
            enabled: true,
            must_change_password: role == Role::Admin,
            created_at: now,
            last_login: None,
        };
        self.0.push(User {
            profile: profile.clone(),
            password,
        });
        Ok(profile)
    }

    /// Changes what is named of a user, found by name or id, but for its groups and permissions.
    pub(crate) fn update(&mut self, token: &str, patch: &UserPatch) -> Result<String, Refusal> {
        let found = self.0.iter().position(|user| is(user, token));
        let place = found.ok_or(Refusal::UserNotFound)?;
        let role = match patch.role.as_deref() {
            // An empty one is none, unlike at creation.
            Some("") => return Err(Refusal::UnknownRole),
            Some(role) => Role::parse(role)?,
            None => self.0[place].profile.role,
        };
        let mut others = self
            .0
            .iter()
            .enumerate()
            .filter(|(other, _)| *other != place);
        // Found too late to be said.
        if patch.uid.is_some() && others.any(|(_, user)| user.profile.uid == patch.uid) {
            return Err(Refusal::Failed("Failed to update user"));
        }
        let profile = &mut self.0[place].profile;
        profile.role = role;
        let said = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
        if let Some(name) = &patch.display_name {
            profile.display_name = said(name);
        }
        if let Some(email) = &patch.email {
            profile.email = said(email);
        }
        profile.enabled = patch.enabled.unwrap_or(profile.enabled);
        profile.uid = patch.uid.or(profile.uid);
        profile.gid = patch.gid.or(profile.gid);
        Ok(profile.id.clone())
    }

    /// Takes a user away, found by name or id. Tokens that are out stay good.
    fn delete(&mut self, token: &str) -> Result<User, Refusal> {
        let found = self.0.iter().position(|user| is(user, token));
        let index = found.ok_or(Refusal::UserNotFound)?;
        if self.0[index].profile.username == ADMIN {
            return Err(Refusal::AdminIsForever);
        }
        Ok(self.0.remove(index))
    }

    /// One user, found by its name only.
    pub(crate) fn named(&mut self, username: &str) -> Option<&mut Profile> {
        self.find_mut(username).map(|user| &mut user.profile)
    }

    /// Takes everybody out of a group.
    pub(crate) fn leave_all(&mut self, group: &str) {
        for user in &mut self.0 {
            user.profile.groups.retain(|known| known != group);
        }
    }

    /// Checks a name and a password and notes the time.
    pub(crate) fn login(
        &mut self,
        username: &str,
        password: &str,
        now: Timestamp,
    ) -> Result<Profile, Refusal> {
        if username.is_empty() || password.is_empty() {
            return Err(Refusal::CredentialsRequired);
        }
        let user = self.find_mut(username).ok_or(Refusal::WrongCredentials)?;
        if !user.profile.enabled {
            return Err(Refusal::UserDisabled);
        }
        if !user.password.matches(password) {
            return Err(Refusal::WrongCredentials);
        }
        user.profile.last_login = Some(now);
        Ok(user.profile.clone())
    }

    /// An admin sets somebody's password; if that somebody is an admin, it must be changed again.
    pub(crate) fn reset_password(&mut self, username: &str, new: &str) -> Result<(), Refusal> {
        if new.is_empty() {
            return Err(Refusal::NewPasswordRequired);
        }
        self.profile(username).ok_or(Refusal::UserNotFound)?;
        let password = PasswordHash::new(new)?;
        // The server finds the user by its id, too, and then changes nobody of that name.
        let user = self.find_mut(username).ok_or(Refusal::PasswordNotUpdated)?;
        user.password = password;
        user.profile.must_change_password = user.profile.role == Role::Admin;
        Ok(())
    }

    /// A user sets its own password. Whoever must do so need not give the old one.
    pub(crate) fn change_own_password(
        &mut self,
        username: &str,
        current: &str,
        new: &str,
    ) -> Result<Profile, Refusal> {
        if new.is_empty() {
            return Err(Refusal::NewPasswordRequired);
        }
        let user = self.find_mut(username).ok_or(Refusal::CallerGone)?;
        if !user.profile.must_change_password {
            if current.is_empty() {
                return Err(Refusal::CurrentPasswordRequired);
            }
            if !user.password.matches(current) {
                return Err(Refusal::WrongCurrentPassword);
            }
        }
        user.password = PasswordHash::new(new)?;
        user.profile.must_change_password = false;
        Ok(user.profile.clone())
    }

    fn find_mut(&mut self, username: &str) -> Option<&mut User> {
        self.0
            .iter_mut()
            .find(|user| user.profile.username == username)
    }
}

fn is(user: &User, token: &str) -> bool {
    user.profile.username == token || user.profile.id == token
}

#[cfg(test)]
mod tests;
