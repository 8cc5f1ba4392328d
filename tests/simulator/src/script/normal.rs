//! Answers without what differs from run to run.

use serde_json::Value;

use super::exchange::Exchange;
use crate::replay::{compare::in_kind, numbers::Numbers};

/// How long a check took.
const LATENCY: &str = "latency_ms";
/// Lists whose order is that of random identifiers.
const UNORDERED: [&str; 3] = ["groups", "members", "types"];

/// What forms the answers of one play.
pub(super) struct Former {
    folder: String,
    numbers: Numbers,
}

impl Former {
    /// One for the answers of a server that has its stores in this folder.
    pub(super) fn new(folder: String) -> Self {
        Self {
            folder,
            numbers: Numbers::default(),
        }
    }

    /// The body of the next answer.
    pub(super) fn form(&mut self, body: Value, exchange: &Exchange) -> Value {
        let mut body = self.of(body, "body", &exchange.ignore);
        if exchange.any_order {
            self.sort(&mut body);
        }
        // After the lists are sorted: numbers go by the first appearance.
        self.numbers.body(body)
    }

    fn of(&self, value: Value, key: &str, ignored: &[String]) -> Value {
        match value {
            Value::Object(fields) => {
                let kept = fields.into_iter().filter(|(key, _)| {
                    key != LATENCY && !ignored.iter().any(|ignored| ignored == key)
                });
                let formed = kept.map(|(key, value)| {
                    let value = self.of(value, &key, ignored);
                    (key, value)
                });
                Value::Object(formed.collect())
            }
            Value::Array(items) => {
                let items = items.into_iter();
                let mut items =
                    Value::Array(items.map(|item| self.of(item, key, ignored)).collect());
                if UNORDERED.contains(&key) {
                    self.sort(&mut items);
                }
                items
            }
            value => match in_kind(key, &value) {
                Value::String(text) => text.replace(&self.folder, "<folder>").into(),
                other => other,
            },
        }
    }

    fn sort(&self, value: &mut Value) {
        if let Value::Array(items) = value {
            items.sort_by_cached_key(|item| self.numbers.sort_key(item));
        }
    }
}
