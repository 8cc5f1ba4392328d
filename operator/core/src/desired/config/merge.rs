//! What the user adds to `config.yaml`, merged last (RFC 7396: an object is merged, null takes away, all else
//! replaces).

use serde::Serialize;
use serde_json::{Map, Value};

/// The configuration with the overrides. `None`: they change nothing.
pub fn changed(config: &impl Serialize, overrides: &Map<String, Value>) -> Option<Value> {
    // Structs with string keys, which cannot fail to serialise.
    let rendered = serde_json::to_value(config).unwrap_or_default();
    let mut merged = rendered.clone();
    merge(&mut merged, overrides);
    (merged != rendered).then_some(merged)
}

fn merge(target: &mut Value, overrides: &Map<String, Value>) {
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let Value::Object(fields) = target else {
        return;
    };
    for (key, value) in overrides {
        match value {
            Value::Null => {
                fields.remove(key);
            }
            Value::Object(inner) => merge(fields.entry(key.clone()).or_insert(Value::Null), inner),
            other => {
                fields.insert(key.clone(), other.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// The examples of RFC 7396, appendix A, in which both sides are objects.
    #[test]
    fn it_is_a_json_merge_patch() {
        for (before, patch, after) in [
            (json!({"a": "b"}), json!({"a": "c"}), json!({"a": "c"})),
            (
                json!({"a": "b"}),
                json!({"b": "c"}),
                json!({"a": "b", "b": "c"}),
            ),
            (json!({"a": "b"}), json!({"a": null}), json!({})),
            (
                json!({"a": "b", "b": "c"}),
                json!({"a": null}),
                json!({"b": "c"}),
            ),
            (json!({"a": ["b"]}), json!({"a": "c"}), json!({"a": "c"})),
            (json!({"a": "c"}), json!({"a": ["b"]}), json!({"a": ["b"]})),
            (
                json!({"a": {"b": "c"}}),
                json!({"a": {"b": "d", "c": null}}),
                json!({"a": {"b": "d"}}),
            ),
            (
                json!({"a": [{"b": "c"}]}),
                json!({"a": [1]}),
                json!({"a": [1]}),
            ),
            (
                json!({"e": null}),
                json!({"a": 1}),
                json!({"e": null, "a": 1}),
            ),
            (
                json!({}),
                json!({"a": {"bb": {"ccc": null}}}),
                json!({"a": {"bb": {}}}),
            ),
        ] {
            let mut merged = before.clone();
            merge(&mut merged, patch.as_object().unwrap());
            assert_eq!(merged, after, "{before} with {patch}");
        }
    }

    #[test]
    fn what_changes_nothing_is_told() {
        let config = json!({"a": {"b": 1}});
        for overrides in [
            json!({}),
            json!({"a": {}}),
            json!({"a": {"b": 1}}),
            json!({"c": null}),
        ] {
            assert_eq!(
                changed(&config, overrides.as_object().unwrap()),
                None,
                "{overrides}"
            );
        }
    }
}
