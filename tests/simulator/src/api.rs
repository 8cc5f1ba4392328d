//! The REST API: which request goes to which handler, and who may send it.

mod adapters;
mod answer;
mod auth;
mod guard;
mod health;
mod play;
mod users;

use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde_json::json;

pub(crate) use answer::Answer;
use guard::{Access, admit};

use crate::{control::Shared, refusal::Refusal, token::Claims};

/// One request, read to its end.
pub(crate) struct Call {
    pub(crate) method: String,
    /// Without the query.
    pub(crate) path: String,
    pub(crate) authorization: Option<String>,
    pub(crate) body: Vec<u8>,
}

impl Call {
    fn json<T: DeserializeOwned>(&self) -> Result<T, Refusal> {
        serde_json::from_slice(&self.body).map_err(|_| Refusal::InvalidBody)
    }
}

/// Answers one request truthfully.
pub(crate) async fn answer(control: &Shared, call: &Call) -> Answer {
    let segments: Vec<&str> = call.path.trim_matches('/').split('/').collect();
    let answered = match segments.as_slice() {
        ["health", rest @ ..] => health::answer(control, call, rest),
        ["simulator", rest @ ..] => play::answer(control, call, rest),
        ["api", "v1", rest @ ..] => versioned(control, call, rest).await,
        _ => Err(Answer::no_such_path()),
    };
    answered.unwrap_or_else(|refused| refused)
}

/// Both sides are answers: `Err` is the one that ends the handling early.
type Answered = Result<Answer, Answer>;

async fn versioned(control: &Shared, call: &Call, segments: &[&str]) -> Answered {
    let method = call.method.as_str();
    match (method, segments) {
        ("POST", ["auth", "login"]) => Ok(auth::login(control, call)?),
        ("POST", ["auth", "refresh"]) => Ok(auth::refresh(control, call)?),
        ("GET", ["auth", "me"]) => Ok(auth::me(control, &caller(control, call, Access::Anyone)?)?),
        ("POST", ["users", "me", "password"]) => {
            let caller = caller(control, call, Access::Anyone)?;
            Ok(users::change_own_password(control, call, &caller)?)
        }
        ("GET", ["users", name]) => {
            let caller = caller(control, call, Access::Anyone)?;
            Ok(users::get(control, name, &caller)?)
        }
        ("GET", ["adapters", "ports"]) => {
            caller(control, call, Access::Anyone)?;
            Ok(adapters::ports(control))
        }
        ("GET", ["adapters"]) => {
            caller(control, call, Access::Staff)?;
            Ok(adapters::list(control))
        }
        (
            _,
            [
                "users" | "adapters" | "shares" | "store" | "system" | "groups",
                ..,
            ],
        ) => {
            caller(control, call, Access::Admin)?;
            for_admins(control, call, segments).await
        }
        _ => Err(Answer::no_such_path()),
    }
}

async fn for_admins(control: &Shared, call: &Call, segments: &[&str]) -> Answered {
    match (call.method.as_str(), segments) {
        ("GET", ["users"]) => Ok(users::list(control)),
        ("POST", ["users"]) => Ok(users::create(control, call)?),
        ("PUT", ["users", name]) => Ok(users::update(control, call, name)?),
        ("DELETE", ["users", name]) => Ok(users::delete(control, name)?),
        ("POST", ["users", name, "password"]) => Ok(users::reset_password(control, call, name)?),
        ("POST", ["adapters"]) => adapters::create(control, call).await,
        ("GET", ["adapters", kind]) => Ok(adapters::get(control, kind)?),
        ("PUT", ["adapters", kind]) => adapters::update(control, call, kind).await,
        ("DELETE", ["adapters", kind]) => adapters::delete(control, kind).await,
        ("GET", ["adapters", kind, "settings"]) => Ok(adapters::settings(control, kind)?),
        // The only fact about shares that the simulator plays: there are none.
        ("GET", ["shares"]) => Ok(Answer::json(200, &json!([]))),
        (_, ["users" | "adapters", ..]) => Err(Answer::no_such_method()),
        (_, segments) => Err(Refusal::NotSimulated(segments.join("/")).into()),
    }
}

fn caller(control: &Shared, call: &Call, access: Access) -> Result<Claims, Answer> {
    admit(&control.signer, call, access, Timestamp::now())
}
