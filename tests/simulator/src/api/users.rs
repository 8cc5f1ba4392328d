//! Users.

use jiff::Timestamp;
use serde::Deserialize;

use super::{Answer, Call, auth::grant};
use crate::{
    control::Shared,
    refusal::Refusal,
    state::users::{ADMIN, NewUser, UserPatch},
    token::Claims,
};

#[derive(Deserialize, Default)]
#[serde(default)]
struct PasswordChange {
    current_password: String,
    new_password: String,
}

/// Whether there is such a route below the users. Who asks for another need not be an admin.
pub(super) fn is_route(method: &str, rest: &[&str]) -> bool {
    matches!(
        (method, rest),
        ("GET" | "POST", []) | ("GET" | "PUT" | "DELETE", [_]) | ("POST", [_, "password"])
    )
}

pub(super) fn list(control: &Shared) -> Answer {
    control.read(|state| Answer::json(200, &state.users.profiles()))
}

pub(super) fn get(control: &Shared, name: &str, caller: &Claims) -> Result<Answer, Refusal> {
    if caller.role != ADMIN && caller.username != name {
        return Err(Refusal::NotYours);
    }
    control.read(|state| {
        let profile = state.users.profile(name).ok_or(Refusal::UserNotFound)?;
        Ok(Answer::json(200, profile))
    })
}

pub(super) fn create(control: &Shared, call: &Call) -> Result<Answer, Refusal> {
    let new: NewUser = call.json()?;
    let made = control.change(|state| state.create_user(new, Timestamp::now()))?;
    Ok(Answer::json(201, &made))
}

/// In three steps, each of which stays when a later one is refused.
pub(super) fn update(control: &Shared, call: &Call, name: &str) -> Result<Answer, Refusal> {
    let patch: UserPatch = call.json()?;
    let id = control.change(|state| state.users.update(name, &patch))?;
    if let Some(groups) = patch.groups {
        control.change(|state| state.regroup_user(name, groups))?;
    }
    if let Some(permissions) = patch.share_permissions {
        control.change(|state| {
            state.permit(&id, permissions);
            Ok(())
        })?;
    }
    control.read(|state| {
        let profile = state.users.profile(&id).ok_or(Refusal::UserNotFound)?;
        Ok(Answer::json(200, profile))
    })
}

pub(super) fn delete(control: &Shared, name: &str) -> Result<Answer, Refusal> {
    control.change(|state| state.delete_user(name))?;
    Ok(Answer::empty(204))
}

pub(super) fn reset_password(control: &Shared, call: &Call, name: &str) -> Result<Answer, Refusal> {
    let asked: PasswordChange = call.json()?;
    control.change(|state| state.users.reset_password(name, &asked.new_password))?;
    Ok(Answer::empty(204))
}

pub(super) fn change_own_password(
    control: &Shared,
    call: &Call,
    caller: &Claims,
) -> Result<Answer, Refusal> {
    let asked: PasswordChange = call.json()?;
    let user = control.change(|state| {
        let users = &mut state.users;
        users.change_own_password(
            &caller.username,
            &asked.current_password,
            &asked.new_password,
        )
    })?;
    Ok(grant(control, user))
}
