//! What goes wrong between a server and its published state.

use dittofs_simulator::Fault;
use serde_json::json;

/// What the sidecar asks for in every poll.
pub const PORTS: &str = "/api/v1/adapters/ports";
const EVERYTHING: &str = "/api/v1";

/// Something that goes wrong.
#[derive(Clone, Debug)]
pub enum Trouble {
    /// The server answers so to requests whose path begins so. `true`: the sidecar must say that something is wrong.
    Answer(&'static str, Fault, bool),
    /// Somebody does this to the published state.
    State(Damage),
}

/// What is done to ConfigMap `{name}-adapters`.
#[derive(Clone, Copy, Debug)]
pub enum Damage {
    Deleted,
    DataDeleted,
    Emptied,
    OtherSchema,
    WrongTypes,
    Oversize,
    Binary,
    WithoutLabels,
    MadeBySomebodyElse,
}

fn status(code: u16, body: &str) -> Fault {
    Fault::Status {
        code,
        body: body.to_owned(),
        content_type: Some("application/json".to_owned()),
    }
}

/// All of them.
pub fn troubles() -> Vec<Trouble> {
    let mut all = Vec::new();
    for path in [PORTS, EVERYTHING] {
        let codes = [
            301, 400, 401, 403, 404, 405, 409, 418, 429, 500, 502, 503, 504,
        ];
        let refused = codes.map(|code| status(code, ""));
        let bodies = [
            status(200, "null"),
            status(200, "{}"),
            status(200, "[[]]"),
            status(200, "[{\"type\":7}]"),
            status(200, "<html><title>Sign in</title></html>"),
            status(200, &"[".repeat(100_000)),
            status(200, &format!("[{}]", "{},".repeat(4_000_000))),
            status(403, "{\"title\":\"Forbidden\",\"status\":\"?\"}"),
        ];
        let others = [
            Fault::Hang,
            Fault::Close,
            Fault::Half,
            Fault::Garbage,
            Fault::Empty,
        ];
        let faults = refused.into_iter().chain(bodies).chain(others);
        // Of all paths, those for tokens are the first to be asked: the token that is there is good for a while.
        all.extend(faults.map(|fault| Trouble::Answer(path, fault, true)));
    }
    let nfs = json!({"type": "nfs", "port": 12049, "enabled": true, "running": true});
    let lists = [
        (json!([nfs, nfs]), true),
        (
            json!([{"type": "nfs", "port": "12049", "enabled": true, "running": true}]),
            true,
        ),
        (
            json!([{"type": "nfs", "port": 12049.5, "enabled": true, "running": true}]),
            true,
        ),
        (
            json!([{"type": "nfs", "port": 12049, "enabled": null, "running": true}]),
            true,
        ),
        (
            json!([{"type": "", "port": 12049, "enabled": true, "running": true}]),
            false,
        ),
        // For less than the hold.
        (json!([]), false),
    ];
    all.extend(lists.into_iter().map(|(list, is_wrong)| {
        let adapters = list.as_array().cloned().unwrap_or_default();
        Trouble::Answer(PORTS, Fault::List { adapters }, is_wrong)
    }));
    let damages = [
        Damage::Deleted,
        Damage::DataDeleted,
        Damage::Emptied,
        Damage::OtherSchema,
        Damage::WrongTypes,
        Damage::Oversize,
        Damage::Binary,
        Damage::WithoutLabels,
        Damage::MadeBySomebodyElse,
    ];
    all.extend(damages.map(Trouble::State));
    all
}
