//! Answers without what differs from run to run.

use serde_json::Value;

use super::exchange::Exchange;
use crate::{ids, replay::compare::in_kind};

const ID_LENGTH: usize = 36;
/// How long a check took.
const LATENCY: &str = "latency_ms";
/// Lists whose order is that of random identifiers.
const UNORDERED: [&str; 3] = ["groups", "members", "types"];

/// The body of an answer to an exchange.
pub(super) fn form(body: Value, exchange: &Exchange, folder: &str) -> Value {
    let mut body = of(body, "body", folder, &exchange.ignore);
    if exchange.any_order {
        sort(&mut body);
    }
    body
}

fn of(value: Value, key: &str, folder: &str, ignored: &[String]) -> Value {
    match value {
        Value::Object(fields) => {
            let kept = fields
                .into_iter()
                .filter(|(key, _)| key != LATENCY && !ignored.iter().any(|ignored| ignored == key));
            let formed = kept.map(|(key, value)| {
                let value = of(value, &key, folder, ignored);
                (key, value)
            });
            Value::Object(formed.collect())
        }
        Value::Array(items) => {
            let items = items.into_iter();
            let mut items =
                Value::Array(items.map(|item| of(item, key, folder, ignored)).collect());
            if UNORDERED.contains(&key) {
                sort(&mut items);
            }
            items
        }
        value => match in_kind(key, &value) {
            Value::String(text) => without_ids(&text.replace(folder, "<folder>")).into(),
            other => other,
        },
    }
}

fn sort(value: &mut Value) {
    if let Value::Array(items) = value {
        items.sort_by_key(Value::to_string);
    }
}

fn without_ids(text: &str) -> String {
    let mut rest = text;
    let mut formed = String::new();
    while let Some(next) = rest.chars().next() {
        if rest.get(..ID_LENGTH).is_some_and(ids::is_id) {
            formed.push_str("<id>");
            rest = &rest[ID_LENGTH..];
        } else {
            formed.push(next);
            rest = &rest[next.len_utf8()..];
        }
    }
    formed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_go_wherever_they_are() {
        let id = ids::fresh();
        assert_eq!(
            without_ids(&format!("store {id} (µ) not loaded: /{id}")),
            "store <id> (µ) not loaded: /<id>"
        );
    }
}
