//! The REST API: which request goes to which handler, and who may send it.

mod adapters;
mod answer;
mod auth;
mod given;
mod groups;
mod guard;
mod health;
mod providers;
mod shares;
mod simulator;
mod stores;
mod users;

use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

pub(crate) use answer::Answer;
use given::said;
use guard::{Access, admit};

use crate::{control::Shared, refusal::Refusal, state::go, token::Claims};

/// What only admins see, but for what is said of single paths.
const SECTIONS: [&str; 15] = [
    "users",
    "adapters",
    "shares",
    "store",
    "groups",
    "snapshot-policies",
    "identity-providers",
    "blockstore",
    "system",
    "settings",
    "clients",
    "mounts",
    "durable-handles",
    "identity-mappings",
    "sid-mappings",
];

/// One request, read to its end.
pub(crate) struct Call {
    pub(crate) method: String,
    /// Without the query.
    pub(crate) path: String,
    pub(crate) authorization: Option<String>,
    pub(crate) body: Vec<u8>,
}

impl Call {
    /// Read as the server reads it: the first value counts, null says nothing, and keys may be
    /// written in capitals.
    fn json<T: DeserializeOwned>(&self) -> Result<T, Refusal> {
        let mut values = serde_json::Deserializer::from_slice(&self.body).into_iter::<Value>();
        let given = match values.next() {
            Some(Ok(Value::Object(given))) => given,
            Some(Ok(Value::Null)) => Map::new(),
            _ => return Err(Refusal::InvalidBody),
        };
        decoded(given).ok_or(Refusal::InvalidBody)
    }

    /// The same where a body may be left out, and what is wrong with it is told.
    fn optional_json<T: DeserializeOwned>(&self, wanted: &go::Struct) -> Result<T, Refusal> {
        let text = String::from_utf8_lossy(&self.body);
        let given = wanted.read(text.trim());
        let given = given.map_err(|why| Refusal::unfit(format!("invalid request body: {why}")))?;
        decoded(given).ok_or(Refusal::InvalidBody)
    }
}

fn decoded<T: DeserializeOwned>(given: Map<String, Value>) -> Option<T> {
    serde_json::from_value(said(given)).ok()
}

/// Answers one request truthfully.
pub(crate) async fn answer(control: &Shared, call: &Call) -> Answer {
    let path = go::routed(&call.path);
    let segments: Vec<&str> = path.trim_matches('/').split('/').collect();
    if call.path.len() > 1 && call.path.ends_with('/') && !may_end_in_a_slash(&segments) {
        let refused = section(&segments).and_then(|access| caller(control, call, access).err());
        return refused.unwrap_or_else(Answer::no_such_path);
    }
    let answered = match segments.as_slice() {
        // It leads on to /health.
        [""] if call.method == "GET" => health::answer(control, call, &[]),
        ["health", rest @ ..] => health::answer(control, call, rest),
        ["simulator", rest @ ..] => simulator::answer(control, call, rest),
        ["api", "v1", rest @ ..] => versioned(control, call, rest).await,
        _ => Err(Answer::no_such_path()),
    };
    answered.unwrap_or_else(|refused| refused)
}

/// Where the server has a section of paths, its root may be written either way.
fn may_end_in_a_slash(segments: &[&str]) -> bool {
    match segments {
        ["health"] => true,
        ["api", "v1", rest @ ..] => matches!(
            rest,
            ["users"
                | "adapters"
                | "shares"
                | "groups"
                | "snapshot-policies"
                | "identity-providers"]
                | ["users", "me", "password"]
                | ["adapters", _]
                | ["adapters", _, "settings" | "netgroups"]
                | ["store", "metadata"]
                | ["store", "block", _]
                | ["shares", _, "snapshots" | "snapshot-policy" | "trash"]
                | ["shares", _, "adapters", "nfs", "config"]
        ),
        _ => false,
    }
}

/// Who may see which paths there are, where this is asked before they are looked for.
fn section(segments: &[&str]) -> Option<Access> {
    match segments {
        ["api", "v1", "users", _, ..] => Some(Access::Anyone),
        ["api", "v1", section, ..] if SECTIONS.contains(section) => Some(Access::Admin),
        _ => None,
    }
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
        (_, ["auth", "login" | "refresh"]) => Err(Answer::no_such_method()),
        // With a slash at its end it is an adapter of that name, which there is not.
        ("GET", ["adapters", "ports"]) if !call.path.ends_with('/') => {
            caller(control, call, Access::Anyone)?;
            Ok(adapters::ports(control))
        }
        ("GET", ["adapters"]) => {
            caller(control, call, Access::Staff)?;
            Ok(adapters::list(control))
        }
        (_, ["users", rest @ ..]) if !users::is_route(method, rest) => {
            caller(control, call, Access::Anyone)?;
            Err(match rest {
                [] | [_] | [_, "password"] => Answer::no_such_method(),
                _ => Answer::no_such_path(),
            })
        }
        (_, [section, ..]) if SECTIONS.contains(section) => {
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
        (_, ["adapters", _, "netgroups", rest @ ..]) => groups::netgroups(control, call, rest),
        (_, ["shares", rest @ ..]) => shares::answer(control, call, rest),
        (_, ["store", rest @ ..]) => stores::answer(control, call, rest),
        (_, ["groups", rest @ ..]) => groups::answer(control, call, rest),
        (_, ["identity-providers", rest @ ..]) => providers::answer(control, call, rest),
        ("GET", ["snapshot-policies"]) => Ok(shares::policies(control)),
        (_, ["adapters" | "snapshot-policies"] | ["adapters", _]) => Err(Answer::no_such_method()),
        (
            _,
            [
                "adapters",
                _,
                "settings" | "status" | "mounts" | "identity-mappings",
                ..,
            ],
        ) => Err(Refusal::NotSimulated(segments.join("/")).into()),
        (_, ["adapters" | "snapshot-policies", ..]) => Err(Answer::no_such_path()),
        (_, segments) => Err(Refusal::NotSimulated(segments.join("/")).into()),
    }
}

/// A moment without the fraction of its second, as the server writes some.
fn whole(at: Timestamp) -> Timestamp {
    Timestamp::from_second(at.as_second()).unwrap_or(at)
}

fn caller(control: &Shared, call: &Call, access: Access) -> Result<Claims, Answer> {
    admit(&control.signer, call, access, Timestamp::now())
}
