//! Finds keys that the server does not know, and names them by their full path; hides what is not
//! for everybody's eyes.

use serde_json::{Map, Value, json};

use super::ServerConfig;

/// Stands for a key that the user chooses.
const ANY: &str = "*";

/// All known keys: the empty configuration, written out.
fn known() -> Value {
    let mut tree = serde_json::to_value(ServerConfig::default()).unwrap_or_default();
    // The one place where users name keys: principals, each with the numbers it maps to.
    if let Some(map) = tree.pointer_mut("/kerberos/identity_mapping/static_map") {
        *map = json!({ ANY: { "uid": null, "gid": null, "gids": null } });
    }
    tree
}

/// The full paths of all keys in `given` that the server does not know.
pub(super) fn unknown(given: &Value) -> Vec<String> {
    let mut found = Vec::new();
    compare(given, &known(), "", &mut found);
    found
}

/// Keys whose values are secrets.
const SECRETS: [&str; 4] = ["secret", "password", "bind_password", "password_hash"];

/// All that is set, without secrets.
pub(super) fn shown(config: Value) -> Value {
    let Value::Object(section) = config else {
        return config;
    };
    let said = section.into_iter().filter_map(|(key, value)| {
        let value = match shown(value) {
            Value::String(text) if SECRETS.contains(&key.as_str()) && !text.is_empty() => {
                json!("********")
            }
            value => value,
        };
        let says = match &value {
            Value::Null => false,
            Value::Object(section) => !section.is_empty(),
            _ => true,
        };
        says.then_some((key, value))
    });
    Value::Object(said.collect())
}

fn compare(given: &Value, known: &Value, path: &str, found: &mut Vec<String>) {
    // A scalar where a section belongs is the typed parser's to refuse.
    let (Value::Object(given), Value::Object(known)) = (given, known) else {
        return;
    };
    for (key, value) in given {
        let path = join(path, key);
        match lookup(known, key) {
            Some(known) => compare(value, known, &path, found),
            None => found.push(path),
        }
    }
}

fn lookup<'a>(known: &'a Map<String, Value>, key: &str) -> Option<&'a Value> {
    known.get(key).or_else(|| known.get(ANY))
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() {
        key.to_owned()
    } else {
        format!("{path}.{key}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_and_what_is_not_set_are_not_shown() {
        let text = "ldap: {url: u, bind_password: hunter2}\ncontrolplane: {jwt: {secret: hunter2}, port: 1}";
        assert_eq!(
            ServerConfig::from_yaml(text).unwrap().shown(),
            json!({
                "controlplane": {"port": 1, "jwt": {"secret": "********"}},
                "ldap": {"url": "u", "bind_password": "********"},
            })
        );
    }

    #[test]
    fn typos_are_named_by_their_path() {
        for (given, want) in [
            (json!({}), vec![]),
            (
                json!({"controlplane": {"port": 1, "jwt": {"secret": "x"}}}),
                vec![],
            ),
            (
                json!({"controlplane": {"prot": 1}}),
                vec!["controlplane.prot"],
            ),
            (
                json!({"loging": {}, "metrics": {"tls": {"cert": "x"}}}),
                vec!["loging", "metrics.tls.cert"],
            ),
            (
                json!({"kerberos": {"identity_mapping": {"static_map": {
                    "alice@EXAMPLE.COM": {"uid": 1, "gid": 1, "guid": 1}}}}}),
                vec!["kerberos.identity_mapping.static_map.alice@EXAMPLE.COM.guid"],
            ),
        ] {
            assert_eq!(unknown(&given), want, "{given}");
        }
    }
}
