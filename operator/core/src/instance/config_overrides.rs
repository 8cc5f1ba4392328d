//! Pure: what of `configOverrides`, and of the server's environment, can be taken over.
//!
//! The server reads its keys without regard to case, and takes `a.b: c` for `a: {b: c}`. So does what is judged here: nothing
//! gets past it by another spelling.

use dittofs_shared::crd::DittoServerSpec;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

use super::config_keys::{KNOWN, RESERVED, RESERVED_VARIABLES, SECRETS, variable};
use crate::secrets::SecretFacts;

/// Why the server cannot be started with these settings.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OverrideProblem {
    /// A password in clear, for everybody who may read the resource or the `ConfigMap`.
    #[error("spec.configOverrides holds the secret {0}: take it out, and use {1} instead")]
    Secret(String, &'static str),
    /// A key by which the operator holds the instance together.
    #[error(
        "spec.configOverrides changes {0}, which belongs to the operator: take it out, and use {1} instead"
    )]
    Reserved(String, &'static str),
    /// A section must stay one.
    #[error(
        "spec.configOverrides gives {0} a value, and it is a section of config.yaml: give it keys and values"
    )]
    NotASection(String),
    /// A variable that would do the same.
    #[error(
        "{0} sets the variable {1}, which belongs to the operator: take it out, and use {2} instead"
    )]
    Variable(String, String, &'static str),
}

/// Looks for what would leak a secret or break what the operator stands for.
pub(super) fn judge(
    spec: &DittoServerSpec,
    secrets: &BTreeMap<String, SecretFacts>,
) -> Option<OverrideProblem> {
    let overrides = spec.config_overrides.as_ref();
    let in_overrides = overrides.and_then(|overrides| refused(&overrides.0));
    in_overrides.or_else(|| in_environment(spec, secrets))
}

/// Keys that the server is known not to have, as the user spells them.
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
            problem = Some(OverrideProblem::Secret(spelt.to_owned(), instead));
        } else if let Some((_, instead)) = RESERVED.iter().find(is) {
            problem = Some(OverrideProblem::Reserved(spelt.to_owned(), instead));
        } else if !value.is_object() && is_section(&path) {
            let taken = RESERVED.iter().find(|(key, _)| below(key));
            problem = match taken {
                // To take the section away is to take away what is in it.
                Some((_, instead)) if value.is_null() => {
                    Some(OverrideProblem::Reserved(spelt.to_owned(), instead))
                }
                _ if value.is_null() => None,
                _ => Some(OverrideProblem::NotASection(spelt.to_owned())),
            };
        }
        true
    });
    problem
}

/// Calls for every key, with its path; goes on below it where that is wanted.
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

/// The server takes every key from its environment, too.
fn in_environment(
    spec: &DittoServerSpec,
    secrets: &BTreeMap<String, SecretFacts>,
) -> Option<OverrideProblem> {
    let variables = spec.pod.env.iter().find_map(|variable| {
        let instead = reserved_variable(&variable.name)?;
        let field = "spec.pod.env".to_owned();
        Some(OverrideProblem::Variable(
            field,
            variable.name.clone(),
            instead,
        ))
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
            let field = format!("Secret {name:?} in spec.pod.envFrom");
            Some(OverrideProblem::Variable(field, variable, instead))
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
    fn the_rest_is_taken_over() {
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
    fn variables_that_belong_to_the_operator_are_known() {
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
