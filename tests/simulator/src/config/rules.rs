//! What the server refuses by looking at values alone. Values that only come from Secrets, and
//! files, are looked at when it starts: see [`super::requirements`].

use super::{
    ConfigError, ServerConfig, limits,
    sections::{Ldap, LdapTls, Metrics, Tls},
};

/// Refuses what the server would refuse.
pub(super) fn check(config: &ServerConfig) -> Result<(), ConfigError> {
    one_of(
        "database.type",
        config.database.r#type.as_ref(),
        &["sqlite", "postgres"],
    )?;
    limits::check(config)?;
    let strategy = config.kerberos.identity_mapping.strategy.as_ref();
    one_of("kerberos.identity_mapping.strategy", strategy, &["static"])?;
    tls("controlplane.tls", &config.controlplane.tls)?;
    one_of(
        "metrics.auth",
        config.metrics.auth.as_ref(),
        &["none", "token"],
    )?;
    let version = config.metrics.tls.min_version.as_ref();
    one_of("metrics.tls.min_version", version, &["1.2", "1.3"])?;
    if config.metrics.enabled == Some(true) {
        metrics(&config.metrics)?;
    }
    if config.ldap.enabled == Some(true) {
        ldap(&config.ldap)?;
    }
    Ok(())
}

/// Certificate and key go together, and nothing makes sense without them.
fn tls(section: &str, tls: &Tls) -> Result<(), ConfigError> {
    let (cert, key) = (given(tls.cert_file.as_ref()), given(tls.key_file.as_ref()));
    pair(section, [("cert_file", cert), ("key_file", key)])?;
    if cert.is_none() && given(tls.client_ca.as_ref()).is_some() {
        return Err(missing(
            format!("{section}.cert_file"),
            "client_ca needs it",
        ));
    }
    let version = tls.min_version.as_ref();
    one_of(&format!("{section}.min_version"), version, &["1.2", "1.3"])
}

fn metrics(metrics: &Metrics) -> Result<(), ConfigError> {
    let token = metrics.auth.as_deref() == Some("token");
    if token && given(metrics.token_file.as_ref()).is_none() {
        return Err(missing("metrics.token_file", "metrics.auth is token"));
    }
    if let Some(path) = given(metrics.path.as_ref()).filter(|path| !path.starts_with('/')) {
        return Err(ConfigError::NotAllowed {
            key: "metrics.path".to_owned(),
            value: path.to_owned(),
            allowed: "a path that begins with /".to_owned(),
        });
    }
    tls("metrics.tls", &metrics.tls)
}

fn ldap(ldap: &Ldap) -> Result<(), ConfigError> {
    let url = given(ldap.url.as_ref()).ok_or_else(|| missing("ldap.url", "ldap is enabled"))?;
    let scheme = url.to_ascii_lowercase();
    let tolerated = ldap.start_tls == Some(true) || ldap.allow_plaintext == Some(true);
    let encrypted = scheme.starts_with("ldaps://");
    let plain = scheme.starts_with("ldap://") && tolerated;
    if !(encrypted || plain) {
        return Err(ConfigError::NotAllowed {
            key: "ldap.url".to_owned(),
            value: url.to_owned(),
            allowed: "ldaps://, or ldap:// with ldap.start_tls or ldap.allow_plaintext".to_owned(),
        });
    }
    for (key, value) in [
        ("ldap.base_dn", &ldap.base_dn),
        ("ldap.bind_dn", &ldap.bind_dn),
    ] {
        given(value.as_ref()).ok_or_else(|| missing(key, "ldap is enabled"))?;
    }
    let attribute = ldap.user_attr.as_deref().unwrap_or_default();
    if !attribute
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || c == '-')
    {
        return Err(ConfigError::NotAllowed {
            key: "ldap.user_attr".to_owned(),
            value: attribute.to_owned(),
            allowed: "the name of an attribute".to_owned(),
        });
    }
    one_of("ldap.idmap", ldap.idmap.as_ref(), &["rfc2307", "rid"])?;
    let LdapTls {
        client_cert_file,
        client_key_file,
        min_version,
        ..
    } = &ldap.tls;
    let (cert, key) = (
        given(client_cert_file.as_ref()),
        given(client_key_file.as_ref()),
    );
    pair(
        "ldap.tls",
        [("client_cert_file", cert), ("client_key_file", key)],
    )?;
    one_of(
        "ldap.tls.min_version",
        min_version.as_ref(),
        &["1.2", "1.3"],
    )
}

