//! The list of fields, `fields.yaml`: changes of every field of the spec that tests walk over.

use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::path::Path;

type Error = Box<dyn std::error::Error + Send + Sync>;

/// A change of one field.
#[derive(Clone, Debug)]
pub struct Change {
    /// The field, as the reference writes it.
    pub path: String,
    /// What must be set in the spec before.
    pub given: Value,
    /// The value that the field gets.
    pub to: Value,
}

impl Change {
    /// The spec after the change, on top of another.
    pub fn applied_to(&self, spec: &Value) -> Value {
        let mut after = spec.clone();
        set(&mut after, &self.path, self.to.clone());
        after
    }

    /// The spec before the change, on top of another.
    pub fn prepared(&self, spec: &Value) -> Value {
        let mut before = spec.clone();
        merge(&mut before, self.given.clone());
        before
    }
}

#[derive(Deserialize)]
struct Document {
    given: BTreeMap<String, Value>,
    fields: BTreeMap<String, Vec<Entry>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    #[serde(default)]
    given: Value,
    to: Value,
}

/// The changes by field. A field with none has only one value that it can have.
///
/// # Errors
/// The file cannot be understood.
pub fn all() -> Result<BTreeMap<String, Vec<Change>>, Error> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("fields.yaml");
    let document: Document = serde_saphyr::from_str(&std::fs::read_to_string(file)?)?;
    let mut all = BTreeMap::new();
    for (path, entries) in document.fields {
        let mut changes = Vec::new();
        for entry in entries {
            let mut given = json!({});
            context(&mut given, &entry.given, &document.given)?;
            changes.push(Change {
                path: path.clone(),
                given,
                to: entry.to,
            });
        }
        all.insert(path, changes);
    }
    Ok(all)
}

/// The Secrets that the changes name, with values of which no two have the same length.
pub fn secrets() -> BTreeMap<&'static str, BTreeMap<String, String>> {
    let keys = [
        "jwt",
        "jwt2",
        "password",
        "password2",
        "keytab",
        "keytab2",
        "krb5.conf",
        "krb5.conf2",
        "url",
        "url2",
        "tls.crt",
        "tls.key",
        "ca.crt",
    ];
    let values = |offset: usize| -> BTreeMap<String, String> {
        let values = keys.iter().zip(offset..);
        values
            .map(|(key, more)| {
                let filled = "x".repeat(40 + more);
                let value = match *key {
                    "url" | "url2" => format!("postgres://u:p@h/{filled}"),
                    _ => filled,
                };
                ((*key).to_owned(), value)
            })
            .collect()
    };
    BTreeMap::from([
        ("own", values(0)),
        ("other", values(100)),
        ("tls", values(200)),
        ("other-tls", values(300)),
        ("env", values(400)),
        ("other-env", values(500)),
    ])
}

/// A name, an object, or a list of them.
fn context(into: &mut Value, words: &Value, known: &BTreeMap<String, Value>) -> Result<(), Error> {
    match words {
        Value::Null => {}
        Value::String(name) => {
            let value = known.get(name).ok_or_else(|| {
                format!("fields.yaml: {name:?} is given, and there is no such name")
            })?;
            merge(into, value.clone());
        }
        Value::Array(several) => {
            for words in several {
                context(into, words, known)?;
            }
        }
        object => merge(into, object.clone()),
    }
    Ok(())
}

/// The keys and places of a path: `overrides.*.from[]` is `overrides`, `smb`, `from`, first.
fn steps(path: &str) -> Vec<Step<'_>> {
    let mut steps = Vec::new();
    for word in path.split('.') {
        let key = word.trim_end_matches("[]");
        steps.push(Step::Key(if key == "*" { "smb" } else { key }));
        if key.len() < word.len() {
            steps.push(Step::First);
        }
    }
    steps
}

enum Step<'a> {
    Key(&'a str),
    First,
}

/// Sets a field, and makes what it is in.
pub fn set(into: &mut Value, path: &str, value: Value) {
    let mut place = into;
    for step in steps(path) {
        place = match step {
            Step::Key(key) => {
                if !place.is_object() {
                    *place = Value::Object(Map::new());
                }
                &mut place[key]
            }
            Step::First => {
                if place.as_array().is_none_or(Vec::is_empty) {
                    *place = json!([{}]);
                }
                &mut place[0]
            }
        };
    }
    *place = value;
}

/// The value of a field, if it is set.
pub fn get<'a>(from: &'a Value, path: &str) -> Option<&'a Value> {
    steps(path)
        .into_iter()
        .try_fold(from, |place, step| match step {
            Step::Key(key) => place.get(key),
            Step::First => place.get(0),
        })
}

/// Takes a field away, and leaves what it is in.
pub fn take(from: &mut Value, path: &str) -> Option<Value> {
    let mut place = from;
    let mut steps = steps(path);
    let Some(Step::Key(last)) = steps.pop() else {
        return None;
    };
    for step in steps {
        place = match step {
            Step::Key(key) => place.get_mut(key)?,
            Step::First => place.get_mut(0)?,
        };
    }
    place.as_object_mut()?.remove(last)
}

/// Puts one JSON object into another.
pub fn merge(into: &mut Value, from: Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (key, value) in from {
                merge(into.entry(key).or_insert(Value::Null), value);
            }
        }
        (into, from) => *into = from,
    }
}
