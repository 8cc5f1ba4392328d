//! Pure: whether `configOverrides` and the server's environment can be used.
//!
//! The server ignores the case of its keys and reads `a.b: c` as `a: {b: c}`. So do the checks here: no other
//! spelling gets past them.

use dittofs_shared::crd::DittoServerSpec;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

use super::Restriction;
use super::config_keys::{KNOWN, RESERVED, RESERVED_VARIABLES, SECRETS, variable};
use crate::secrets::SecretFacts;

/// Why the server cannot be started with these settings.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs)]
pub enum OverrideProblem {
    /// A password in clear text, readable for all who may read the resource or the `ConfigMap`.
    #[error("spec.configOverrides contains the secret {key}: remove it and use {instead}")]
    Secret { key: String, instead: &'static str },
    /// A key that the operator sets.
    #[error(
        "spec.configOverrides sets {key}, which the operator manages: remove it and use {instead}"
    )]
    Reserved { key: String, instead: &'static str },
    /// A section must stay one.
    #[error(
        "spec.configOverrides sets {key} to a value, but it is a section of config.yaml: set keys inside it"
    )]
    NotASection { key: String },
    /// A field that this operator is told to refuse.
    #[error(
        "spec.{field} is not allowed: the administrators of the operator forbid it (--forbid {restriction}). Remove it, or ask them"
    )]
    Forbidden {
        field: String,
        restriction: Restriction,
    },
    /// A variable that has the same effect.
    #[error(
        "{origin} sets variable {variable}, which the operator manages: remove it and use {instead}"
    )]
    Variable {
        origin: String,
        variable: String,
        instead: &'static str,
    },
}

/// Finds settings that would leak a secret or conflict with the operator.
pub(super) fn evaluate(
    spec: &DittoServerSpec,
    secrets: &BTreeMap<String, SecretFacts>,
) -> Option<OverrideProblem> {
    let overrides = spec.config_overrides.as_ref();
    let in_overrides = overrides.and_then(|overrides| refused(&overrides.0));
    in_overrides.or_else(|| in_environment(spec, secrets))
}

/// Keys that the server does not have, as the user spells them.
pub fn unknown_keys(overrides: &Map<String, Value>) -> Vec<String> {
    let mut unknown = Vec::new();
    visit(overrides, "", &mut |path, value| {
        if is_known(path) {
            return false;
        }
        let section = is_section(path);
        if !section {
            unknown.push(path.to_owned());
        }
        section && value.is_object()
    });
    unknown
}

fn refused(overrides: &Map<String, Value>) -> Option<OverrideProblem> {
    let mut problem = None;
    visit(overrides, "", &mut |spelt, value| {
        let path = spelt.to_lowercase();
        let below = |key: &str| {
            key.strip_prefix(&path)
                .is_some_and(|rest| rest.starts_with('.'))
        };
        let is = |(key, _): &&(&str, _)| *key == path;
        if problem.is_some() {
            return false;
        }
        if let Some((_, instead)) = SECRETS.iter().find(is).filter(|_| !value.is_null()) {
            let key = spelt.to_owned();
            problem = Some(OverrideProblem::Secret { key, instead });
        } else if let Some((_, instead)) = RESERVED.iter().find(is) {
            let key = spelt.to_owned();
            problem = Some(OverrideProblem::Reserved { key, instead });
        } else if !value.is_object() && is_section(&path) {
            let inside = RESERVED.iter().find(|(key, _)| below(key));
            let key = spelt.to_owned();
            problem = match inside {
                // Removing a section removes what is in it.
                Some((_, instead)) if value.is_null() => {
                    Some(OverrideProblem::Reserved { key, instead })
                }
                _ if value.is_null() => None,
                _ => Some(OverrideProblem::NotASection { key }),
            };
        }
        true
    });
    problem
}

/// Calls `see` for every key with its path, and descends where that returns true.
fn visit(section: &Map<String, Value>, above: &str, see: &mut impl FnMut(&str, &Value) -> bool) {
    for (key, value) in section {
        let path = if above.is_empty() {
            key.clone()
        } else {
            format!("{above}.{key}")
        };
        if see(&path, value)
            && let Value::Object(inner) = value
        {
            visit(inner, &path, see);
        }
    }
}

fn is_known(path: &str) -> bool {
    KNOWN.iter().any(|known| match known.strip_suffix(".*") {
        Some(map) => {
            path == map
                || path
                    .strip_prefix(map)
                    .is_some_and(|rest| rest.starts_with('.'))
        }
        None => *known == path,
    })
}

fn is_section(path: &str) -> bool {
    let begins = |known: &&str| {
        known
            .strip_prefix(path)
            .is_some_and(|rest| rest.starts_with('.'))
    };
    KNOWN.iter().any(begins)
}

