//! Validation rules that look at more than one field, in CEL. The API server runs them on every write.

use kube::core::Rule;

/// Longest name of an instance. The controller of the StatefulSet puts `{name}-{10 characters}` into a label,
/// and a label value has at most 63 characters.
const LONGEST_NAME: usize = 52;

/// The name becomes part of Service names, which must be DNS labels that begin with a letter (RFC 1035).
pub(super) fn instance_name() -> Rule {
    Rule::new(format!(
        "self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$') && self.metadata.name.size() <= {LONGEST_NAME}"
    ))
    .message(
        "metadata.name must begin with a letter, hold only lower case letters, digits and '-', and have at most 52 characters: \
         Services and pods are named after it",
    )
}

/// Two adapters must not ask for the same Service.
pub(super) fn name_template_distinguishes() -> Rule {
    Rule::new("!has(self.spec.adapterServices.nameTemplate) || self.spec.adapterServices.nameTemplate.contains('{adapter}')")
        .message("spec.adapterServices.nameTemplate must contain {adapter}, else all adapters would get Services of the same name")
        .field_path(".spec.adapterServices.nameTemplate")
}

/// Judged with what takes the place of the adapter (the known types have three characters each; a Service for all of them is named
/// after `adapters`), and with any name of an instance in place of the real one: only its length matters, and rendering the real one
/// would cost more than the API server lets a rule cost.
pub(super) fn name_template_is_a_service_name() -> Rule {
    let template = "self.spec.adapterServices.nameTemplate";
    let mode = "self.spec.adapterServices.mode";
    let shape = format!("{template}.replace('{{instance}}', 'i').replace('{{adapter}}', 'nfs')");
    let adapters = format!("({template}.split('{{adapter}}').size() - 1)");
    let longer = format!("(has({mode}) && {mode} == 'Shared' ? {adapters} * 5 : 0)");
    let names = format!("({template}.split('{{instance}}').size() - 1)");
    Rule::new(format!(
        "!has({template}) || ({shape}.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$') && \
         {shape}.size() + {longer} + {names} * (self.metadata.name.size() - 1) <= 63)"
    ))
    .message(
        "spec.adapterServices.nameTemplate must give a valid Service name: lower case letters, digits and '-', beginning with a \
         letter, at most 63 characters; only {instance} and {adapter} are replaced",
    )
    .field_path(".spec.adapterServices.nameTemplate")
}

/// A rule of the spec and not of the whole object: an object that was stored before the rule existed can still get its status.
pub(super) fn postgres_has_a_server() -> Rule {
    Rule::new(
        "!has(self.database) || !has(self.database.type) || self.database.type != 'postgres' || has(self.database.postgresSecretRef) \
         || (has(self.percona) && self.percona.enabled)",
    )
    .message("database.type postgres needs database.postgresSecretRef, or percona.enabled")
    .field_path(".database.type")
}

/// A size may become smaller only while the volume is not larger, which is how a growth that has failed is taken back. A
/// rule of the whole object, because the sizes of the volumes are in the status.
pub(super) fn volumes_cannot_shrink(field: &str, volume: &str) -> Rule {
    let path = format!(".spec.storage.{field}");
    let (new, old) = (format!("self{path}"), format!("oldSelf{path}"));
    Rule::new(format!(
        "!has({new}) || !has({old}) || !isQuantity({new}) || !isQuantity({old}) || quantity({new}).compareTo(quantity({old})) >= 0 \
         || (has(self.status) && has(self.status.volumes) && self.status.volumes.exists(v, v.name == '{volume}' && has(v.capacity) \
         && isQuantity(v.capacity) && quantity({new}).compareTo(quantity(v.capacity)) >= 0))"
    ))
    .message("cannot be made smaller than the volume is: volumes cannot shrink")
    .field_path(path)
}

/// Two listeners cannot share a port.
pub(super) fn metrics_have_a_port_of_their_own() -> Rule {
    Rule::new("!self.metrics.enabled || self.metrics.port != self.controlPlane.port")
        .message(
            "metrics.port must differ from controlPlane.port: two listeners cannot share a port",
        )
        .field_path(".metrics.port")
}
