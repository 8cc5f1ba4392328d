//! The environment, which the server takes over its configuration file: `controlplane.port` is
//! `DITTOFS_CONTROLPLANE_PORT`. An empty variable counts as none.

use std::{collections::BTreeMap, env};

use serde_json::{Map, Value, json};

use super::{ConfigError, ServerConfig, weak};

/// The variables of a process.
#[derive(Debug, Clone, Default)]
pub struct Environment(BTreeMap<String, String>);

impl Environment {
    /// The variables of this process.
    pub fn of_process() -> Self {
        let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        };
        env::vars_os().filter_map(text).collect()
    }

    /// A variable that is set and not empty.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0
            .get(name)
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    }
}

impl<N: Into<String>, V: Into<String>> FromIterator<(N, V)> for Environment {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(variables: I) -> Self {
        let variables = variables.into_iter();
        Self(
            variables
                .map(|(name, value)| (name.into(), value.into()))
                .collect(),
        )
    }
}

/// What the environment says, put over what the file says. `None` if it says nothing.
pub(super) fn over(given: &Value, environment: &Environment) -> Result<Option<Value>, ConfigError> {
    let known = serde_json::to_value(ServerConfig::default()).unwrap_or_default();
    let mut paths = Vec::new();
    leaves(&known, &mut Vec::new(), &mut paths);
    let mut result = None;
    for path in paths {
        let names = variables(&path);
        let said = names
            .iter()
            .find_map(|name| Some((name, environment.get(name)?)));
        if let Some((name, text)) = said {
            let value = typed(&path, text).ok_or_else(|| ConfigError::Variable {
                name: name.clone(),
                key: path.join("."),
            })?;
            set(result.get_or_insert_with(|| given.clone()), &path, value);
        }
    }
    Ok(result)
}

/// The paths of all keys that have values.
fn leaves(tree: &Value, path: &mut Vec<String>, found: &mut Vec<Vec<String>>) {
    let Value::Object(section) = tree else {
        found.push(path.clone());
        return;
    };
    for (key, value) in section {
        path.push(key.clone());
        leaves(value, path, found);
        path.pop();
    }
}

/// The variables of a key; the first that is set counts. Some have a short name besides the regular one.
fn variables(path: &[String]) -> Vec<String> {
    let regular = format!("DITTOFS_{}", path.join("_").to_uppercase());
    let short = match path.join(".").as_str() {
        "controlplane.jwt.secret" => Some("DITTOFS_CONTROLPLANE_SECRET"),
        "kerberos.keytab_path" => Some("DITTOFS_KERBEROS_KEYTAB"),
        "kerberos.service_principal" => Some("DITTOFS_KERBEROS_PRINCIPAL"),
        "kerberos.krb5_conf" => Some("DITTOFS_KERBEROS_KRB5CONF"),
        _ => None,
    };
    short
        .map(str::to_owned)
        .into_iter()
        .chain([regular])
        .collect()
}

/// A text as a value that the key can have. Whatever takes a text gets the text, so that a password of digits stays one. A
/// duration is a text, too: it needs its unit here.
fn typed(path: &[String], text: &str) -> Option<Value> {
    if is_duration(path) {
        return Some(json!(text)).filter(|value| takes(path, value));
    }
    [json!(text), json!([text])]
        .into_iter()
        .chain(weak::of(&json!(text)))
        .find(|value| takes(path, value))
}

/// What the file says, in the types that the keys have: the server takes `"8080"` for 8080 and 1 for true.
pub(super) fn fitted(mut given: Value) -> Value {
    let known = serde_json::to_value(ServerConfig::default()).unwrap_or_default();
    let mut paths = Vec::new();
    leaves(&known, &mut Vec::new(), &mut paths);
    for path in paths {
        let place = format!("/{}", path.join("/"));
        let Some(value) = given.pointer(&place).filter(|value| !takes(&path, value)) else {
            continue;
        };
        if value.is_string() && is_duration(&path) {
            continue;
        }
        let fits = weak::of(value)
            .into_iter()
            .find(|value| takes(&path, value));
        if let Some(value) = fits {
            set(&mut given, &path, value);
        }
    }
    given
}

fn is_duration(path: &[String]) -> bool {
    takes(path, &json!("1s")) && !takes(path, &json!("?"))
}

/// Whether a key can have a value.
fn takes(path: &[String], value: &Value) -> bool {
    let mut config = json!({});
    set(&mut config, path, value.clone());
    serde_json::from_value::<ServerConfig>(config).is_ok()
}

