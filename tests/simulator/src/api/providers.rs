//! Identity providers.

use serde_json::json;

use super::{Answer, Answered, Call};
use crate::{
    control::Shared,
    refusal::Refusal,
    state::providers::{kerberos::Kerberos, ldap::Ldap},
};

const NOT_CONFIGURED: Refusal = Refusal::NotThere("Identity provider not configured");
const UNKNOWN: Refusal = Refusal::NotThere("Unknown identity provider type");

pub(super) fn answer(control: &Shared, call: &Call, segments: &[&str]) -> Answered {
    match (call.method.as_str(), segments) {
        ("GET", []) => control.read(|state| Ok(Answer::json(200, &state.providers.list()))),
        ("GET", ["ldap", "config"]) => Ok(ldap(control)?),
        ("GET", ["kerberos", "config"]) => Ok(kerberos(control)?),
        ("PUT", ["ldap", "config"]) => {
            let asked: Ldap = call.json()?;
            control.change(|state| state.providers.set_ldap(asked))?;
            Ok(ldap(control)?)
        }
        ("PUT", ["kerberos", "config"]) => {
            let asked: Kerberos = call.json()?;
            control.change(|state| state.providers.set_kerberos(asked))?;
            Ok(Answer {
                apply: Some("restart-required".to_owned()),
                ..kerberos(control)?
            })
        }
        ("POST", ["ldap", "test"]) => {
            let asked: Ldap = call.json()?;
            let judged = control.read(|state| state.providers.judge_ldap(asked));
            Ok(tested(judged)?)
        }
        ("POST", ["kerberos", "test"]) => {
            let asked: Kerberos = call.json()?;
            Ok(tested(asked.test())?)
        }
        ("GET" | "PUT", [_, "config"]) | ("POST", [_, "test"]) => Err(UNKNOWN.into()),
        (_, [] | [_, "config" | "test"]) => Err(Answer::no_such_method()),
        _ => Err(Answer::no_such_path()),
    }
}

fn ldap(control: &Shared) -> Result<Answer, Refusal> {
    let ldap = control.read(|state| state.providers.ldap());
    Ok(Answer::json(200, &ldap.ok_or(NOT_CONFIGURED)?))
}

fn kerberos(control: &Shared) -> Result<Answer, Refusal> {
    let kerberos = control.read(|state| state.providers.kerberos());
    Ok(Answer::json(200, &kerberos.ok_or(NOT_CONFIGURED)?))
}

/// What a test finds before it would have to reach anything.
fn tested(judged: Result<(), String>) -> Result<Answer, Refusal> {
    let Err(message) = judged else {
        let what = "reaching an identity provider";
        return Err(Refusal::NotSimulated(what.to_owned()));
    };
    let found = json!({"ok": false, "stage": "validate", "message": message});
    Ok(Answer::json(200, &found))
}
