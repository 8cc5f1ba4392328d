//! Groups of users, and netgroups.

use jiff::Timestamp;
use serde::Deserialize;

use super::{Answer, Answered, Call};
use crate::{
    control::Shared,
    refusal::Refusal,
    state::{
        groups::{Group, GroupPatch, NewGroup},
        netgroups::{NewMember, NewNetgroup},
    },
};

#[derive(Deserialize, Default)]
#[serde(default)]
struct Joining {
    username: String,
}

pub(super) fn answer(control: &Shared, call: &Call, segments: &[&str]) -> Answered {
    match (call.method.as_str(), segments) {
        ("GET", []) => control.read(|state| Ok(Answer::json(200, &state.group_views()))),
        ("POST", []) => {
            let new: NewGroup = call.json()?;
            let made = control.change(|state| state.groups.create(new, Timestamp::now()))?;
            Ok(Answer::json(201, &Group::view(made)))
        }
        ("GET", [name]) => {
            let view = control.read(|state| state.group_view(name))?;
            Ok(Answer::json(200, &view))
        }
        ("PUT", [name]) => {
            let patch: GroupPatch = call.json()?;
            let view = control.change(|state| {
                let id = state.groups.update(name, patch)?;
                state.group_view(&id)
            })?;
            Ok(Answer::json(200, &view))
        }
        ("DELETE", [name]) => {
            control.change(|state| state.delete_group(name))?;
            Ok(Answer::empty(204))
        }
        ("GET", [name, "members"]) => {
            let members = control.read(|state| state.members(name))?;
            Ok(Answer::json(200, &members))
        }
        ("POST", [name, "members"]) => {
            let asked: Joining = call.json()?;
            if asked.username.is_empty() {
                return Err(Refusal::UsernameRequired.into());
            }
            control.change(|state| state.join_group(name, &asked.username))?;
            Ok(Answer::empty(204))
        }
        ("DELETE", [name, "members", user]) => {
            control.change(|state| state.leave_group(name, user))?;
            Ok(Answer::empty(204))
        }
        (_, [] | [_] | [_, "members"] | [_, "members", _]) => Err(Answer::no_such_method()),
        _ => Err(Answer::no_such_path()),
    }
}

/// The same for every type of adapter, known or not.
pub(super) fn netgroups(control: &Shared, call: &Call, segments: &[&str]) -> Answered {
    match (call.method.as_str(), segments) {
        ("GET", []) => control.read(|state| Ok(Answer::json(200, &state.netgroups.all()))),
        ("POST", []) => {
            let new: NewNetgroup = call.json()?;
            let made = control.change(|state| state.netgroups.create(new, Timestamp::now()))?;
            Ok(Answer::json(201, &made))
        }
        ("GET", [name]) => {
            let group = control.read(|state| state.netgroups.get(name).cloned())?;
            Ok(Answer::json(200, &group))
        }
        ("DELETE", [name]) => {
            control.change(|state| state.delete_netgroup(name))?;
            Ok(Answer::empty(204))
        }
        ("POST", [name, "members"]) => {
            let new: NewMember = call.json()?;
            let member = control.change(|state| state.netgroups.add(name, new))?;
            Ok(Answer::json(201, &member))
        }
        ("DELETE", [name, "members", id]) => {
            control.change(|state| state.netgroups.take(name, id))?;
            Ok(Answer::empty(204))
        }
        (_, [] | [_] | [_, "members"] | [_, "members", _]) => Err(Answer::no_such_method()),
        _ => Err(Answer::no_such_path()),
    }
}
