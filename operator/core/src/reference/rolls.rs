//! Which fields restart a running server when they change. `docs/reference.md` prints this table, and `golden::roll`
//! checks it by computing what each change does.

/// What a change of a field does to a running server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rolls {
    /// It keeps running, and the change takes full effect.
    No,
    /// It keeps running, and the change takes effect, or part of it, when the pod is next recreated.
    NextPod,
    /// It keeps running and ignores the change, because it has stored its settings when it first started with them.
    /// While it has no data, it is restarted.
    Stored,
    /// It is restarted, and this part of the roll hash changes.
    Yes(&'static str),
    /// The same, but only under the condition in the text.
    When(&'static str, &'static str),
}

use Rolls::{NextPod, No, Stored, When, Yes};

const METRICS: &str = "while `metrics.enabled` is true";
const SERVICE: &str =
    "only when `service` was not set before and `controlPlane.exposure` is Loopback";

const FIRST: &str = "only when it is enabled for the first time";

/// By field, or by a common prefix of several fields; the longest one counts.
const TABLE: &[(&str, Rolls)] = &[
    ("adapterDiscovery", No),
    ("adapterServices", No),
    ("configOverrides", Yes("config")),
    ("controlPlane.certSecretName", Yes("config")),
    ("controlPlane.clientCASecretName", Yes("config")),
    ("controlPlane.clientCertSecretName", No),
    ("controlPlane.exposure", Yes("config")),
    ("controlPlane.port", Yes("config")),
    ("controlPlane.tls", No),
    ("database", Yes("config")),
    ("database.postgresSecretRef", Yes("secrets")),
    ("database.postgresSecretRef.optional", No),
    ("database.type", No),
    ("identity.admin.passwordSecretRef", NextPod),
    ("identity.admin.username", No),
    ("identity.jwt", Yes("config")),
    ("identity.jwt.secretRef", Yes("secrets")),
    ("identity.jwt.secretRef.optional", No),
    ("identity.kerberos", Stored),
    ("identity.kerberos.enabled", When("kerberos", FIRST)),
    ("identity.kerberos.keytabSecretRef", Yes("kerberos-files")),
    ("identity.kerberos.keytabSecretRef.optional", NextPod),
    ("identity.kerberos.krb5Conf", Yes("kerberos-files")),
    ("identity.kerberos.krb5ConfSecretRef", Yes("kerberos-files")),
    ("identity.kerberos.krb5ConfSecretRef.optional", NextPod),
    ("identity.kerberos.machineAccount", Yes("kerberos-files")),
    (
        "identity.kerberos.machineAccount.keytabSecretRef.optional",
        NextPod,
    ),
    (
        "identity.kerberos.machineAccount.secretRef.optional",
        NextPod,
    ),
    ("identity.ldap", Stored),
    ("identity.ldap.bindPasswordSecretRef.optional", NextPod),
    ("identity.ldap.caSecretRef", Yes("ldap-files")),
    ("identity.ldap.caSecretRef.optional", NextPod),
    ("identity.ldap.enabled", When("ldap", FIRST)),
    ("identity.type", No),
    ("image", Yes("image")),
    ("logging", Yes("config")),
    ("metrics.bearerTokenSecret", When("secrets", METRICS)),
    ("metrics.bearerTokenSecret.optional", NextPod),
    ("metrics.enabled", Yes("config")),
    ("metrics.path", When("config", METRICS)),
    ("metrics.port", When("config", METRICS)),
    ("metrics.serviceMonitor", No),
    ("networkPolicy", No),
    ("paused", No),
    ("percona", No),
    (
        "percona.databaseName",
        When("secrets", "while `percona.enabled` is true"),
    ),
    ("percona.enabled", Yes("config")),
    ("pod.affinity", Yes("scheduling")),
    ("pod.annotations", NextPod),
    ("pod.disruptionBudget", No),
    ("pod.env", Yes("env")),
    ("pod.envFrom", Yes("env")),
    ("pod.imagePullPolicy", NextPod),
    ("pod.imagePullSecrets", NextPod),
    ("pod.labels", NextPod),
    ("pod.nodeSelector", Yes("scheduling")),
    ("pod.priorityClassName", Yes("scheduling")),
    ("pod.secretRefs", Yes("secrets")),
    ("pod.serviceAccountAnnotations", NextPod),
    ("pod.serviceAccountName", NextPod),
    ("pod.tolerations", Yes("scheduling")),
    ("pod.topologySpreadConstraints", Yes("scheduling")),
    ("pod.userPolicy", Yes("security")),
    ("pod.volumeMounts", Yes("volumes")),
    ("pod.volumes", Yes("volumes")),
    ("podSecurityContext", Yes("security")),
    ("replicas", No),
    ("resources", Yes("resources")),
    ("rollPolicy", No),
    ("securityContext", Yes("security")),
    ("service", When("config", SERVICE)),
    ("sidecar.image", No),
    ("sidecar.logLevel", No),
    ("sidecar.resources", NextPod),
    ("sidecar.updatePolicy", No),
    ("snapshotPolicies", No),
    ("startupTimeout", NextPod),
    ("storage", No),
    ("storage.cacheSize", Yes("config")),
    (
        "storage.contentSize",
        When("volumes", "only when it was not set before"),
    ),
    ("terminationGracePeriodSeconds", Yes("grace")),
];

/// What a change of the field does. `None`: the table lacks it.
pub fn of(path: &str) -> Option<Rolls> {
    let entries = TABLE.iter().filter(|(field, _)| {
        path.strip_prefix(field)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
    });
    entries
        .max_by_key(|(field, _)| field.len())
        .map(|(_, rolls)| *rolls)
}
