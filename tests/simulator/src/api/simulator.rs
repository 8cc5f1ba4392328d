//! The simulator's own endpoints, which the real server has not: faults, counts, and what is
//! configured.

use serde_json::json;

use super::{Access, Answer, Answered, Call, caller};
use crate::{control::Shared, faults::Faults, refusal::Refusal};

pub(super) fn answer(control: &Shared, call: &Call, rest: &[&str]) -> Answered {
    caller(control, call, Access::Admin)?;
    match (call.method.as_str(), rest) {
        ("GET", ["faults"]) => Ok(Answer::json(200, &*control.faults())),
        ("PUT", ["faults"]) => {
            let faults: Faults = serde_json::from_slice(&call.body)
                .map_err(|error| Refusal::InvalidFaults(error.to_string()))?;
            *control.faults() = faults;
            Ok(Answer::empty(204))
        }
        ("DELETE", ["faults"]) => {
            *control.faults() = Faults::default();
            Ok(Answer::empty(204))
        }
        ("GET", ["config"]) => Ok(Answer::json(200, &control.settings.shown)),
        ("GET", ["requests"]) => Ok(Answer::json(
            200,
            &json!({ "requests": *control.requests() }),
        )),
        ("DELETE", ["requests"]) => {
            control.requests().clear();
            Ok(Answer::empty(204))
        }
        _ => Err(Answer::no_such_path()),
    }
}
