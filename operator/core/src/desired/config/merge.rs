//! What the user adds to `config.yaml`, merged last (RFC 7396: an object is merged, null removes, all else replaces).

use serde::Serialize;
use serde_json::{Map, Value};

/// The configuration with the overrides. `None`: they change nothing.
pub fn changed(config: &impl Serialize, overrides: &Map<String, Value>) -> Option<Value> {
    // Structs with string keys, which cannot fail to serialise.
    let rendered = serde_json::to_value(config).unwrap_or_default();
    let mut merged = rendered.clone();
    json_patch::merge(&mut merged, &Value::Object(overrides.clone()));
    (merged != rendered).then_some(merged)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn objects_are_merged_null_removes_and_all_else_replaces() {
        let config = json!({"a": {"b": 1, "c": 2}, "list": [1, 2], "text": "x"});
        for (overrides, merged) in [
            (
                json!({"a": {"b": null, "d": 3}}),
                json!({"a": {"c": 2, "d": 3}, "list": [1, 2], "text": "x"}),
            ),
            (
                json!({"list": [3], "a": null}),
                json!({"list": [3], "text": "x"}),
            ),
            (
                json!({"text": {"new": {"no": null, "yes": 1}}}),
                json!({"a": {"b": 1, "c": 2}, "list": [1, 2], "text": {"new": {"yes": 1}}}),
            ),
        ] {
            let changed = changed(&config, overrides.as_object().unwrap());
            assert_eq!(changed, Some(merged), "{overrides}");
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
