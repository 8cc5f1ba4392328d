//! Limits for every text, list and map in the spec that has none of its own, and so for all that is inside the types
//! of Kubernetes: a single `DittoServer` must not exhaust the memory of the operator that serves all others.

use serde_json::{Map, Value};

/// Longest text, in characters.
const TEXT: u32 = 4096;
/// Longest text in places that hold whole documents.
const DOCUMENT: u32 = 65_536;
/// Longest quantity, port name or anything else that is a number or a text.
const NUMBER_OR_TEXT: u32 = 64;
/// Most elements of a list, and most keys of a map.
const ENTRIES: u32 = 256;
/// Most elements of lists of addresses and of values to choose from.
const MANY: u32 = 1024;

/// Ends of the paths of texts that hold whole documents.
const DOCUMENTS: [&str; 4] = [
    "nnotations.*",
    ".env[].value",
    ".gmsaCredentialSpec",
    ".volumeAttributes.*",
];
/// Ends of the paths of lists with many elements.
const LONG_LISTS: [&str; 4] = [".from", ".to", ".except", ".values"];

/// Adds the limits that a schema lacks.
pub(super) fn complete(schema: &mut Map<String, Value>, path: &str) {
    let ends_with_any = |ends: &[&str]| ends.iter().any(|end| path.ends_with(end));
    let has = |key: &str| schema.contains_key(key);
    let limit = match schema.get("type").and_then(Value::as_str) {
        Some("string") if has("enum") => return,
        Some("string") if ends_with_any(&DOCUMENTS) => ("maxLength", DOCUMENT),
        Some("string") => ("maxLength", TEXT),
        Some("array") if ends_with_any(&LONG_LISTS) => ("maxItems", MANY),
        Some("array") => ("maxItems", ENTRIES),
        Some("object") if is_map(schema) => ("maxProperties", ENTRIES),
        None if has("x-kubernetes-int-or-string") => ("maxLength", NUMBER_OR_TEXT),
        _ => return,
    };
    let (key, most) = limit;
    schema.entry(key).or_insert_with(|| most.into());
}

/// Whether it has keys of the user's choice.
fn is_map(schema: &Map<String, Value>) -> bool {
    schema.contains_key("additionalProperties")
        || schema.contains_key("x-kubernetes-preserve-unknown-fields")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_has_no_limit_gets_one_and_what_has_keeps_it() {
        for (path, given, key, expected) in [
            ("image", json!({"type": "string"}), "maxLength", json!(4096)),
            (
                "image",
                json!({"type": "string", "maxLength": 5}),
                "maxLength",
                json!(5),
            ),
            (
                "pod.env[].value",
                json!({"type": "string"}),
                "maxLength",
                json!(65536),
            ),
            (
                "service.annotations.*",
                json!({"type": "string"}),
                "maxLength",
                json!(65536),
            ),
            (
                "pod.serviceAccountAnnotations.*",
                json!({"type": "string"}),
                "maxLength",
                json!(65536),
            ),
            (
                "mode",
                json!({"type": "string", "enum": ["a"]}),
                "maxLength",
                Value::Null,
            ),
            (
                "pod.tolerations",
                json!({"type": "array"}),
                "maxItems",
                json!(256),
            ),
            (
                "networkPolicy.api.from",
                json!({"type": "array"}),
                "maxItems",
                json!(1024),
            ),
            (
                "pod.labels",
                json!({"type": "object", "additionalProperties": {}}),
                "maxProperties",
                json!(256),
            ),
            (
                "configOverrides",
                json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true}),
                "maxProperties",
                json!(256),
            ),
            (
                "pod",
                json!({"type": "object", "properties": {}}),
                "maxProperties",
                Value::Null,
            ),
            (
                "resources.limits.*",
                json!({"x-kubernetes-int-or-string": true}),
                "maxLength",
                json!(64),
            ),
            (
                "replicas",
                json!({"type": "integer"}),
                "maxLength",
                Value::Null,
            ),
        ] {
            let mut schema = given.as_object().cloned().unwrap_or_default();
            complete(&mut schema, path);
            let found = schema.get(key).cloned().unwrap_or_default();
            assert_eq!(found, expected, "{path}: {given}");
        }
    }
}
