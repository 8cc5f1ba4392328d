//! Who may use a share.

use super::{
    super::{Answer, Answered, Call},
    not_root,
};
use crate::{
    control::Shared,
    refusal::Refusal,
    state::shares::grants::{self, Level, SidLevel},
};

pub(super) fn answer(control: &Shared, call: &Call, name: &str, rest: &[&str]) -> Answered {
    let method = call.method.as_str();
    match (method, rest) {
        ("GET", []) => {
            not_root(name)?;
            let grants = control.read(|state| state.grants(name))?;
            Ok(Answer::json(200, &grants))
        }
        ("PUT" | "DELETE", [kind @ ("users" | "groups" | "sids"), whom]) => {
            not_root(name)?;
            let sid = match *kind {
                "sids" => grants::sid(whom)?,
                _ => String::new(),
            };
            if method == "PUT" {
                grant(control, call, name, kind, whom, sid)?;
            } else {
                control.change(|state| {
                    match *kind {
                        "users" => state.revoke_user(name, whom),
                        "groups" => state.revoke_group(name, whom),
                        _ => state.revoke_sid(name, &sid),
                    }
                    Ok(())
                })?;
            }
            Ok(Answer::empty(204))
        }
        (_, [] | ["users" | "groups" | "sids", _]) => Err(Answer::no_such_method()),
        _ => Err(Answer::no_such_path()),
    }
}

fn grant(
    control: &Shared,
    call: &Call,
    name: &str,
    kind: &str,
    whom: &str,
    sid: String,
) -> Result<(), Refusal> {
    if kind == "sids" {
        let level: SidLevel = call.json()?;
        level.check()?;
        return control.change(|state| state.grant_sid(name, sid, level));
    }
    let level: Level = call.json()?;
    level.check()?;
    control.change(|state| match kind {
        "users" => state.grant_user(name, whom, level),
        _ => state.grant_group(name, whom, level),
    })
}
