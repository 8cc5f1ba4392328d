//! Whether an object already has everything that we would send, whatever else it has.

use dittofs_shared::quantity;
use serde_json::Value;
use std::fmt;

/// A field that is not as desired.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Difference {
    /// Names of fields and keys of list entries, with dots between them.
    pub path: String,
    /// Its live value.
    pub live: Value,
    /// For a person.
    text: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// The places where `live` lacks something of `wanted`. Fields and list entries that only `live` has are defaults of
/// the API server or belong to other writers, and are no difference.
pub(super) fn differences(live: &Value, wanted: &Value) -> Vec<Difference> {
    let mut walk = Walk::default();
    walk.visit(live, wanted);
    walk.found
}

/// Values that belong to one writer as a whole, in the kinds that we write. Any addition changes their meaning: a
/// selector with one more label selects other pods.
const WHOLE: [&str; 5] = [
    "spec.selector",
    "spec.podSelector",
    "spec.ingress",
    "spec.egress",
    "rules",
];
/// A list whose order is the API server's: its entries are known by number and protocol.
const PORTS: &str = "spec.ports";
/// A list to which the API server adds: the second family of a Service that has both.
const FAMILIES: &str = "spec.ipFamilies";
/// Where a StatefulSet describes its pods.
const POD: [&str; 3] = ["spec", "template", "spec"];

/// The fields by which server-side apply knows an entry of the list at this path, in the kinds that we write. Several
/// writers can have entries in such a list. `None`: the list belongs to one writer as a whole.
fn keys(path: &[String]) -> Option<&'static [&'static str]> {
    let (list, within) = path.split_last()?;
    if within == ["metadata"] && list == "ownerReferences" {
        return Some(&["uid"]);
    }
    within.get(..POD.len()).filter(|outer| *outer == POD)?;
    Some(match list.as_str() {
        "containers" | "initContainers" | "volumes" | "env" | "imagePullSecrets" | "claims" => {
            &["name"]
        }
        "volumeMounts" => &["mountPath"],
        "volumeDevices" => &["devicePath"],
        "ports" => &["containerPort", "protocol"],
        "hostAliases" => &["ip"],
        "topologySpreadConstraints" => &["topologyKey", "whenUnsatisfiable"],
        _ => return None,
    })
}

fn key_of(entry: &Value, keys: &[&str]) -> String {
    let part = |key: &&str| match &entry[*key] {
        Value::String(text) => text.clone(),
        Value::Null if *key == "protocol" => "TCP".to_owned(),
        other => other.to_string(),
    };
    keys.iter().map(part).collect::<Vec<_>>().join("/")
}

fn in_order(ports: &[Value]) -> Vec<Value> {
    let mut ports = ports.to_vec();
    ports.sort_by_key(|port| {
        let protocol = port["protocol"].as_str().unwrap_or_default().to_owned();
        (port["port"].as_i64(), protocol)
    });
    ports
}

#[derive(Default)]
struct Walk {
    path: Vec<String>,
    found: Vec<Difference>,
}

impl Walk {
    fn visit(&mut self, live: &Value, wanted: &Value) {
        let path = self.path.join(".");
        if WHOLE.contains(&path.as_str()) {
            return self.both_ways(live, wanted);
        }
        match (live, wanted, keys(&self.path)) {
            (Value::Array(live), Value::Array(wanted), _) if path == PORTS => {
                self.compare(&in_order(live).into(), &in_order(wanted).into());
            }
            (Value::Array(live), Value::Array(wanted), _)
                if path == FAMILIES && live.starts_with(wanted) => {}
            (live, Value::Array(wanted), Some(keys)) => {
                let live = live.as_array().map_or(&[][..], Vec::as_slice);
                for entry in wanted {
                    let key = key_of(entry, keys);
                    let same = live.iter().find(|live| key_of(live, keys) == key);
                    self.step(key, same.unwrap_or(&Value::Null), entry);
                }
            }
            _ => self.compare(live, wanted),
        }
    }

    fn step(&mut self, name: String, live: &Value, wanted: &Value) {
        self.path.push(name);
        self.visit(live, wanted);
        self.path.pop();
    }

    /// Nothing missing and nothing more.
    fn both_ways(&mut self, live: &Value, wanted: &Value) {
        let known = self.found.len();
        self.compare(live, wanted);
        if self.found.len() == known {
            self.compare(wanted, live);
            if self.found.len() > known {
                self.found.truncate(known);
                self.record(live, wanted);
            }
        }
    }

    fn compare(&mut self, live: &Value, wanted: &Value) {
        match (live, wanted) {
            (Value::Object(live), Value::Object(wanted)) => {
                for (key, value) in wanted {
                    self.step(key.clone(), live.get(key).unwrap_or(&Value::Null), value);
                }
            }
            (Value::Array(live), Value::Array(wanted)) if live.len() == wanted.len() => {
                for (index, (live, wanted)) in live.iter().zip(wanted).enumerate() {
                    self.step(index.to_string(), live, wanted);
                }
            }
            (Value::Array(all), Value::Array(some)) => {
                let text = format!("changed from {} to {} entries", all.len(), some.len());
                self.record_text(live, &text);
            }
            _ if is_same(live, wanted, &self.path) => {}
            _ => self.record(live, wanted),
        }
    }

    fn record(&mut self, live: &Value, wanted: &Value) {
        let text = match live {
            Value::Null => format!("set to {}", brief(wanted)),
            live => format!("changed from {} to {}", brief(live), brief(wanted)),
        };
        self.record_text(live, &text);
    }

    fn record_text(&mut self, live: &Value, text: &str) {
        let path = self.path.join(".");
        self.found.push(Difference {
            text: format!("{path}: {text}"),
            live: live.clone(),
            path,
        });
    }
}

fn is_same(live: &Value, wanted: &Value, path: &[String]) -> bool {
    match (live, wanted) {
        (_, Value::Null) => true,
        // The API server leaves out what is empty.
        (Value::Null, Value::Object(wanted)) => wanted.is_empty(),
        (Value::Null, Value::Array(wanted)) => wanted.is_empty(),
        (Value::Null, Value::String(wanted)) => wanted.is_empty(),
        (Value::Null, Value::Bool(false)) => is_of_a_volume(path),
        (Value::Null, Value::Number(wanted)) if wanted.as_i64() == Some(0) => is_of_a_volume(path),
        // The API server writes quantities in its own way: `1000m` comes back as `1`.
        (Value::String(live), Value::String(wanted)) => {
            live == wanted || quantity::same(live, wanted)
        }
        (live, wanted) => live == wanted,
    }
}

/// In volumes and their mounts, which users write themselves, the API server leaves out `readOnly: false` and
/// `partition: 0`.
fn is_of_a_volume(path: &[String]) -> bool {
    path.iter()
        .any(|part| part == "volumes" || part == "volumeMounts")
}

/// A value in a few words.
pub(super) fn brief(value: &Value) -> String {
    const MAX_LENGTH: usize = 60;
    let text = match value {
        Value::Null => return "nothing".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    match text.char_indices().nth(MAX_LENGTH) {
        Some((end, _)) => format!("{}…", text.split_at(end).0),
        None => text,
    }
}

#[cfg(test)]
mod tests;
