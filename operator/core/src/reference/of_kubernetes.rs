//! The fields with a type of Kubernetes itself.

/// Fields with a type of Kubernetes itself, which its own documentation describes, by their path in the spec or the
/// status.
const OF_KUBERNETES: &[(&str, &str)] = &[
    (
        "adapterServices.overrides.*.serviceTemplate.spec",
        "ServiceSpec",
    ),
    ("adapterServices.serviceTemplate.spec", "ServiceSpec"),
    ("conditions", "list of Condition"),
    ("networkPolicy.adapters.from", "list of NetworkPolicyPeer"),
    (
        "networkPolicy.adapters.overrides.*.from",
        "list of NetworkPolicyPeer",
    ),
    ("networkPolicy.api.from", "list of NetworkPolicyPeer"),
    (
        "networkPolicy.egress.apiServer.to",
        "list of NetworkPolicyPeer",
    ),
    (
        "networkPolicy.egress.rules",
        "list of NetworkPolicyEgressRule",
    ),
    ("networkPolicy.metrics.from", "list of NetworkPolicyPeer"),
    ("pod.affinity", "Affinity"),
    ("pod.env", "list of EnvVar"),
    ("pod.imagePullSecrets", "list of LocalObjectReference"),
    ("pod.tolerations", "list of Toleration"),
    (
        "pod.topologySpreadConstraints",
        "list of TopologySpreadConstraint",
    ),
    ("pod.volumeMounts", "list of VolumeMount"),
    ("pod.volumes", "list of Volume"),
    ("podSecurityContext", "PodSecurityContext"),
    ("resources", "ResourceRequirements"),
    ("securityContext", "SecurityContext"),
    ("sidecar.resources", "ResourceRequirements"),
];

/// The type of a field, if it is one of Kubernetes itself.
pub(super) fn of_kubernetes(path: &str) -> Option<&'static str> {
    let entry = OF_KUBERNETES.iter().find(|(field, _)| *field == path);
    entry.map(|(_, r#type)| *r#type)
}

/// The paths of the fields with a type of Kubernetes.
pub fn paths() -> impl Iterator<Item = &'static str> {
    OF_KUBERNETES.iter().map(|(field, _)| *field)
}