/// The server also reads every key from its environment.
fn in_environment(
    spec: &DittoServerSpec,
    secrets: &BTreeMap<String, SecretFacts>,
) -> Option<OverrideProblem> {
    let variables = spec.pod.env.iter().find_map(|variable| {
        let instead = reserved_variable(&variable.name)?;
        Some(OverrideProblem::Variable {
            origin: "spec.pod.env".to_owned(),
            variable: variable.name.clone(),
            instead,
        })
    });
    let from_secret = || {
        spec.pod.env_from.iter().find_map(|source| {
            let name = &source.secret_ref.name;
            let prefix = source.prefix.as_deref().unwrap_or_default();
            let mut keys = secrets.get(name)?.keys.keys();
            let (variable, instead) = keys.find_map(|key| {
                let variable = format!("{prefix}{key}");
                reserved_variable(&variable).map(|instead| (variable, instead))
            })?;
            Some(OverrideProblem::Variable {
                origin: format!("Secret {name:?} in spec.pod.envFrom"),
                variable,
                instead,
            })
        })
    };
    variables.or_else(from_secret)
}

fn reserved_variable(name: &str) -> Option<&'static str> {
    let variables = RESERVED_VARIABLES
        .iter()
        .find(|(variable, _)| *variable == name);
    let keys = || RESERVED.iter().find(|(key, _)| variable(key) == name);
    variables.or_else(keys).map(|(_, instead)| *instead)
}

#[cfg(test)]
mod tests {
    use super::*;
    use dittofs_shared::crd::ConfigOverrides;
    use serde_json::json;

    fn overrides(value: Value) -> Map<String, Value> {
        serde_json::from_value::<ConfigOverrides>(value).unwrap().0
    }

    fn kind(problem: &OverrideProblem) -> &'static str {
        match problem {
            OverrideProblem::Secret { .. } => "Secret",
            OverrideProblem::Reserved { .. } => "Reserved",
            OverrideProblem::NotASection { .. } => "NotASection",
            OverrideProblem::Variable { .. } => "Variable",
            OverrideProblem::Forbidden { .. } => "Forbidden",
        }
    }

    #[test]
    fn secrets_and_reserved_keys_are_refused_however_they_are_spelt() {
        for (value, reason) in [
            (json!({"ldap": {"bind_password": "x"}}), "Secret"),
            (json!({"LDAP": {"Bind_Password": "x"}}), "Secret"),
            (json!({"ldap.bind_password": "x"}), "Secret"),
            (json!({"controlplane": {"jwt.secret": "x"}}), "Secret"),
            (json!({"admin": {"password_hash": {"a": 1}}}), "Secret"),
            (json!({"controlplane": {"port": 1}}), "Reserved"),
            (json!({"controlplane": {"host": null}}), "Reserved"),
            (json!({"controlplane": null}), "Reserved"),
            (json!({"Database": null}), "Reserved"),
            (json!({"metrics": {"port": 8081}}), "Reserved"),
            (json!({"controlplane": 8080}), "NotASection"),
            (json!({"ldap": "on"}), "NotASection"),
        ] {
            let problem = refused(&overrides(value.clone()));
            assert_eq!(problem.as_ref().map(kind), Some(reason), "{value}");
        }
    }

    #[test]
    fn all_other_keys_are_accepted() {
        for value in [
            json!({}),
            json!({"ldap": null}),
            json!({"ldap": {"bind_password": null, "timeout": "5s"}}),
            json!({"controlplane": {"pprof": true, "tls": {"min_version": "1.3"}}}),
            json!({"database": {"postgres": {"ssl_root_cert": "/a"}}}),
            json!({"not": {"yet": {"known": 1}}}),
        ] {
            assert_eq!(refused(&overrides(value.clone())), None, "{value}");
        }
    }

    #[test]
    fn keys_that_the_server_does_not_have_are_named_by_path() {
        let given = overrides(json!({
            "gc": {"grace_period": "1h", "grace": "1h"},
            "Logging": {"level": "INFO"},
            "kerberos": {"identity_mapping": {"static_map": {"alice@EXAMPLE.COM": {"uid": 1}}}},
            "telemetry": {"enabled": true},
        }));
        assert_eq!(unknown_keys(&given), ["Logging", "gc.grace", "telemetry"]);
    }

    #[test]
    fn variables_that_the_operator_manages_are_known() {
        for name in [
            "DITTOFS_CONTROLPLANE_SECRET",
            "DITTOFS_CONTROLPLANE_PORT",
            "DITTOFS_DATABASE_SQLITE_PATH",
            "DITTOFS_CONTROLPLANE_TLS_CERT_FILE",
        ] {
            assert!(reserved_variable(name).is_some(), "{name}");
        }
        assert_eq!(reserved_variable("DITTOFS_LDAP_BIND_PASSWORD"), None);
    }
}
