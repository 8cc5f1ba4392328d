//! The reason for a default, where it was a decision.

/// By field.
const TABLE: &[(&str, &str)] = &[
    (
        "adapterDiscovery.pollingInterval",
        "a poll costs one request on localhost and a line in the log of the server, and it lasts only while something is in motion",
    ),
    (
        "adapterDiscovery.removalHold",
        "longer than a restart of an adapter, so that no client loses its address to a short interruption",
    ),
    (
        "adapterServices.externalTrafficPolicy",
        "export rules of DittoFS match the address of the client, which `Cluster` hides",
    ),
    (
        "adapterServices.mode",
        "adding or removing an adapter never changes the address of another",
    ),
    (
        "adapterServices.nameTemplate",
        "names of two instances in one namespace never conflict",
    ),
    (
        "adapterServices.type",
        "file clients are mostly outside of the cluster",
    ),
    (
        "controlPlane.exposure",
        "the API administers the server, so only the pod reaches it unless you expose it",
    ),
    (
        "database.type",
        "it needs no other service, and there is only one pod",
    ),
    (
        "identity.jwt.accessTokenDuration",
        "issued tokens cannot be revoked, so they are short-lived",
    ),
    (
        "image",
        "a restart never brings a version of the server that nobody chose",
    ),
    (
        "networkPolicy.egress.apiServer.ports",
        "the port of Service `kubernetes`, and the usual port of the API server behind it",
    ),
    (
        "networkPolicy.enabled",
        "ports that no adapter uses stay closed, also to other pods of the cluster",
    ),
    (
        "percona.deleteWithServer",
        "deleting a DittoServer keeps the database",
    ),
    (
        "pod.disruptionBudget",
        "evicting the only pod is an outage for every client",
    ),
    (
        "pod.userPolicy",
        "files keep their owner wherever the pod runs, and most platforms assign no users",
    ),
    ("replicas", "the data of DittoFS have a single writer"),
    (
        "rollPolicy",
        "changes should take effect; `Manual` lets you choose the time",
    ),
    (
        "sidecar.updatePolicy",
        "the sidecar always matches the operator, and an image that does not run is noticed while the server still runs",
    ),
    (
        "startupTimeout",
        "long enough for a server that replays pending writes, and short enough to restart one that hangs",
    ),
    (
        "storage.controlPlaneSize",
        "users, shares and adapters need a few MiB",
    ),
    (
        "storage.retentionPolicy",
        "deleting a DittoServer keeps its files",
    ),
    (
        "terminationGracePeriodSeconds",
        "three stages of up to 30 s each, 5 s that the server adds, and a margin of 10 s",
    ),
];

/// The reason for the default of a field.
pub fn of(path: &str) -> Option<&'static str> {
    let entry = TABLE.iter().find(|(field, _)| *field == path);
    entry.map(|(_, reason)| *reason)
}

/// The fields with a reason.
pub fn fields() -> impl Iterator<Item = &'static str> {
    TABLE.iter().map(|(field, _)| *field)
}
