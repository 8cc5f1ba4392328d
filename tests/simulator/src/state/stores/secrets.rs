//! Secrets in the configuration of a store: shown as stars, and stars that come back keep them.

use serde_json::{Map, Value};

/// What is shown instead of a secret.
pub(crate) const STARS: &str = "********";

/// The configuration as the API shows it; one that is no JSON is not shown.
pub(super) fn redacted(config: &str) -> Option<Value> {
    let mut value = serde_json::from_str(config).ok()?;
    hide(&mut value);
    Some(value)
}

fn hide(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                if is_secret(key) {
                    *value = STARS.into();
                } else {
                    hide(value);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(hide),
        _ => {}
    }
}

fn is_secret(key: &str) -> bool {
    let key = key.to_lowercase();
    key.contains("secret") || key.contains("password") || key.ends_with("_key")
}

/// A new configuration, with the old values where it has stars.
pub(super) fn kept(old: &str, new: &str) -> String {
    let objects = serde_json::from_str::<Map<String, Value>>(old)
        .ok()
        .zip(serde_json::from_str::<Map<String, Value>>(new).ok());
    let Some((old, fresh)) = objects else {
        return new.to_owned();
    };
    let mut fresh = Value::Object(fresh);
    if restore(&Value::Object(old), &mut fresh) {
        fresh.to_string()
    } else {
        new.to_owned()
    }
}

/// Whether there was anything to restore.
fn restore(old: &Value, new: &mut Value) -> bool {
    if new.as_str() == Some(STARS) {
        new.clone_from(old);
        return true;
    }
    let mut restored = false;
    match (old, new) {
        (Value::Object(old), Value::Object(new)) => {
            for (key, value) in new {
                restored |= old.get(key).is_some_and(|old| restore(old, value));
            }
        }
        (Value::Array(old), Value::Array(new)) => {
            for (old, value) in old.iter().zip(new) {
                restored |= restore(old, value);
            }
        }
        _ => {}
    }
    restored
}
