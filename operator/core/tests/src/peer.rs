//! The schema of the existing Go operator: everything in it is accepted here, and means the same.

use crate::trial::{plain, skipped};
use crate::{Outcome, ensure};
use dittofs_operator_core::reference::{definition, fields};
use libtest_mimic::Trial;
use serde_json::Value;
use std::collections::BTreeSet;

use super::config::given;

/// Says where the definition is that the Go operator installs.
const VARIABLE: &str = "DITTOFS_PEER_CRD";

/// Defaults that are ours on purpose: field, ours, and why.
const OTHER_DEFAULTS: &[(&str, &str, &str)] = &[
    (
        "adapterDiscovery.pollingInterval",
        "500ms",
        "a look is one request on localhost, it is the rate while something is in motion only, and more than 2s means 2s",
    ),
    ("identity.jwt.accessTokenDuration", "900s", "the same time"),
    (
        "identity.jwt.refreshTokenDuration",
        "604800s",
        "the same time",
    ),
    (
        "identity.kerberos.enabled",
        "false",
        "what no value means there, too",
    ),
    (
        "identity.kerberos.machineAccount.enabled",
        "false",
        "what no value means there, too",
    ),
    (
        "identity.ldap.allowPlaintext",
        "false",
        "what no value means there, too",
    ),
    (
        "identity.ldap.enabled",
        "false",
        "what no value means there, too",
    ),
    (
        "identity.ldap.insecureSkipVerify",
        "false",
        "what no value means there, too",
    ),
    (
        "identity.ldap.nestedGroups",
        "false",
        "what no value means there, too",
    ),
    (
        "identity.ldap.startTLS",
        "false",
        "what no value means there, too",
    ),
    (
        "image",
        "marmos91c/dittofs:v0.29.0",
        "the version that this operator was tested with, so that no restart brings another one",
    ),
    ("logging.format", "json", "what the server takes itself"),
    ("logging.level", "INFO", "what the server takes itself"),
    ("logging.output", "stdout", "what the server takes itself"),
    (
        "terminationGracePeriodSeconds",
        "105",
        "what their program fills in, now visible",
    ),
];

/// Their fields, so that `docs/fields.md` can be made without their definition.
pub const FIELDS: &[&str] = &[
    "adapterDiscovery.pollingInterval",
    "adapterServices.annotations",
    "adapterServices.type",
    "controlPlane.certSecretName",
    "controlPlane.clientCASecretName",
    "controlPlane.port",
    "controlPlane.tls",
    "database.postgresSecretRef.key",
    "database.postgresSecretRef.name",
    "database.postgresSecretRef.optional",
    "database.sqlite.path",
    "database.type",
    "identity.admin.passwordSecretRef.key",
    "identity.admin.passwordSecretRef.name",
    "identity.admin.passwordSecretRef.optional",
    "identity.admin.username",
    "identity.jwt.accessTokenDuration",
    "identity.jwt.refreshTokenDuration",
    "identity.jwt.secretRef.key",
    "identity.jwt.secretRef.name",
    "identity.jwt.secretRef.optional",
    "identity.kerberos.dnsDomain",
    "identity.kerberos.enabled",
    "identity.kerberos.keytabSecretRef.key",
    "identity.kerberos.keytabSecretRef.name",
    "identity.kerberos.keytabSecretRef.optional",
    "identity.kerberos.krb5Conf",
    "identity.kerberos.krb5ConfSecretRef.key",
    "identity.kerberos.krb5ConfSecretRef.name",
    "identity.kerberos.krb5ConfSecretRef.optional",
    "identity.kerberos.machineAccount.accountName",
    "identity.kerberos.machineAccount.dcAddress",
    "identity.kerberos.machineAccount.enabled",
    "identity.kerberos.machineAccount.keytabSecretRef.key",
    "identity.kerberos.machineAccount.keytabSecretRef.name",
    "identity.kerberos.machineAccount.keytabSecretRef.optional",
    "identity.kerberos.machineAccount.secretRef.key",
    "identity.kerberos.machineAccount.secretRef.name",
    "identity.kerberos.machineAccount.secretRef.optional",
    "identity.kerberos.netbiosDomain",
    "identity.kerberos.realm",
    "identity.kerberos.servicePrincipal",
    "identity.ldap.allowPlaintext",
    "identity.ldap.baseDN",
    "identity.ldap.bindDN",
    "identity.ldap.bindPasswordSecretRef.key",
    "identity.ldap.bindPasswordSecretRef.name",
    "identity.ldap.bindPasswordSecretRef.optional",
    "identity.ldap.caCertFile",
    "identity.ldap.enabled",
    "identity.ldap.idmap",
    "identity.ldap.insecureSkipVerify",
    "identity.ldap.nestedGroups",
    "identity.ldap.realm",
    "identity.ldap.startTLS",
    "identity.ldap.url",
    "identity.ldap.userAttr",
    "identity.type",
    "image",
    "logging.format",
    "logging.level",
    "logging.output",
    "metrics.bearerTokenSecret.key",
    "metrics.bearerTokenSecret.name",
    "metrics.bearerTokenSecret.optional",
    "metrics.enabled",
    "metrics.path",
    "metrics.port",
    "metrics.serviceMonitor.enabled",
    "metrics.serviceMonitor.interval",
    "metrics.serviceMonitor.labels",
    "percona.backup.bucket",
    "percona.backup.credentialsSecretRef.name",
    "percona.backup.enabled",
    "percona.backup.endpoint",
    "percona.backup.fullSchedule",
    "percona.backup.incrSchedule",
    "percona.backup.region",
    "percona.backup.retentionDays",
    "percona.databaseName",
    "percona.deleteWithServer",
    "percona.enabled",
    "percona.replicas",
    "percona.storageClassName",
    "percona.storageSize",
    "podSecurityContext",
    "replicas",
    "resources",
    "securityContext",
    "service.annotations",
    "service.type",
    "snapshotPolicies[].enabled",
    "snapshotPolicies[].interval",
    "snapshotPolicies[].keepLast",
    "snapshotPolicies[].namePrefix",
    "snapshotPolicies[].share",
    "snapshotPolicies[].ttl",
    "storage.contentSize",
    "storage.controlPlaneSize",
    "storage.metadataSize",
    "storage.storageClassName",
    "terminationGracePeriodSeconds",
];

