//! Identifiers and moments by what they have in common, instead of what they are.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::Value;

use crate::ids;

const ID_LENGTH: usize = 36;

/// The identifiers of one play against one server, in the order in which they first appeared.
#[derive(Debug, Default)]
pub(crate) struct Numbers {
    ids: BTreeMap<String, usize>,
}

impl Numbers {
    /// A body with numbers: of identifiers over the whole play, of moments within the body.
    pub(crate) fn body(&mut self, body: Value) -> Value {
        let mut moments = Vec::new();
        texts(body, &mut |text| match shape(&text) {
            None => with_ids(&text, &mut |id| self.of_id(id)),
            Some(shape) => {
                let known = moments.iter().position(|moment| *moment == text);
                let index = known.unwrap_or_else(|| {
                    moments.push(text);
                    moments.len() - 1
                });
                format!("<time {} {shape}>", index + 1)
            }
        })
    }

    /// By what a list without an order is sorted: nothing in it is new because of its place.
    pub(crate) fn sort_key(&self, item: &Value) -> String {
        let known = |id: &str| match self.ids.get(id) {
            Some(number) => format!("<id {number}>"),
            None => "<id>".to_owned(),
        };
        let item = texts(item.clone(), &mut |text| match shape(&text) {
            None => with_ids(&text, &mut |id| known(id)),
            Some(shape) => format!("<time {shape}>"),
        });
        item.to_string()
    }

    fn of_id(&mut self, id: &str) -> String {
        let next = self.ids.len() + 1;
        let number = self.ids.entry(id.to_owned()).or_insert(next);
        format!("<id {number}>")
    }
}

/// How a moment is written, if it is one: with a fraction or not, and in which zone.
fn shape(text: &str) -> Option<String> {
    text.parse::<Timestamp>().ok()?;
    let fraction = if text.contains('.') {
        "fraction"
    } else {
        "whole"
    };
    let zone = if text.ends_with('Z') {
        "Z"
    } else {
        text.get(text.len().saturating_sub("+00:00".len())..)?
    };
    Some(format!("{fraction} {zone}"))
}

fn texts(value: Value, change: &mut impl FnMut(String) -> String) -> Value {
    match value {
        Value::Object(fields) => {
            let fields = fields.into_iter();
            Value::Object(
                fields
                    .map(|(key, value)| (key, texts(value, change)))
                    .collect(),
            )
        }
        Value::Array(items) => {
            let items = items.into_iter();
            Value::Array(items.map(|item| texts(item, change)).collect())
        }
        Value::String(text) => change(text).into(),
        other => other,
    }
}

/// A text with other identifiers, wherever in it they are.
fn with_ids(text: &str, change: &mut impl FnMut(&str) -> String) -> String {
    let mut rest = text;
    let mut formed = String::new();
    while let Some(next) = rest.chars().next() {
        if let Some(id) = rest.get(..ID_LENGTH).filter(|id| ids::is_id(id)) {
            formed.push_str(&change(id));
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
    use serde_json::json;

    use super::*;

    #[test]
    fn ids_have_their_number_wherever_they_are() {
        let (one, other) = (ids::fresh(), ids::fresh());
        let mut numbers = Numbers::default();
        assert_eq!(
            numbers.body(json!([format!("store {one} (µ) not loaded: /{other}")])),
            json!(["store <id 1> (µ) not loaded: /<id 2>"])
        );
        let third = ids::fresh();
        assert_eq!(
            numbers.sort_key(&json!([other, third])),
            r#"["<id 2>","<id>"]"#
        );
        assert_eq!(
            numbers.body(json!({"id": third, "owner": one})),
            json!({"id": "<id 3>", "owner": "<id 1>"})
        );
    }

    #[test]
    fn moments_are_the_same_or_not_and_written_in_one_way() {
        let moments = json!([
            "2026-11-21T19:37:00.29Z",
            "2026-11-21T19:37:00Z",
            "2026-11-21T19:37:00.29Z",
            "2026-11-21T19:37:00+02:00",
        ]);
        let want = json!([
            "<time 1 fraction Z>",
            "<time 2 whole Z>",
            "<time 1 fraction Z>",
            "<time 3 whole +02:00>",
        ]);
        let mut numbers = Numbers::default();
        assert_eq!(numbers.body(moments.clone()), want);
        // Another body begins anew.
        assert_eq!(
            numbers.body(json!([moments[1]])),
            json!(["<time 1 whole Z>"])
        );
    }
}
