//! Users and their passwords.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::password::PasswordHash;
use crate::{ids, refusal::Refusal};

/// What a user may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Role {
    User,
    Operator,
    Admin,
}

impl Role {
    fn parse(text: &str) -> Result<Self, Refusal> {
        match text {
            "" | "user" => Ok(Self::User),
            "operator" => Ok(Self::Operator),
            "admin" => Ok(Self::Admin),
            _ => Err(Refusal::UnknownRole),
        }
    }
}

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
    display_name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    email: Option<String>,
    pub(crate) role: Role,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    uid: Option<u32>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    groups: Vec<String>,
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
    enabled: Option<bool>,
}

/// What a request to change a user says.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct UserChange {
    role: Option<String>,
    enabled: Option<bool>,
}

/// The user that the first boot makes.
pub(crate) struct FirstAdmin<'a> {
    pub(crate) username: &'a str,
    pub(crate) email: Option<String>,
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
            username: admin.username.to_owned(),
            display_name: Some("Administrator".to_owned()),
            email: admin.email,
            role: Role::Admin,
            uid: Some(0),
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

    /// One user as the API shows it.
    pub(crate) fn profile(&self, username: &str) -> Option<&Profile> {
        self.find(username).map(|user| &user.profile)
    }

    /// Adds a user. One of role `admin` must set its own password first.
    pub(crate) fn create(&mut self, new: NewUser, now: Timestamp) -> Result<Profile, Refusal> {
        if new.username.is_empty() {
            return Err(Refusal::UsernameRequired);
        }
        if new.password.is_empty() {
            return Err(Refusal::PasswordRequired);
        }
        // In the server's order: it hashes before it looks at the role or at the other users.
        let password = PasswordHash::new(&new.password)?;
        let role = Role::parse(&new.role)?;
        if self.find(&new.username).is_some() {
            return Err(Refusal::UserExists);
        }
        let profile = Profile {
            id: ids::fresh(),
            username: new.username,
            display_name: new.display_name.filter(|name| !name.is_empty()),
            email: new.email.filter(|email| !email.is_empty()),
            role,
            uid: new.uid,
            groups: Vec::new(),
            enabled: new.enabled.unwrap_or(true),
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

    /// Changes what a request names of a user. A new role brings no duty to change the password.
    pub(crate) fn update(
        &mut self,
        username: &str,
        change: UserChange,
    ) -> Result<Profile, Refusal> {
        let user = self.find_mut(username).ok_or(Refusal::UserNotFound)?;
        if let Some(role) = change.role {
            user.profile.role = match Role::parse(&role)? {
                _ if role.is_empty() => return Err(Refusal::UnknownRole),
                role => role,
            };
        }
        if let Some(enabled) = change.enabled {
            user.profile.enabled = enabled;
        }
        Ok(user.profile.clone())
    }

    /// Takes a user away. Tokens that are out stay good.
    pub(crate) fn delete(&mut self, username: &str) -> Result<(), Refusal> {
        if username == "admin" {
            return Err(Refusal::AdminIsForever);
        }
        let before = self.0.len();
        self.0.retain(|user| user.profile.username != username);
        if self.0.len() == before {
            return Err(Refusal::UserNotFound);
        }
        Ok(())
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
        // In the server's order: somebody who is switched off is told so, whatever the password.
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
        let user = self.find_mut(username).ok_or(Refusal::UserNotFound)?;
        user.password = PasswordHash::new(new)?;
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

    fn find(&self, username: &str) -> Option<&User> {
        self.0.iter().find(|user| user.profile.username == username)
    }

    fn find_mut(&mut self, username: &str) -> Option<&mut User> {
        self.0
            .iter_mut()
            .find(|user| user.profile.username == username)
    }
}

#[cfg(test)]
mod tests;
