//! LDAP and Kerberos: the server stores their settings when it first starts with them, and a restart does not change
//! them.

use crate::fields::merge;
use crate::{Outcome, ensure};
use dittofs_operator_core::observed::Observed;
use dittofs_operator_core::ownership::Ownership;
use dittofs_operator_core::roll;
use dittofs_shared::crd::SecretKeyReference;
use serde_json::{Value, json};
use std::collections::BTreeMap;

use super::case::{facts, parse};
use super::roll::{changed, observed, parts_of, running};

type Error = Box<dyn std::error::Error + Send + Sync>;

fn directories() -> Value {
    json!({"identity": {
        "ldap": {
            "enabled": true, "url": "ldaps://dc.example.com", "baseDN": "DC=a", "bindDN": "CN=b",
            "bindPasswordSecretRef": SecretKeyReference::new("own", "password"),
            "caSecretRef": SecretKeyReference::new("tls", "ca.crt"),
        },
        "kerberos": {
            "enabled": true, "servicePrincipal": "nfs/files@EXAMPLE.COM",
            "keytabSecretRef": SecretKeyReference::new("own", "keytab"),
        },
    }})
}

fn with(more: Value) -> Result<Observed, Error> {
    let mut spec = directories();
    merge(&mut spec["identity"], more);
    observed(&spec)
}

/// An edit of the spec, and another value of a key of a Secret.
fn edited(spec: Value, key: Option<(&str, &str)>) -> Result<Observed, Error> {
    let mut observed = with(spec)?;
    if let Some((secret, key)) = key {
        let secret = observed.secrets.get_mut(secret).ok_or("no such Secret")?;
        let value = secret.keys.get_mut(key).ok_or("no such key")?;
        "another".clone_into(&mut value.digest);
    }
    Ok(observed)
}

fn unread(observed: &Observed) -> Vec<&'static str> {
    let unread = roll::not_applied(&parse(observed));
    unread.into_iter().map(roll::Directory::name).collect()
}

/// What rolls once there is data, and of what the user is told that the server does not read it.
pub fn what_the_server_has_stored_rolls_nobody_and_is_told() -> Outcome {
    let before = with(json!({}))?;
    let kerberos = ["kerberos"].as_slice();
    let ldap = ["ldap"].as_slice();
    let machine = json!({"enabled": true, "accountName": "F$"});
    let same = || json!({});
    for (spec, key, rolls, told) in [
        (same(), None, "", &[][..]),
        (json!({"ldap": {"url": "ldaps://other"}}), None, "", ldap),
        (same(), Some(("own", "password")), "", ldap),
        (same(), Some(("tls", "ca.crt")), "ldap-files", &[]),
        (json!({"ldap": {"enabled": false}}), None, "", ldap),
        (json!({"kerberos": {"realm": "B"}}), None, "", kerberos),
        (same(), Some(("own", "keytab")), "kerberos-files", &[]),
        (json!({"kerberos": {"enabled": false}}), None, "", kerberos),
        (
            json!({"kerberos": {"machineAccount": machine}}),
            None,
            "kerberos-files",
            &[],
        ),
    ] {
        let what = format!("{spec} {key:?}");
        let after = running(&before, edited(spec, key)?)?;
        let parts = changed(&parts_of(&before)?, &parts_of(&after)?).join(",");
        ensure!(parts == rolls, "{what} rolls {parts:?}, not {rolls:?}");
        let seen = unread(&after);
        ensure!(seen == told, "{what}: told is {seen:?}, not {told:?}");
    }
    Ok(())
}

/// What has been stored stays stored, whatever restarts the server, and an edit that is taken back is forgotten.
pub fn what_is_stored_is_remembered_through_restarts() -> Outcome {
    let before = with(json!({}))?;
    let edited = running(&before, with(json!({"ldap": {"url": "ldaps://other"}}))?)?;
    let mut spec = json!({"image": "registry.example/other:2"});
    merge(&mut spec, directories());
    spec["identity"]["ldap"]["url"] = json!("ldaps://other");
    let restarted = running(&edited, observed(&spec)?)?;
    let parts = changed(&parts_of(&before)?, &parts_of(&restarted)?);
    ensure!(parts == ["image"], "{parts:?}");
    ensure!(unread(&restarted) == ["ldap"], "it is forgotten");
    let back = running(&restarted, with(json!({}))?)?;
    ensure!(unread(&back).is_empty(), "{:?}", unread(&back));
    Ok(())
}

/// A server without data reads what it is given, and so does one that has not had the directory before.
pub fn a_server_that_has_stored_nothing_is_restarted() -> Outcome {
    let before = with(json!({}))?;
    let mut after = running(&before, with(json!({"ldap": {"url": "ldaps://other"}}))?)?;
    after.adapters = None;
    let parts = changed(&parts_of(&before)?, &parts_of(&after)?);
    ensure!(parts == ["ldap"], "without data: {parts:?}");
    ensure!(unread(&after).is_empty(), "without data it is read");

    let before = observed(&json!({}))?;
    let parts = changed(
        &parts_of(&before)?,
        &parts_of(&running(&before, with(json!({}))?)?)?,
    );
    let expected = ["kerberos", "kerberos-files", "ldap", "ldap-files"];
    ensure!(parts == expected, "when it is switched on: {parts:?}");
    Ok(())
}

/// Nobody who can read pods can try passwords: the same password in another instance has another digest.
pub fn a_password_leaves_no_digest_that_can_be_tried() -> Outcome {
    let own = with(json!({}))?;
    let mut other = own.clone();
    let mut salt = facts(BTreeMap::from([("password".to_owned(), 33)]));
    salt.ownership = Ownership::Ours;
    let name = "files-sidecar-credentials".to_owned();
    ensure!(other.secrets.insert(name, salt).is_some(), "no such Secret");
    let parts = changed(&parts_of(&own)?, &parts_of(&other)?);
    ensure!(parts == ["ldap"], "{parts:?}");
    Ok(())
}