fn set(tree: &mut Value, path: &[String], value: Value) {
    let mut place = tree;
    for key in path {
        if !place.is_object() {
            *place = Value::Object(Map::new());
        }
        place = &mut place[key.as_str()];
    }
    *place = value;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(file: &str, variables: &[(&str, &str)]) -> Result<Value, String> {
        let environment = variables.iter().copied().collect();
        ServerConfig::from_sources(file, &environment)
            .map(|config| serde_json::to_value(config).unwrap())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn variables_come_before_the_file() {
        let file = "controlplane: {port: 1}\nlogging: {level: INFO}";
        let variables = [
            ("DITTOFS_CONTROLPLANE_PORT", "2"),
            ("DITTOFS_LOGGING_LEVEL", ""),
            ("DITTOFS_METRICS_ENABLED", "True"),
            ("DITTOFS_DATABASE_POSTGRES_PASSWORD", "0123"),
            ("DITTOFS_LDAP_TIMEOUT", "15s"),
            ("DITTOFS_KERBEROS_MACHINE_ACCOUNT_DC_ADDRESS", "10.0.0.1"),
            ("DITTOFS_BLOCKSTORE_LOCAL_MAX_LOG_BYTES", "4096"),
            ("DITTOFS_SIMULATOR_FAULTS", "no key"),
        ];
        let config = config(file, &variables).unwrap();
        for (path, want) in [
            ("/controlplane/port", json!(2)),
            ("/logging/level", json!("INFO")),
            ("/metrics/enabled", json!(true)),
            ("/database/postgres/password", json!("0123")),
            ("/ldap/timeout", json!("15s")),
            ("/kerberos/machine_account/dc_address", json!(["10.0.0.1"])),
            ("/blockstore/local/max_log_bytes", json!(4096)),
            ("/database/postgres/host", Value::Null),
        ] {
            assert_eq!(config.pointer(path), Some(&want), "{path}");
        }
    }

    #[test]
    fn short_names_come_before_regular_ones() {
        let both = [
            ("DITTOFS_CONTROLPLANE_JWT_SECRET", "regular"),
            ("DITTOFS_CONTROLPLANE_SECRET", "short"),
        ];
        for (variables, want) in [(&both[..], "short"), (&both[..1], "regular")] {
            let config = config("", variables).unwrap();
            assert_eq!(
                config.pointer("/controlplane/jwt/secret"),
                Some(&json!(want))
            );
        }
    }

    #[test]
    fn values_that_a_key_cannot_have_are_refused_and_not_shown() {
        let refused = config("", &[("DITTOFS_METRICS_PORT", "tcp://10.0.0.1:9090")]).unwrap_err();
        assert!(refused.contains("DITTOFS_METRICS_PORT") && refused.contains("metrics.port"));
        assert!(!refused.contains("10.0.0.1"), "{refused}");
    }

    /// Each of these was given to the real server, version 0.29.0.
    #[test]
    fn values_are_taken_in_other_types_as_the_server_takes_them() {
        for (file, variables, want) in [
            (
                "controlplane: {port: \"8080\"}",
                &[][..],
                Some(("/controlplane/port", json!(8080))),
            ),
            (
                "gc: {auto_enabled: \"true\"}",
                &[],
                Some(("/gc/auto_enabled", json!(true))),
            ),
            (
                "gc: {auto_enabled: 1}",
                &[],
                Some(("/gc/auto_enabled", json!(true))),
            ),
            (
                "",
                &[("DITTOFS_GC_AUTO_ENABLED", "T")],
                Some(("/gc/auto_enabled", json!(true))),
            ),
            (
                "",
                &[("DITTOFS_GC_AUTO_ENABLED", "0")],
                Some(("/gc/auto_enabled", json!(false))),
            ),
            ("", &[("DITTOFS_METRICS_ENABLED", "yes")], None),
            (
                "shutdown_timeout: 30",
                &[],
                Some(("/shutdown_timeout", json!("0s"))),
            ),
            ("shutdown_timeout: \"30\"", &[], None),
            (
                "shutdown_timeout: \"+5s\"",
                &[],
                Some(("/shutdown_timeout", json!("5s"))),
            ),
            (
                "shutdown_timeout: 3.5",
                &[],
                Some(("/shutdown_timeout", json!("0s"))),
            ),
            (
                "shutdown_timeout: true",
                &[],
                Some(("/shutdown_timeout", json!("0s"))),
            ),
            ("", &[("DITTOFS_SHUTDOWN_TIMEOUT", "30")], None),
            (
                "",
                &[("DITTOFS_SHUTDOWN_TIMEOUT", "30s")],
                Some(("/shutdown_timeout", json!("30s"))),
            ),
            ("blockstore: {local: {max_log_bytes: 1MB}}", &[], None),
        ] {
            let got = config(file, variables);
            match want {
                Some((path, value)) => assert_eq!(
                    got.unwrap().pointer(path),
                    Some(&value),
                    "{file} {variables:?}"
                ),
                None => assert!(got.is_err(), "{file} {variables:?}"),
            }
        }
    }
}
