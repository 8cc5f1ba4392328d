//! Rules of single values.

use kube::core::Rule;

use crate::names;

/// Volumes of the pod that the operator creates.
const OWN_VOLUMES: [&str; 5] = [
    "config",
    "tmp",
    names::METADATA_CLAIM,
    names::CONTENT_CLAIM,
    names::CONTROL_PLANE_CLAIM,
];

/// Where they are mounted.
const OWN_PATHS: [&str; 5] = [
    "/config",
    "/tmp",
    "/data/controlplane",
    "/data/store/metadata",
    "/data/store/block",
];

/// A duration within limits.
pub(in crate::crd) fn duration_between(least: &str, most: &str, example: &str) -> Rule {
    Rule::new(format!(
        "duration(self) >= duration('{least}') && duration(self) <= duration('{most}')"
    ))
    .message(&*format!(
        "must be a duration from {least} to {most}, such as {example}"
    ))
}

/// A duration that is long enough.
pub(in crate::crd) fn duration_of_at_least(least: &str, example: &str) -> Rule {
    Rule::new(format!("duration(self) >= duration('{least}')")).message(&*format!(
        "must be a duration of at least {least}, such as {example}"
    ))
}

/// The size of a volume.
pub(in crate::crd) fn size(example: &str) -> Rule {
    Rule::new("isQuantity(self) && quantity(self).isGreaterThan(quantity('0'))")
        .message(&*format!("must be a size above zero, such as {example}"))
}

/// A size that the server takes as a number of bytes.
pub(in crate::crd) fn size_in_bytes(example: &str) -> Rule {
    Rule::new("isQuantity(self) && quantity(self).isInteger() && quantity(self).isGreaterThan(quantity('0'))").message(
        &*format!("must be a size in whole bytes above zero, such as {example}"),
    )
}

/// The pod loses every other file.
pub(in crate::crd) fn file_on_the_control_plane_volume() -> Rule {
    Rule::new(
        "self.startsWith('/data/controlplane/') && !self.contains('..') && !self.endsWith('/')",
    )
    .message("must be a file below /data/controlplane: every other path is lost with the pod")
}

/// Where the server can log to.
pub(in crate::crd) fn log_output() -> Rule {
    Rule::new("self in ['stdout', 'stderr'] || (self.startsWith('/') && !self.contains('..'))")
        .message("must be stdout, stderr or the absolute path of a file")
}

/// An empty name would name no Secret.
pub(in crate::crd) fn every_secret_has_a_name() -> Rule {
    Rule::new("self.all(secret, secret.name != '')").message("every entry must name a Secret")
}

/// Two volumes of a pod cannot have one name.
pub(in crate::crd) fn no_volume_of_ours() -> Rule {
    Rule::new(format!(
        "self.all(v, !(v.name in {}) && !v.name.startsWith('sidecar-') && !v.name.startsWith('dittofs-'))",
        list(&OWN_VOLUMES)
    ))
    .message(&*format!(
        "the names {}, and those that begin with sidecar- or dittofs-, are reserved for the operator",
        OWN_VOLUMES.join(", ")
    ))
}

/// Some of them hold credentials that are mounted into the sidecar only.
pub(in crate::crd) fn no_mount_of_a_volume_of_ours() -> Rule {
    Rule::new(format!(
        "self.all(m, !(m.name in {}) && !m.name.startsWith('sidecar-') && !m.name.startsWith('dittofs-'))",
        list(&OWN_VOLUMES)
    ))
    .message("cannot mount a volume of the operator: mount one of pod.volumes")
}

/// Nor can two volumes be mounted in one place.
pub(in crate::crd) fn no_path_of_ours() -> Rule {
    Rule::new(format!(
        "self.all(m, !(m.mountPath in {}))",
        list(&OWN_PATHS)
    ))
    .message(&*format!(
        "the paths {} are reserved for the operator",
        OWN_PATHS.join(", ")
    ))
}

/// A list of texts in CEL.
fn list(texts: &[&str]) -> String {
    format!("['{}']", texts.join("', '"))
}
