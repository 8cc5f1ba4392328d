//! Bodies as Go reads them into its types.

use serde_json::{Map, Value};

/// The map of texts, whose keys are the client's own.
const TEXTS: &str = "share_permissions";
/// What is kept as it was given, of adapters.
const ANYTHING: &str = "config";

/// What a body says: null says nothing, and keys may be written in capitals.
pub(super) fn said(given: Map<String, Value>) -> Value {
    let fields = given.into_iter().filter(|(_, value)| !value.is_null());
    let fields = fields.map(|(key, value)| {
        let key = key.to_lowercase();
        let value = match value {
            kept if key == ANYTHING => kept,
            Value::Object(own) if key == TEXTS => own
                .into_iter()
                .map(|(key, value)| (key, or_empty(value)))
                .collect(),
            Value::Object(inner) => said(inner),
            Value::Array(items) => items.into_iter().map(or_empty).collect(),
            other => other,
        };
        (key, value)
    });
    Value::Object(fields.collect())
}

/// In lists and maps of texts, null is the empty one.
fn or_empty(value: Value) -> Value {
    match value {
        Value::Null => "".into(),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn keys_of_structs_are_read_in_any_case() {
        let given = json!({
            "Enabled": null,
            "TLS": {"Min_Version": "1.3", "ca_cert_file": null},
            "Share_Permissions": {"/Home": "read", "/x": null},
            "groups": ["Staff", null],
            "Config": {"Port": null},
        });
        let want = json!({
            "tls": {"min_version": "1.3"},
            "share_permissions": {"/Home": "read", "/x": ""},
            "groups": ["Staff", ""],
            "config": {"Port": null},
        });
        assert_eq!(said(given.as_object().cloned().unwrap()), want);
    }
}
