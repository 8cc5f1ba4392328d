//! Values that are of the right type and out of what the server allows.

use std::time::Duration;

use super::{
    ConfigError, ServerConfig,
    rules::{given, missing},
    sections::{Gc, Kerberos, OnlineJoin},
};

/// Refuses them. What belongs to something that is switched off is looked at as well.
pub(super) fn check(config: &ServerConfig) -> Result<(), ConfigError> {
    gc(&config.gc)?;
    let badger = &config.metadata.badger;
    for (key, value) in [
        ("block_cache_mb", badger.block_cache_mb),
        ("index_cache_mb", badger.index_cache_mb),
    ] {
        refused_if(
            value.is_some_and(|value| value < 0),
            &format!("metadata.badger.{key}"),
            &value.unwrap_or_default(),
            "0 or more",
        )?;
    }
    let sid = given(config.identity.machine_sid.as_ref());
    refused_if(
        sid.is_some_and(|sid| !is_sid(sid)),
        "identity.machine_sid",
        &sid.unwrap_or_default(),
        "a SID of a machine, such as S-1-5-21-1-2-3",
    )?;
    kerberos(&config.kerberos)
}

fn gc(gc: &Gc) -> Result<(), ConfigError> {
    let shorter = |given: Option<super::duration::ConfigDuration>, least: Duration| {
        given.is_some_and(|given| !given.0.is_zero() && given.0 < least)
    };
    refused_if(
        shorter(gc.grace_period, Duration::from_mins(5)),
        "gc.grace_period",
        &"less",
        "5m or more",
    )?;
    refused_if(
        shorter(gc.auto_interval, Duration::from_mins(1)),
        "gc.auto_interval",
        &"less",
        "1m or more",
    )?;
    let ratio = gc.compaction_live_ratio.unwrap_or_default();
    refused_if(
        !(0.0..=1.0).contains(&ratio),
        "gc.compaction_live_ratio",
        &ratio,
        "a number from 0 to 1",
    )
}

fn kerberos(kerberos: &Kerberos) -> Result<(), ConfigError> {
    for (key, value, forbidden) in [
        ("realm", &kerberos.realm, "@/ "),
        ("netbios_domain", &kerberos.netbios_domain, ".@/ "),
        ("dns_domain", &kerberos.dns_domain, "@/ "),
    ] {
        let value = value.as_deref().unwrap_or_default();
        refused_if(
            value.contains(|c| forbidden.contains(c)),
            &format!("kerberos.{key}"),
            &value,
            "a name of a domain",
        )?;
    }
    let account = &kerberos.machine_account;
    let join = &account.online_join;
    if join.enabled != Some(true) {
        return Ok(());
    }
    refused_if(
        account.enabled != Some(true),
        "kerberos.machine_account.online_join.enabled",
        &true,
        "kerberos.machine_account.enabled with it",
    )?;
    online_join(join)
}

fn online_join(join: &OnlineJoin) -> Result<(), ConfigError> {
    const SECTION: &str = "kerberos.machine_account.online_join";
    for (key, value) in [
        ("ldap_url", &join.ldap_url),
        ("bind_dn", &join.bind_dn),
        ("bind_password", &join.bind_password),
        ("base_dn", &join.base_dn),
    ] {
        given(value.as_ref())
            .ok_or_else(|| missing(format!("{SECTION}.{key}"), "online_join is enabled"))?;
    }
    let url = given(join.ldap_url.as_ref()).unwrap_or_default();
    let scheme = url.to_ascii_lowercase();
    let plain = scheme.starts_with("ldap://") && join.start_tls == Some(true);
    refused_if(
        !scheme.starts_with("ldaps://") && !plain,
        &format!("{SECTION}.ldap_url"),
        &url,
        "ldaps://, or ldap:// with start_tls",
    )
}

/// `S-1-`, an authority, and numbers.
fn is_sid(text: &str) -> bool {
    let Some(numbers) = text.strip_prefix("S-") else {
        return false;
    };
    let numbers: Vec<_> = numbers.split('-').collect();
    numbers.len() > 2 && numbers.iter().all(|number| number.parse::<u64>().is_ok())
}

fn refused_if(
    wrong: bool,
    key: &str,
    value: &impl ToString,
    allowed: &str,
) -> Result<(), ConfigError> {
    if !wrong {
        return Ok(());
    }
    Err(ConfigError::NotAllowed {
        key: key.to_owned(),
        value: value.to_string(),
        allowed: allowed.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each of these ended the real server, version 0.29.0.
    #[test]
    fn what_is_out_of_bounds_is_refused_by_its_key() {
        for (text, key) in [
            ("gc: {grace_period: 1m}", "gc.grace_period"),
            ("gc: {auto_interval: 30s}", "gc.auto_interval"),
            ("gc: {compaction_live_ratio: 2}", "gc.compaction_live_ratio"),
            (
                "metadata: {badger: {block_cache_mb: -1}}",
                "metadata.badger.block_cache_mb",
            ),
            ("identity: {machine_sid: nonsense}", "identity.machine_sid"),
            ("kerberos: {realm: A B}", "kerberos.realm"),
            (
                "kerberos: {machine_account: {online_join: {enabled: true}}}",
                "kerberos.machine_account.online_join.enabled",
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
    fn what_is_within_them_is_accepted() {
        for text in [
            "",
            "gc: {grace_period: 0s, auto_interval: 0s, compaction_live_ratio: 1, dry_run_sample_size: -1}",
            "identity: {machine_sid: S-1-5-21-1-2-3}",
            "kerberos: {realm: EXAMPLE.COM, netbios_domain: EXAMPLE}",
        ] {
            check(&ServerConfig::from_yaml(text).unwrap()).unwrap();
        }
    }
}
