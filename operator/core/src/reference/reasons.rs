//! Why a default is what it is, where that was a decision.

/// By field.
const TABLE: &[(&str, &str)] = &[
    (
        "adapterDiscovery.pollingInterval",
        "a look costs one request on localhost, and half a second is what users notice",
    ),
    (
        "adapterDiscovery.removalHold",
        "longer than a restart of an adapter, so that a hiccup costs nobody an address",
    ),
    (
        "adapterServices.externalTrafficPolicy",
        "export rules of DittoFS look at the address of the client, which `Cluster` hides",
    ),
    (
        "adapterServices.mode",
        "an adapter that comes or goes does not touch the address of another",
    ),
    (
        "adapterServices.nameTemplate",
        "two instances in one namespace never ask for the same name",
    ),
    (
        "adapterServices.type",
        "file clients are outside of the cluster most of the time",
    ),
    (
        "controlPlane.exposure",
        "the API administers the server, so nothing but the pod reaches it until somebody asks",
    ),
    (
        "database.type",
        "it needs nothing else, and there is one pod anyway",
    ),
    (
        "identity.jwt.accessTokenDuration",
        "tokens that are out cannot be revoked, so they live for a short time",
    ),
    (
        "networkPolicy.egress.apiServer.ports",
        "the port of the Service `kubernetes` and the usual one behind it",
    ),
    (
        "networkPolicy.enabled",
        "a port that no adapter uses is closed, also to the other pods of the cluster",
    ),
    (
        "percona.deleteWithServer",
        "deleting a DittoServer loses no data",
    ),
    (
        "pod.disruptionBudget",
        "an eviction of the only pod is an outage for every client",
    ),
    ("replicas", "DittoFS has one writer of its data"),
    (
        "rollPolicy",
        "what is asked for should hold; `Manual` is for those who choose the hour",
    ),
    (
        "sidecar.updatePolicy",
        "a sidecar that fits its operator disturbs nobody, and one that does not run is found out while the server runs",
    ),
    (
        "startupTimeout",
        "a server that replays what was in flight needs its time, and one that hangs should not hang for days",
    ),
    (
        "storage.controlPlaneSize",
        "users, shares and adapters take a few MiB",
    ),
    (
        "storage.retentionPolicy",
        "deleting a DittoServer loses no files",
    ),
    (
        "terminationGracePeriodSeconds",
        "three stages of up to 30 s each, 5 s that the server adds, and 10 s of room",
    ),
];

/// Why the default of a field is what it is.
pub fn of(path: &str) -> Option<&'static str> {
    let entry = TABLE.iter().find(|(field, _)| *field == path);
    entry.map(|(_, reason)| *reason)
}

/// The fields of which a reason is given.
pub fn fields() -> impl Iterator<Item = &'static str> {
    TABLE.iter().map(|(field, _)| *field)
}