/// A text that says something.
pub(super) fn given(text: Option<&String>) -> Option<&str> {
    text.map(|text| text.trim()).filter(|text| !text.is_empty())
}

pub(super) fn missing(key: impl Into<String>, why: &'static str) -> ConfigError {
    ConfigError::Missing {
        key: key.into(),
        why,
    }
}

fn pair(section: &str, [one, other]: [(&str, Option<&str>); 2]) -> Result<(), ConfigError> {
    let absent = match (one.1, other.1) {
        (Some(_), None) => other.0,
        (None, Some(_)) => one.0,
        _ => return Ok(()),
    };
    Err(missing(
        format!("{section}.{absent}"),
        "certificate and key go together",
    ))
}

fn one_of(key: &str, value: Option<&String>, allowed: &[&str]) -> Result<(), ConfigError> {
    match given(value) {
        Some(value) if !allowed.contains(&value) => Err(ConfigError::NotAllowed {
            key: key.to_owned(),
            value: value.to_owned(),
            allowed: allowed.join(" or "),
        }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LDAP: &str = "enabled: true, url: 'ldaps://dc', base_dn: b, bind_dn: c";

    #[test]
    fn what_the_server_refuses_is_refused_by_its_key() {
        for (text, key) in [
            ("database: {type: mysql}", "database.type"),
            (
                "kerberos: {identity_mapping: {strategy: magic}}",
                "kerberos.identity_mapping.strategy",
            ),
            (
                "controlplane: {tls: {cert_file: /c}}",
                "controlplane.tls.key_file",
            ),
            (
                "controlplane: {tls: {key_file: /c}}",
                "controlplane.tls.cert_file",
            ),
            (
                "controlplane: {tls: {client_ca: /c}}",
                "controlplane.tls.cert_file",
            ),
            (
                "controlplane: {tls: {cert_file: /c, key_file: /k, min_version: '1.1'}}",
                "controlplane.tls.min_version",
            ),
            ("metrics: {enabled: true, auth: basic}", "metrics.auth"),
            (
                "metrics: {enabled: true, auth: token}",
                "metrics.token_file",
            ),
            ("metrics: {enabled: true, path: metrics}", "metrics.path"),
            (
                "metrics: {enabled: true, tls: {cert_file: /c}}",
                "metrics.tls.key_file",
            ),
            ("ldap: {enabled: true}", "ldap.url"),
            ("ldap: {enabled: true, url: 'http://dc'}", "ldap.url"),
            ("ldap: {enabled: true, url: 'ldap://dc'}", "ldap.url"),
            ("ldap: {enabled: true, url: 'ldaps://dc'}", "ldap.base_dn"),
            (
                "ldap: {enabled: true, url: 'ldap://dc', start_tls: true, base_dn: b}",
                "ldap.bind_dn",
            ),
            (&format!("ldap: {{{LDAP}, idmap: none}}"), "ldap.idmap"),
            (
                &format!("ldap: {{{LDAP}, tls: {{client_key_file: /k}}}}"),
                "ldap.tls.client_cert_file",
            ),
            (
                &format!("ldap: {{{LDAP}, user_attr: a b}}"),
                "ldap.user_attr",
            ),
            ("metrics: {auth: basic}", "metrics.auth"),
            (
                "metrics: {tls: {min_version: '1.1'}}",
                "metrics.tls.min_version",
            ),
            (
                &format!("ldap: {{{LDAP}, tls: {{min_version: '1'}}}}"),
                "ldap.tls.min_version",
            ),
        ] {
            let refused = check(&ServerConfig::from_yaml(text).unwrap()).unwrap_err();
            assert!(
                refused.to_string().contains(&format!(" {key} ")),
                "{text}: {refused}"
            );
        }
    }

    #[test]
    fn what_is_switched_off_or_complete_is_accepted() {
        for text in [
            "",
            "ldap: {url: nonsense}",
            "metrics: {auth: token, path: bad, tls: {cert_file: /c}}",
            "metrics: {enabled: true, auth: token, token_file: /t, path: /m}",
            "controlplane: {tls: {cert_file: /c, key_file: /k, client_ca: /a, min_version: '1.3'}}",
            "ldap: {enabled: true, url: 'ldap://dc', allow_plaintext: true, base_dn: b, bind_dn: c}",
            &format!("ldap: {{{LDAP}, idmap: rid}}"),
        ] {
            check(&ServerConfig::from_yaml(text).unwrap()).unwrap();
        }
    }
}
