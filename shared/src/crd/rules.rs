//! Validation rules in CEL. The API server runs them on every write.
//!
//! A rule about one part is a rule of that part, and not of the whole object: an object that was stored before the
//! rule existed can still get its status.

pub(super) mod identity;
pub(super) mod services;
pub(super) mod values;

use kube::core::Rule;

use crate::{AdapterType, labels, names};

/// Longest name of an instance. The controller of the StatefulSet puts `{name}-{10 characters}` into a label,
/// and a label value has at most 63 characters.
const MAX_NAME: usize = 52;
/// Longest name of a Service.
const MAX_SERVICE_NAME: usize = 63;

/// The name becomes part of Service names, which must be DNS labels that begin with a letter (RFC 1035).
pub(super) fn instance_name() -> Rule {
    Rule::new(format!(
        "self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$') && self.metadata.name.size() <= {MAX_NAME}"
    ))
    .message(&*format!(
        "metadata.name must begin with a letter, contain only lower case letters, digits and '-', and have at most {MAX_NAME} \
         characters: Services and pods are named after it"
    ))
}

/// Two adapters must not request the same Service.
pub(super) fn name_template_distinguishes() -> Rule {
    Rule::new("!has(self.spec.adapterServices.nameTemplate) || self.spec.adapterServices.nameTemplate.contains('{adapter}')")
        .message("spec.adapterServices.nameTemplate must contain {adapter}: otherwise the Services of all adapters have the same name")
        .field_path(".spec.adapterServices.nameTemplate")
}

/// Evaluated with the longest adapter type in place of the adapter (a Service for all of them is named after
/// `adapters`, which is longer), and with any name of an instance in place of the real one: only its length
/// matters, and rendering the real one would cost more than the API server lets a rule cost.
pub(super) fn name_template_is_a_service_name() -> Rule {
    let template = "self.spec.adapterServices.nameTemplate";
    let mode = "self.spec.adapterServices.mode";
    let adapter = AdapterType::LONGEST_NAME;
    let longer_by = labels::ALL_ADAPTERS.len() - adapter.len();
    let shape =
        format!("{template}.replace('{{instance}}', 'i').replace('{{adapter}}', '{adapter}')");
    let adapters = format!("({template}.split('{{adapter}}').size() - 1)");
    let in_shared = format!("(has({mode}) && {mode} == 'Shared' ? {adapters} * {longer_by} : 0)");
    let names = format!("({template}.split('{{instance}}').size() - 1)");
    Rule::new(format!(
        "!has({template}) || ({shape}.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$') && \
         {shape}.size() + {in_shared} + {names} * (self.metadata.name.size() - 1) <= {MAX_SERVICE_NAME})"
    ))
    .message(&*format!(
        "spec.adapterServices.nameTemplate must give a valid Service name: lower case letters, digits and '-', beginning with a \
         letter, at most {MAX_SERVICE_NAME} characters; only {{instance}} and {{adapter}} are replaced"
    ))
    .field_path(".spec.adapterServices.nameTemplate")
}

/// The control plane must know where its database is.
pub(super) fn postgres_has_a_server() -> Rule {
    Rule::new(
        "!has(self.database) || !has(self.database.type) || self.database.type != 'postgres' || has(self.database.postgresSecretRef) \
         || (has(self.percona) && self.percona.enabled)",
    )
    .message("database.type postgres requires database.postgresSecretRef, or percona.enabled: true")
    .field_path(".database.type")
}

/// Two listeners cannot share a port.
pub(super) fn metrics_have_a_port_of_their_own() -> Rule {
    Rule::new("!self.metrics.enabled || self.metrics.port != self.controlPlane.port")
        .message("metrics.port must differ from controlPlane.port: the server listens on both")
        .field_path(".metrics.port")
}

/// A size may become smaller only while the volume is not larger, which is how a growth that has failed is taken
/// back. A rule of the whole object, because the sizes of the volumes are in the status.
pub(super) fn volumes_cannot_shrink(field: &str, volume: &str) -> Rule {
    let path = format!(".spec.storage.{field}");
    let (new, old) = (format!("self{path}"), format!("oldSelf{path}"));
    Rule::new(format!(
        "!has({new}) || !has({old}) || !isQuantity({new}) || !isQuantity({old}) || quantity({new}).compareTo(quantity({old})) >= 0 \
         || (has(self.status) && has(self.status.volumes) && self.status.volumes.exists(v, v.name == '{volume}' && has(v.capacity) \
         && isQuantity(v.capacity) && quantity({new}).compareTo(quantity(v.capacity)) >= 0))"
    ))
    .message("must not be smaller than the volume: volumes cannot shrink")
    .field_path(path)
}

/// The files are on that volume.
pub(super) fn content_stays() -> Rule {
    Rule::new("!has(oldSelf.contentSize) || has(self.contentSize)")
        .message("storage.contentSize cannot be removed: the volume holds the files")
}

/// Claims that exist keep their StorageClass.
pub(super) fn storage_class_stays() -> Rule {
    let (new, old) = ("self.storageClassName", "oldSelf.storageClassName");
    Rule::new(format!(
        "has({new}) == has({old}) && (!has({new}) || {new} == {old})"
    ))
    .message("storage.storageClassName is immutable: the PersistentVolumeClaims already exist")
}

/// A server can require a certificate only over TLS.
pub(super) fn client_certificates_need_tls() -> Rule {
    Rule::new("!has(self.clientCASecretName) || has(self.certSecretName)").message(
        "controlPlane.clientCASecretName requires controlPlane.certSecretName: client certificates need TLS",
    )
}

/// The operator annotates only the ServiceAccount that it creates.
pub(super) fn annotations_are_for_our_service_account() -> Rule {
    Rule::new("!has(self.serviceAccountName) || !has(self.serviceAccountAnnotations)").message(
        "pod.serviceAccountName and pod.serviceAccountAnnotations are mutually exclusive: annotate your own ServiceAccount directly",
    )
}

/// pgBackRest needs a place to write to.
pub(super) fn backup_has_a_bucket() -> Rule {
    let (bucket, endpoint) = (is_set("bucket"), is_set("endpoint"));
    Rule::new(format!("!self.enabled || ({bucket} && {endpoint})")).message(
        "percona.backup.enabled requires percona.backup.bucket and percona.backup.endpoint",
    )
}

/// The sidecar has this port in the pod, which all containers share.
pub(super) fn not_the_port_of_the_sidecar() -> Rule {
    let port = names::SIDECAR_PORT;
    Rule::new(format!("self != {port}")).message(&*format!(
        "must not be {port}: the sidecar serves its probes there"
    ))
}

/// A text field that is set and not empty.
fn is_set(field: &str) -> String {
    format!("has(self.{field}) && self.{field} != ''")
}

/// A reference that names a Secret. The Go operator's schema has the empty name as its default.
fn names_a_secret(field: &str) -> String {
    format!("has(self.{field}) && self.{field}.name != ''")
}

/// None of these fields is set.
fn none_is_set(object: &str, fields: &[&str]) -> String {
    let absent = fields.iter().map(|field| format!("!has({object}.{field})"));
    absent.collect::<Vec<_>>().join(" && ")
}
