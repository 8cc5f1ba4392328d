//! Liveness and readiness; open to everyone.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Answer, Answered, Call, whole};
use crate::{config::whole_seconds, control::Shared, state::adapters::Adapter};

pub(super) fn answer(control: &Shared, call: &Call, rest: &[&str]) -> Answered {
    if call.method != "GET" {
        return Err(Answer::no_such_method());
    }
    let data = match rest {
        [] => live(control),
        ["ready"] => ready(control),
        _ => return Err(Answer::no_such_path()),
    };
    let now = Timestamp::now();
    Ok(Answer::json(
        200,
        &json!({ "status": "healthy", "timestamp": now, "data": data }),
    ))
}

fn live(control: &Shared) -> Value {
    let uptime = Timestamp::now()
        .duration_since(control.started_at)
        .unsigned_abs()
        .as_secs();
    json!({
        "control_plane_db": "reachable",
        "service": "dittofs",
        "started_at": whole(control.started_at),
        "uptime": whole_seconds(uptime),
        "uptime_sec": uptime,
    })
}

fn ready(control: &Shared) -> Value {
    let (types, stores, shares) = control.read(|state| {
        let running = state.adapters.iter().filter(|adapter| adapter.running());
        let types = running.map(|adapter: &Adapter| adapter.kind.clone());
        let types: Vec<String> = types.collect();
        (types, state.engines.count(), state.shares.count_loaded())
    });
    json!({
        "adapters": { "running": types.len(), "types": types },
        "grace_period": {
            "active": false,
            "expected_clients": 0,
            "reclaimed_clients": 0,
            "remaining_seconds": 0,
        },
        // Those that are loaded, which may be more or less than those that are stored.
        "metadata_stores": stores,
        "shares": shares,
    })
}
