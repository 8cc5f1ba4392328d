//! What the configuration promises and a pod has to keep: files that are mounted, and values that
//! come from Secrets through the environment. Without them the server does not start, so that a
//! wrong mount is seen at once.
//!
//! Of two things the real server is more patient than this: it starts without the secret of a machine
//! account, with a warning and without the account, and without the bind password of a directory, in
//! which it then finds nobody. A whole connection string, `DATABASE_URL`, is nothing that it reads.

use std::{fs, path::Path};

use tracing::info;

use super::{
    ConfigError, ServerConfig,
    rules::{given, missing},
    sections::{Kerberos, Ldap, MachineAccount, Postgres},
};

/// Refuses what is not there.
pub(super) fn check(config: &ServerConfig) -> Result<(), ConfigError> {
    if given(config.database.r#type.as_ref()) == Some("postgres") {
        postgres(&config.database.postgres)?;
    }
    if config.kerberos.enabled == Some(true) {
        kerberos(&config.kerberos)?;
    }
    if config.kerberos.machine_account.enabled == Some(true) {
        machine_account(&config.kerberos.machine_account)?;
    }
    if config.ldap.enabled == Some(true) {
        ldap(&config.ldap)?;
    }
    Ok(())
}

/// The simulator keeps its state in a file all the same, and connects to nothing.
fn postgres(postgres: &Postgres) -> Result<(), ConfigError> {
    for (key, value) in [
        ("host", &postgres.host),
        ("database", &postgres.database),
        ("user", &postgres.user),
        ("password", &postgres.password),
    ] {
        let key = format!("database.postgres.{key}");
        given(value.as_ref()).ok_or_else(|| missing(key, "database.type is postgres"))?;
    }
    info!(
        host = postgres.host,
        database = postgres.database,
        user = postgres.user,
        port = postgres.port,
        "the database would be PostgreSQL"
    );
    Ok(())
}

fn kerberos(kerberos: &Kerberos) -> Result<(), ConfigError> {
    let why = "kerberos is enabled";
    let keytab =
        given(kerberos.keytab_path.as_ref()).ok_or_else(|| missing("kerberos.keytab_path", why))?;
    readable("kerberos.keytab_path", keytab)?;
    let principal = given(kerberos.service_principal.as_ref())
        .ok_or_else(|| missing("kerberos.service_principal", why))?;
    if let Some(file) = given(kerberos.krb5_conf.as_ref()) {
        readable("kerberos.krb5_conf", file)?;
    }
    info!(principal, keytab, "Kerberos would be served");
    Ok(())
}

fn machine_account(account: &MachineAccount) -> Result<(), ConfigError> {
    let why = "the machine account is enabled";
    let name = given(account.account_name.as_ref())
        .ok_or_else(|| missing("kerberos.machine_account.account_name", why))?;
    let keytab = given(account.keytab_path.as_ref());
    if let Some(keytab) = keytab {
        readable("kerberos.machine_account.keytab_path", keytab)?;
    }
    let joins = account.online_join.enabled == Some(true);
    if keytab.is_none() && !joins && given(account.secret.as_ref()).is_none() {
        return Err(missing(
            "kerberos.machine_account.secret",
            "there is no keytab_path either",
        ));
    }
    info!(name, "the machine account would be used");
    Ok(())
}

fn ldap(ldap: &Ldap) -> Result<(), ConfigError> {
    given(ldap.bind_password.as_ref())
        .ok_or_else(|| missing("ldap.bind_password", "ldap is enabled"))?;
    for (key, file) in [
        ("ldap.tls.ca_cert_file", &ldap.tls.ca_cert_file),
        ("ldap.tls.client_cert_file", &ldap.tls.client_cert_file),
        ("ldap.tls.client_key_file", &ldap.tls.client_key_file),
    ] {
        if let Some(file) = given(file.as_ref()) {
            readable(key, file)?;
        }
    }
    info!(
        url = ldap.url,
        bind_dn = ldap.bind_dn,
        "the directory would be asked"
    );
    Ok(())
}

fn readable(key: &'static str, path: &str) -> Result<(), ConfigError> {
    let found = fs::read(path);
    found.map(drop).map_err(|source| ConfigError::File {
        key: key.to_owned(),
        path: Path::new(path).to_owned(),
        reason: source.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{config::Environment, ids};

    const KERBEROS: &str = "enabled: true, service_principal: nfs/files@X, keytab_path";
    const LDAP: &str = "enabled: true, url: 'ldaps://dc', base_dn: b, bind_dn: c";

    fn refusal(text: &str, variables: &[(&str, &str)]) -> Option<String> {
        let environment: Environment = variables.iter().copied().collect();
        let config = ServerConfig::from_sources(text, &environment).unwrap();
        check(&config).err().map(|error| error.to_string())
    }

    #[test]
    fn what_is_missing_is_named_by_its_key() {
        let postgres = "database: {type: postgres, postgres: {host: h, database: d, user: u}}";
        let account = "kerberos: {machine_account: {enabled: true, account_name: F$";
        for (text, key) in [
            ("database: {type: postgres}", "database.postgres.host"),
            (postgres, "database.postgres.password"),
            ("kerberos: {enabled: true}", "kerberos.keytab_path"),
            (
                &format!("kerberos: {{{KERBEROS}: /none}}"),
                "kerberos.keytab_path",
            ),
            (
                &format!("kerberos: {{{KERBEROS}: /dev/null, krb5_conf: /none}}"),
                "kerberos.krb5_conf",
            ),
            (
                "kerberos: {enabled: true, keytab_path: /dev/null}",
                "kerberos.service_principal",
            ),
            (
                "kerberos: {machine_account: {enabled: true}}",
                "kerberos.machine_account.account_name",
            ),
            (&format!("{account}}}}}"), "kerberos.machine_account.secret"),
            (
                &format!("{account}, keytab_path: /none}}}}"),
                "kerberos.machine_account.keytab_path",
            ),
            (&format!("ldap: {{{LDAP}}}"), "ldap.bind_password"),
            (
                &format!("ldap: {{{LDAP}, bind_password: p, tls: {{ca_cert_file: /none}}}}"),
                "ldap.tls.ca_cert_file",
            ),
        ] {
            let refused = refusal(text, &[]).unwrap();
            assert!(refused.contains(&format!(" {key} ")), "{text}: {refused}");
        }
    }

    #[test]
    fn files_and_the_environment_make_it_whole() {
        let file = std::env::temp_dir().join(format!("dittofs-simulator-{}", ids::fresh()));
        fs::write(&file, "keytab").unwrap();
        let path = file.display();
        for (text, variables) in [
            ("", &[][..]),
            (
                "database: {type: postgres, postgres: {database: d, user: u}}",
                &[
                    ("DITTOFS_DATABASE_POSTGRES_HOST", "h"),
                    ("DITTOFS_DATABASE_POSTGRES_PASSWORD", "p"),
                ],
            ),
            (
                &format!("kerberos: {{{KERBEROS}: {path}, krb5_conf: {path}}}"),
                &[],
            ),
            (
                "kerberos: {machine_account: {enabled: true, account_name: F$}}",
                &[("DITTOFS_KERBEROS_MACHINE_ACCOUNT_SECRET", "s")],
            ),
            (
                &format!("ldap: {{{LDAP}, tls: {{ca_cert_file: {path}}}}}"),
                &[("DITTOFS_LDAP_BIND_PASSWORD", "p")],
            ),
        ] {
            assert_eq!(refusal(text, variables), None, "{text}");
        }
        fs::remove_file(&file).unwrap();
    }
}
