//! What the configuration promises and a pod has to keep: files that are mounted, and values that
//! come from Secrets through the environment. Without them the server does not start, so that a
//! wrong mount is seen at once.
//!
//! Of a machine account and of certificates for a directory the server only warns, when it starts or
//! when it uses them, and runs without. A whole connection string, `DATABASE_URL`, is nothing that it reads.

use std::{fs, path::Path};

use tracing::{info, warn};

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
        machine_account(&config.kerberos.machine_account);
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
    let begins = readable("kerberos.keytab_path", keytab)?;
    if !matches!(begins.as_slice(), [5, 1 | 2, ..]) {
        return Err(ConfigError::File {
            key: "kerberos.keytab_path".to_owned(),
            path: Path::new(keytab).to_owned(),
            reason: "it is no keytab".to_owned(),
        });
    }
    let principal = given(kerberos.service_principal.as_ref())
        .ok_or_else(|| missing("kerberos.service_principal", why))?;
    if let Some(file) = given(kerberos.krb5_conf.as_ref()) {
        readable("kerberos.krb5_conf", file)?;
    }
    info!(principal, keytab, "Kerberos would be served");
    Ok(())
}

fn machine_account(account: &MachineAccount) {
    let keytab = given(account.keytab_path.as_ref());
    let usable = keytab.is_some_and(|file| fs::read(file).is_ok());
    let joins = account.online_join.enabled == Some(true);
    let secret = usable || joins || given(account.secret.as_ref()).is_some();
    if let Some(name) = given(account.account_name.as_ref()).filter(|_| secret) {
        info!(name, "the machine account would be used");
    } else {
        warn!("the machine account is not complete and would not be used");
    }
}

fn ldap(ldap: &Ldap) -> Result<(), ConfigError> {
    given(ldap.bind_password.as_ref())
        .ok_or_else(|| missing("ldap.bind_password", "ldap is enabled"))?;
    for file in [
        &ldap.tls.ca_cert_file,
        &ldap.tls.client_cert_file,
        &ldap.tls.client_key_file,
    ] {
        if let Some(file) = given(file.as_ref()).filter(|file| fs::read(file).is_err()) {
            warn!(file, "the directory could not be asked without this file");
        }
    }
    info!(
        url = ldap.url,
        bind_dn = ldap.bind_dn,
        "the directory would be asked"
    );
    Ok(())
}

fn readable(key: &'static str, path: &str) -> Result<Vec<u8>, ConfigError> {
    fs::read(path).map_err(|source| ConfigError::File {
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

    /// The path of a file that begins as a keytab does.
    fn keytab() -> String {
        let file = std::env::temp_dir().join(format!("dittofs-simulator-{}", ids::fresh()));
        fs::write(&file, [5, 2]).unwrap();
        file.display().to_string()
    }

    #[test]
    fn what_is_missing_is_named_by_its_key() {
        let keytab = keytab();
        let postgres = "database: {type: postgres, postgres: {host: h, database: d, user: u}}";
        for (text, key) in [
            ("database: {type: postgres}", "database.postgres.host"),
            (postgres, "database.postgres.password"),
            ("kerberos: {enabled: true}", "kerberos.keytab_path"),
            (
                &format!("kerberos: {{{KERBEROS}: /none}}"),
                "kerberos.keytab_path",
            ),
            (
                &format!("kerberos: {{{KERBEROS}: /dev/null}}"),
                "kerberos.keytab_path",
            ),
            (
                &format!("kerberos: {{{KERBEROS}: {keytab}, krb5_conf: /none}}"),
                "kerberos.krb5_conf",
            ),
            (
                &format!("kerberos: {{enabled: true, keytab_path: {keytab}}}"),
                "kerberos.service_principal",
            ),
            (&format!("ldap: {{{LDAP}}}"), "ldap.bind_password"),
        ] {
            let refused = refusal(text, &[]).unwrap();
            assert!(refused.contains(&format!(" {key} ")), "{text}: {refused}");
        }
        fs::remove_file(keytab).unwrap();
    }

    #[test]
    fn files_and_the_environment_make_it_whole() {
        let path = keytab();
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
            ("kerberos: {machine_account: {enabled: true}}", &[]),
            (
                "kerberos: {machine_account: {enabled: true, account_name: F$, keytab_path: /none}}",
                &[],
            ),
            (
                &format!("ldap: {{{LDAP}, bind_password: p, tls: {{ca_cert_file: /none}}}}"),
                &[],
            ),
            (
                &format!("ldap: {{{LDAP}, tls: {{ca_cert_file: {path}}}}}"),
                &[("DITTOFS_LDAP_BIND_PASSWORD", "p")],
            ),
        ] {
            assert_eq!(refusal(text, variables), None, "{text}");
        }
        fs::remove_file(path).unwrap();
    }
}
