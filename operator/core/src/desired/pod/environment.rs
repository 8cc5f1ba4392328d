//! The environment of the server: secrets, which must not be in `config.yaml`, and the user's variables.

use dittofs_shared::crd::SecretKeyReference;
use dittofs_shared::names;
use k8s_openapi::api::core::v1::{
    EnvFromSource, EnvVar, EnvVarSource, SecretEnvSource, SecretKeySelector,
};

use crate::instance::{BIND_PASSWORD, Instance};
use crate::secrets::Connection;
use crate::secrets::references::{CONNECTION, CONNECTION_OPTIONS};

/// Variables, ours first, so that the user's can refer to them. The user's win; those that conflict with the operator
/// have been refused before.
pub fn variables(instance: &Instance) -> Vec<EnvVar> {
    let mut variables = ours(instance);
    for variable in &instance.spec.pod.env {
        variables.retain(|known| known.name != variable.name);
        variables.push(variable.clone());
    }
    variables
}

/// Secrets whose keys all become variables.
pub fn whole_secrets(instance: &Instance) -> Option<Vec<EnvFromSource>> {
    let sources: Vec<_> = instance
        .spec
        .pod
        .env_from
        .iter()
        .map(|source| EnvFromSource {
            // The API server omits empty fields.
            prefix: source.prefix.clone().filter(|prefix| !prefix.is_empty()),
            secret_ref: Some(SecretEnvSource {
                name: source.secret_ref.name.clone(),
                optional: source.secret_ref.optional,
            }),
            config_map_ref: None,
        })
        .collect();
    (!sources.is_empty()).then_some(sources)
}

fn ours(instance: &Instance) -> Vec<EnvVar> {
    let mut variables = vec![
        from_secret("DITTOFS_CONTROLPLANE_SECRET", &instance.secrets.jwt, None),
        // Optional, because the server reads it at its first start only.
        from_secret(
            "DITTOFS_ADMIN_INITIAL_PASSWORD",
            &instance.secrets.admin,
            Some(true),
        ),
        EnvVar {
            name: "HOME".to_owned(),
            value: Some("/tmp".to_owned()),
            value_from: None,
        },
    ];
    variables.extend(passwords(instance));
    variables.extend(connection(instance));
    variables.extend(percona(instance));
    variables
}

fn passwords(instance: &Instance) -> Vec<EnvVar> {
    let spec = &instance.spec;
    let bind = spec
        .ldap()
        .and_then(|ldap| ldap.bind_password_secret_ref.as_ref());
    let machine = spec
        .machine_account()
        .and_then(|machine| machine.secret_ref.as_ref());
    [
        (BIND_PASSWORD, bind),
        ("DITTOFS_KERBEROS_MACHINE_ACCOUNT_SECRET", machine),
    ]
    .into_iter()
    .filter_map(|(name, reference)| {
        let reference = SecretKeyReference::named(reference)?;
        Some(from_secret(name, reference, reference.optional))
    })
    .collect()
}

/// The connection to PostgreSQL.
fn connection(instance: &Instance) -> Vec<EnvVar> {
    match &instance.secrets.connection {
        None => Vec::new(),
        Some(Connection { secret, .. }) => {
            let variable = |key: &str, optional| {
                let name = format!("DITTOFS_DATABASE_POSTGRES_{}", key.to_uppercase());
                from_secret(&name, &SecretKeyReference::new(secret, key), optional)
            };
            let needed = CONNECTION.iter().map(|key| variable(key, None));
            let options = CONNECTION_OPTIONS.iter();
            needed
                .chain(options.map(|key| variable(key, Some(true))))
                .collect()
        }
    }
}

/// The connection in the Secret of Percona's operator. The server keeps connections open, so it bypasses PgBouncer.
fn percona(instance: &Instance) -> Vec<EnvVar> {
    let Some(cluster) = &instance.percona else {
        return Vec::new();
    };
    let variables = ["HOST", "PORT", "DATABASE", "USER", "PASSWORD"]
        .into_iter()
        .zip(names::PERCONA_KEYS);
    let variable = |(name, key)| {
        let name = format!("DITTOFS_DATABASE_POSTGRES_{name}");
        let reference = SecretKeyReference::new(&cluster.secret, key);
        from_secret(&name, &reference, None)
    };
    variables.map(variable).collect()
}

fn from_secret(name: &str, reference: &SecretKeyReference, optional: Option<bool>) -> EnvVar {
    EnvVar {
        name: name.to_owned(),
        value: None,
        value_from: Some(EnvVarSource {
            secret_key_ref: Some(SecretKeySelector {
                name: reference.name.clone(),
                key: reference.key.clone(),
                optional,
            }),
            ..EnvVarSource::default()
        }),
    }
}
