//! Whether an object already has everything that we would send, whatever else it has.

use dittofs_shared::quantity;
use serde_json::Value;

/// The first place where `live` lacks something of `wanted`, in words. Fields that only `live` has are the API
/// server's defaults and other people's, and no difference.
pub(super) fn difference(live: &Value, wanted: &Value) -> Option<String> {
    first(live, wanted, &mut Vec::new())
}

/// Values that belong to one writer as a whole, in the kinds that we write. Anything more in them changes what ours
/// mean: a selector with one more label selects other pods.
const WHOLE: [&str; 5] = [
    "spec.selector",
    "spec.podSelector",
    "spec.ingress",
    "spec.egress",
    "rules",
];
/// A list whose order is the API server's: its entries are known by number and protocol.
const PORTS: &str = "spec.ports";

fn first(live: &Value, wanted: &Value, path: &mut Vec<String>) -> Option<String> {
    if WHOLE.contains(&path.join(".").as_str()) {
        // Both ways: nothing missing and nothing more.
        return compare(live, wanted, path).or_else(|| {
            compare(wanted, live, path).map(|_| {
                format!(
                    "{}: {} is now {}",
                    path.join("."),
                    brief(live),
                    brief(wanted)
                )
            })
        });
    }
    match (live, wanted) {
        (Value::Array(live), Value::Array(wanted)) if path.join(".") == PORTS => compare(
            &Value::Array(in_order(live)),
            &Value::Array(in_order(wanted)),
            path,
        ),
        _ => compare(live, wanted, path),
    }
}

fn in_order(ports: &[Value]) -> Vec<Value> {
    let mut ports = ports.to_vec();
    ports.sort_by_key(|port| {
        let protocol = port["protocol"].as_str().unwrap_or_default().to_owned();
        (port["port"].as_i64(), protocol)
    });
    ports
}

fn compare(live: &Value, wanted: &Value, path: &mut Vec<String>) -> Option<String> {
    match (live, wanted) {
        (_, Value::Null) => None,
        (Value::Object(live), Value::Object(wanted)) => wanted.iter().find_map(|(key, value)| {
            path.push(key.clone());
            let found = first(live.get(key).unwrap_or(&Value::Null), value, path);
            path.pop();
            found
        }),
        (Value::Array(live), Value::Array(wanted)) if live.len() == wanted.len() => live
            .iter()
            .zip(wanted)
            .enumerate()
            .find_map(|(index, (live, wanted))| {
                path.push(index.to_string());
                let found = first(live, wanted, path);
                path.pop();
                found
            }),
        (Value::Array(live), Value::Array(wanted)) => Some(format!(
            "{}: {} entries are now {}",
            path.join("."),
            live.len(),
            wanted.len()
        )),
        // The API server leaves out what is empty.
        (Value::Null, Value::Object(wanted)) if wanted.is_empty() => None,
        (Value::Null, Value::Array(wanted)) if wanted.is_empty() => None,
        (Value::Null, Value::String(wanted)) if wanted.is_empty() => None,
        (Value::Null, Value::Bool(false)) if is_of_a_volume(path) => None,
        // The API server writes quantities in its own way: `1000m` comes back as `1`.
        (Value::String(live), Value::String(wanted))
            if live == wanted || quantity::same(live, wanted) =>
        {
            None
        }
        (live, wanted) if live == wanted => None,
        (live, wanted) => Some(format!(
            "{}: {} is now {}",
            path.join("."),
            brief(live),
            brief(wanted)
        )),
    }
}

/// In volumes and their mounts, which users write themselves, the API server leaves out `readOnly: false`.
fn is_of_a_volume(path: &[String]) -> bool {
    path.iter()
        .any(|part| part == "volumes" || part == "volumeMounts")
}

fn brief(value: &Value) -> String {
    const MOST: usize = 60;
    let text = match value {
        Value::Null => return "nothing".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_only_the_live_object_has_is_no_difference() {
        let live = json!({"spec": {"type": "ClusterIP", "clusterIP": "10.0.0.1", "ports": [{"port": 1, "nodePort": 3}]}});
        assert_eq!(
            difference(
                &live,
                &json!({"spec": {"type": "ClusterIP", "ports": [{"port": 1}]}})
            ),
            None
        );
        assert_eq!(
            difference(&live, &json!({"spec": {"selector": {}, "externalIPs": []}})),
            None
        );
    }

    #[test]
    fn the_first_difference_is_named() {
        let live = json!({"spec": {"ports": [{"port": 1445}], "type": "ClusterIP"}});
        for (wanted, expected) in [
            (
                json!({"spec": {"ports": [{"port": 1446}]}}),
                "spec.ports.0.port: 1445 is now 1446",
            ),
            (
                json!({"spec": {"type": "NodePort"}}),
                "spec.type: ClusterIP is now NodePort",
            ),
            (
                json!({"spec": {"new": true}}),
                "spec.new: nothing is now true",
            ),
            (
                json!({"spec": {"ports": []}}),
                "spec.ports: 1 entries are now 0",
            ),
        ] {
            assert_eq!(difference(&live, &wanted).as_deref(), Some(expected));
        }
    }

    #[test]
    fn ports_may_stand_in_any_order() {
        let [nfs, smb] = [
            json!({"port": 12049, "protocol": "TCP"}),
            json!({"port": 445, "protocol": "TCP"}),
        ];
        let live = json!({"spec": {"ports": [nfs, smb]}});
        assert_eq!(
            difference(&live, &json!({"spec": {"ports": [smb, nfs]}})),
            None
        );
        assert!(difference(&live, &json!({"spec": {"ports": [smb, smb]}})).is_some());
    }

    #[test]
    fn rules_that_are_too_many_are_a_difference_to_none() {
        let none = json!({"spec": {"ingress": []}});
        assert!(difference(&json!({"spec": {"ingress": [{}]}}), &none).is_some());
        assert_eq!(difference(&json!({"spec": {}}), &none), None);
    }

    #[test]
    fn selectors_and_rules_are_compared_whole() {
        for (path, live, wanted) in [
            (
                "selector",
                json!({"a": "b", "more": "x"}),
                json!({"a": "b"}),
            ),
            (
                "podSelector",
                json!({"matchLabels": {"a": "b", "more": "x"}}),
                json!({"matchLabels": {"a": "b"}}),
            ),
            (
                "ingress",
                json!([{"ports": [{"port": 1}], "from": [{}]}]),
                json!([{"ports": [{"port": 1}]}]),
            ),
        ] {
            let (live, wanted) = (
                json!({"spec": {path: live}}),
                json!({"spec": {path: wanted}}),
            );
            let found = difference(&live, &wanted).unwrap_or_default();
            assert!(
                found.starts_with(&format!("spec.{path}: ")),
                "{path}: {found:?}"
            );
            assert_eq!(difference(&wanted, &wanted), None, "{path}");
        }
    }

    #[test]
    fn quantities_are_compared_by_value() {
        for (live, wanted, same) in [
            ("1", "1000m", true),
            ("1Gi", "1024Mi", true),
            ("500m", "0.5", true),
            ("1Gi", "1G", false),
            ("a", "b", false),
        ] {
            assert_eq!(
                difference(&json!(live), &json!(wanted)).is_none(),
                same,
                "{live} and {wanted}"
            );
        }
    }
}
