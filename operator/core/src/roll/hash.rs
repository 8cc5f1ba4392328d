//! Hashes over what a running server must be restarted for.

use dittofs_shared::crd::{DittoServerSpec, PodSettings, UserPolicy};
use k8s_openapi::api::core::v1::{Affinity, Toleration, TopologySpreadConstraint};
use serde::Serialize;
use std::collections::BTreeMap;

use super::directory::{self, Directory};
use crate::digest::short_digest;
use crate::instance::Instance;
use crate::secrets::Digest;

/// The two hashes in the annotations of the template, with one part for each reason to restart: `image:1f2e…
/// config:9c0d…`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hashes {
    /// Over what was requested, and nothing that is rendered, so that an upgrade of the operator restarts no server.
    /// For the same reason a new part must be left out while its fields are not set.
    pub inputs: String,
    /// In the form of the first releases, in which `config` is over the text of `config.yaml`. Their pods have no
    /// other, and are compared by this one.
    pub first_form: String,
}

/// The hashes of an instance. `text` renders the `config.yaml` of the first releases, which is seldom needed;
/// `settings` are its inputs.
pub fn hashes(
    instance: &Instance,
    text: impl FnOnce() -> String,
    settings: &impl Serialize,
    secrets: &Digest,
) -> Hashes {
    let inputs = inputs(instance, settings, secrets);
    let history = &instance.history;
    // While the inputs are the same, so is the first form: another rendering must not restart the pods that have it.
    let unchanged = history.inputs.as_ref() == Some(&inputs);
    let first_form = history.first_form.clone().filter(|_| unchanged);
    Hashes {
        first_form: first_form.unwrap_or_else(|| of_first_form(instance, &text(), secrets)),
        inputs,
    }
}

fn inputs(instance: &Instance, settings: &impl Serialize, secrets: &Digest) -> String {
    let spec = &instance.spec;
    let mut parts = vec![
        part("image", &spec.image),
        part("config", settings),
        secrets_part(instance, secrets, secrets.others.as_ref()),
    ];
    parts.extend(own_parts(instance));
    for (name, value) in directory::parts(instance, secrets) {
        parts.push(format!("{name}:{value}"));
    }
    parts.join(" ")
}

/// The order and the values are those of the first releases, and must stay so.
fn of_first_form(instance: &Instance, text: &str, secrets: &Digest) -> String {
    let mut parts = vec![
        part("image", &instance.spec.image),
        part("config", &text),
        secrets_part(instance, secrets, secrets.all_others.as_ref()),
    ];
    parts.extend(own_parts(instance));
    parts.join(" ")
}

/// What both forms have.
fn own_parts(instance: &Instance) -> Vec<String> {
    let spec = &instance.spec;
    let mut parts = vec![
        part("resources", &spec.resources),
        security_part(spec),
        volumes_part(instance),
        part("grace", &spec.termination_grace_period_seconds),
    ];
    let scheduling = Scheduling::of(&spec.pod);
    if scheduling != Scheduling::of(&PodSettings::default()) {
        parts.push(part("scheduling", &scheduling));
    }
    let pod = &spec.pod;
    if !pod.env.is_empty() || !pod.env_from.is_empty() {
        parts.push(part("env", &(&pod.env, &pod.env_from)));
    }
    parts
}

/// Who chooses the user is left out while the operator does.
fn security_part(spec: &DittoServerSpec) -> String {
    let contexts = (&spec.security_context, &spec.pod_security_context);
    match spec.pod.user_policy {
        UserPolicy::Fixed => part("security", &contexts),
        chosen @ UserPolicy::Platform => part("security", &(contexts, chosen)),
    }
}

/// Parts over other Secrets are left out while the spec names none.
fn secrets_part(instance: &Instance, secrets: &Digest, others: Option<&String>) -> String {
    let jwt = &instance.secrets.jwt;
    let signing_key = (&secrets.signing_key, &jwt.name, &jwt.key);
    let cluster = instance.percona.as_ref();
    let connection = cluster.and_then(|cluster| cluster.connection.digest());
    match (others, connection) {
        (None, None) => part("secrets", &signing_key),
        (Some(others), None) => part("secrets", &(signing_key, others)),
        (others, Some(connection)) => part("secrets", &(signing_key, others, connection)),
    }
}

/// The user's own volumes are left out while there are none.
fn volumes_part(instance: &Instance) -> String {
    let has_contents = instance.spec.storage.content_size.is_some();
    let pod = &instance.spec.pod;
    if pod.volumes.is_empty() && pod.volume_mounts.is_empty() {
        return part("volumes", &has_contents);
    }
    part("volumes", &(has_contents, &pod.volumes, &pod.volume_mounts))
}

/// Where the pod may run. How its images are pulled concerns the next pod only. Serialised like the spec, without
/// unset fields: pods carry hashes of that form.
#[derive(Serialize, PartialEq)]
#[serde(rename_all = "camelCase")]
struct Scheduling<'a> {
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    node_selector: &'a BTreeMap<String, String>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    tolerations: &'a [Toleration],
    #[serde(skip_serializing_if = "Option::is_none")]
    affinity: Option<&'a Affinity>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    topology_spread_constraints: &'a [TopologySpreadConstraint],
    #[serde(skip_serializing_if = "Option::is_none")]
    priority_class_name: Option<&'a str>,
}

impl<'a> Scheduling<'a> {
    fn of(pod: &'a PodSettings) -> Self {
        Self {
            node_selector: &pod.node_selector,
            tolerations: &pod.tolerations,
            affinity: pod.affinity.as_ref(),
            topology_spread_constraints: &pod.topology_spread_constraints,
            priority_class_name: pod.priority_class_name.as_deref(),
        }
    }
}

fn part(name: &str, value: &impl Serialize) -> String {
    format!("{name}:{}", short_digest(value))
}

/// The directories whose settings in the spec differ from those that the server has stored.
pub fn not_applied(instance: &Instance) -> Vec<Directory> {
    match &instance.secrets.digest {
        Ok(secrets) => directory::not_applied(instance, secrets),
        Err(_) => Vec::new(),
    }
}