pub fn trials() -> Vec<Trial> {
    let definition = given(VARIABLE, "../shared/dittofs/peer-dittoservers-crd.yaml");
    let names = [
        "golden::peer::the_list_names_all_their_fields",
        "golden::peer::their_schema_is_accepted",
    ];
    match definition {
        Ok(path) => {
            let [list, schema] = [path.clone(), path];
            vec![
                plain(names[0], move || list_is_theirs(&list)),
                plain(names[1], move || is_accepted(&schema)),
            ]
        }
        Err(reason) => names.map(|name| skipped(name, &reason)).into(),
    }
}

fn spec_in(file: &std::path::Path) -> Result<Value, Box<dyn std::error::Error + Send + Sync>> {
    let definition: Value = serde_saphyr::from_str(&std::fs::read_to_string(file)?)?;
    let spec = definition.pointer("/spec/versions/0/schema/openAPIV3Schema/properties/spec");
    Ok(spec.ok_or("their definition has no spec")?.clone())
}

fn list_is_theirs(file: &std::path::Path) -> Outcome {
    let theirs: BTreeSet<_> = fields::inside(&spec_in(file)?)
        .into_iter()
        .filter(fields::Field::is_leaf)
        .map(|field| field.path)
        .collect();
    let listed = FIELDS.iter().map(|field| (*field).to_owned()).collect();
    let differing: Vec<_> = theirs.symmetric_difference(&listed).cloned().collect();
    ensure!(
        differing.is_empty(),
        "FIELDS and their schema differ in {}",
        differing.join(", ")
    );
    Ok(())
}

fn is_accepted(file: &std::path::Path) -> Outcome {
    let ours = definition::definition();
    let ours = ours
        .pointer("/spec/versions/0/schema/openAPIV3Schema/properties/spec")
        .ok_or("our definition has no spec")?;
    let mut wrong = Vec::new();
    compare(&spec_in(file)?, ours, "", &mut wrong);
    ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
    Ok(())
}

/// Down to the last field, also of the types of Kubernetes.
fn compare(theirs: &Value, ours: &Value, path: &str, wrong: &mut Vec<String>) {
    if ours.is_null() {
        wrong.push(format!("{path} does not exist"));
        return;
    }
    if ours["x-kubernetes-preserve-unknown-fields"] == true {
        return;
    }
    let either = |schema: &Value| schema["x-kubernetes-int-or-string"] == true;
    if theirs["type"] != ours["type"] && !either(ours) {
        wrong.push(format!(
            "{path} is {} there and {} here",
            theirs["type"], ours["type"]
        ));
    }
    if let (Some(their), Some(our)) = (theirs["enum"].as_array(), ours["enum"].as_array())
        && let Some(value) = their.iter().find(|value| !our.contains(value))
    {
        wrong.push(format!("{path} cannot be {value}"));
    }
    let same = OTHER_DEFAULTS.iter().find(|(field, ..)| *field == path);
    match (theirs.get("default"), ours.get("default"), same) {
        (their, our, None) if their != our && !(their.is_none() && is_made_of_fields(ours)) => {
            wrong.push(format!(
                "{path} is by default {their:?} there and {our:?} here"
            ));
        }
        (_, our, Some((_, said, _))) if our.map(plain_text).as_deref() != Some(*said) => {
            wrong.push(format!(
                "{path} is said to be {said} by default, and is {our:?}"
            ));
        }
        _ => {}
    }
    let must = |schema: &Value| -> BTreeSet<String> {
        let names = schema["required"].as_array().into_iter().flatten();
        names
            .filter_map(|name| name.as_str().map(ToOwned::to_owned))
            .collect()
    };
    for name in must(ours).difference(&must(theirs)) {
        if theirs["properties"].get(name).is_some()
            && ours["properties"][name].get("default").is_none()
        {
            wrong.push(format!("{path}.{name} must be set here, and not there"));
        }
    }
    for (name, property) in theirs["properties"].as_object().into_iter().flatten() {
        let path = format!("{path}.{name}");
        let path = path.trim_start_matches('.');
        compare(property, &ours["properties"][name], path, wrong);
    }
    for (key, step) in [("items", "[]"), ("additionalProperties", ".*")] {
        if theirs[key].is_object() {
            compare(&theirs[key], &ours[key], &format!("{path}{step}"), wrong);
        }
    }
}

/// The default of such a one is that of its fields.
fn is_made_of_fields(schema: &Value) -> bool {
    schema["properties"].is_object()
}

fn plain_text(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), ToOwned::to_owned)
}
