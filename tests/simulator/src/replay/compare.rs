//! What counts as the same answer.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::{client::Reply, numbers::Numbers, recording::Answered};

/// What has been seen so far on either side.
#[derive(Debug, Default)]
pub(super) struct Seen {
    recorded: Numbers,
    got: Numbers,
}

/// All differences between a recorded answer and a reply, each with its place.
pub(super) fn differences(recorded: &Answered, reply: &Reply, seen: &mut Seen) -> Vec<String> {
    let mut found = Vec::new();
    if recorded.status != reply.status {
        found.push(format!(
            "status: recorded {}, got {}",
            recorded.status, reply.status
        ));
    }
    if recorded.content_type != reply.content_type {
        let (was, is) = (&recorded.content_type, &reply.content_type);
        found.push(format!("content type: recorded {was:?}, got {is:?}"));
    }
    match &recorded.json {
        None => {
            let was = recorded.text.as_deref().unwrap_or_default();
            if was.as_bytes() != reply.body {
                let is = String::from_utf8_lossy(&reply.body);
                found.push(format!("text: recorded {was:?}, got {is:?}"));
            }
        }
        Some(json) => match serde_json::from_slice(&reply.body) {
            Ok(got) => {
                let (was, is) = (seen.recorded.body(json.clone()), seen.got.body(got));
                walk(&was, &is, "body", &mut found);
            }
            Err(error) => found.push(format!("body: recorded JSON, got none: {error}")),
        },
    }
    found
}

/// All differences between two values.
pub(crate) fn walk(recorded: &Value, got: &Value, place: &str, found: &mut Vec<String>) {
    match (recorded, got) {
        (Value::Object(was), Value::Object(is)) => walk_fields(was, is, place, found),
        (Value::Array(was), Value::Array(is)) if was.len() == is.len() => {
            for (index, (was, is)) in was.iter().zip(is).enumerate() {
                walk(was, is, &format!("{place}[{index}]"), found);
            }
        }
        _ if in_kind(place, recorded) == in_kind(place, got) => {}
        _ => found.push(format!("{place}: recorded {recorded}, got {got}")),
    }
}

fn walk_fields(
    was: &Map<String, Value>,
    is: &Map<String, Value>,
    place: &str,
    found: &mut Vec<String>,
) {
    for (key, value) in was {
        match is.get(key) {
            Some(got) => walk(value, got, &format!("{place}.{key}"), found),
            None => found.push(format!("{place}.{key}: recorded {value}, missing")),
        }
    }
    for (key, value) in is.iter().filter(|(key, _)| !was.contains_key(*key)) {
        found.push(format!("{place}.{key}: not recorded, got {value}"));
    }
}

/// A value without what differs from run to run, besides identifiers and moments.
pub(crate) fn in_kind(place: &str, value: &Value) -> Value {
    let key = place.rsplit('.').next().unwrap_or(place);
    match value {
        Value::String(text) if key.ends_with("_token") && is_token(text) => "<token>".into(),
        Value::String(_) if key == "uptime" => "<uptime>".into(),
        Value::Number(number) if key == "uptime_sec" && number.is_u64() => "<uptime>".into(),
        other => other.clone(),
    }
}

/// The recording keeps no tokens, only that there was one.
fn is_token(text: &str) -> bool {
    text == "<jwt>" || text.split('.').filter(|part| !part.is_empty()).count() == 3
}

/// Replaces ports wherever a field `port` holds one of them.
pub(super) fn map_ports(value: &mut Value, ports: &BTreeMap<u16, u16>) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| map_ports(item, ports)),
        Value::Object(fields) => {
            for (key, value) in fields {
                let port = value.as_u64().filter(|_| key == "port");
                let port = port.and_then(|port| u16::try_from(port).ok());
                match port.and_then(|port| ports.get(&port)) {
                    Some(port) => *value = (*port).into(),
                    None => map_ports(value, ports),
                }
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn found(recorded: &Value, got: &Value) -> Vec<String> {
        let mut found = Vec::new();
        let [recorded, got] = [recorded, got].map(|body| Numbers::default().body(body.clone()));
        walk(&recorded, &got, "body", &mut found);
        found
    }

    #[test]
    fn what_differs_from_run_to_run_is_the_same() {
        let was = json!({"id": "3eee8de6-4a80-4d97-b697-965ab4db0e4c", "access_token": "<jwt>",
            "created_at": "2026-11-21T19:37:00.29Z", "data": {"uptime": "0s", "uptime_sec": 0}});
        let is = json!({"id": "b9cb336b-1638-48b2-9072-64cbf5bf9060", "access_token": "a.b.c",
            "created_at": "2026-11-22T01:02:03.7Z", "data": {"uptime": "3m1s", "uptime_sec": 181}});
        assert_eq!(found(&was, &is), Vec::<String>::new());
    }

    #[test]
    fn everything_else_is_a_difference() {
        for (was, is) in [
            (json!({"a": 1}), json!({"a": 2})),
            (json!({"a": 1}), json!({})),
            (json!({}), json!({"a": 1})),
            (json!([1]), json!([1, 1])),
            (json!({"a": "2026-11-21T19:37:00Z"}), json!({"a": "later"})),
            (
                json!({"a": "2026-11-21T19:37:00Z"}),
                json!({"a": "2026-11-21T19:37:00.1Z"}),
            ),
            (
                json!({"id": "3eee8de6-4a80-4d97-b697-965ab4db0e4c"}),
                json!({"id": 7}),
            ),
            (
                json!({"access_token": "<jwt>"}),
                json!({"access_token": ""}),
            ),
            (json!({"port": 1}), json!({"port": "1"})),
        ] {
            assert_eq!(found(&was, &is).len(), 1, "{was} {is}");
        }
    }

    #[test]
    fn ports_are_translated_where_they_are_ports() {
        let ports = BTreeMap::from([(1445, 40001)]);
        let mut value = json!([{"port": 1445, "size": 1445}, {"port": 70000}]);
        map_ports(&mut value, &ports);
        assert_eq!(
            value,
            json!([{"port": 40001, "size": 1445}, {"port": 70000}])
        );
    }
}
