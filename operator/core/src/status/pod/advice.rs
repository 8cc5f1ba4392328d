//! What to do about a message of Kubernetes, by words that the message has.

/// Words, and what to do. `{namespace}` is replaced. The first that fits counts.
pub(super) struct Advice(&'static [(&'static str, &'static str)]);

impl Advice {
    /// The API server or an admission plugin refuses the pod or one of its claims.
    pub const REFUSED: Self = Self(&[
        (
            "persistentvolumeclaims \"",
            "Raise the quota of namespace {namespace}, or delete claims that are no longer used",
        ),
        (
            "exceeded quota",
            "Raise the quota of namespace {namespace}, or request less in spec.resources and spec.sidecar.resources",
        ),
        (
            "failed quota",
            "Set them in spec.resources and spec.sidecar.resources",
        ),
        (
            "violates PodSecurity",
            "Remove from spec.podSecurityContext, spec.securityContext and spec.pod what it names, or change label \
             pod-security.kubernetes.io/enforce of namespace {namespace}",
        ),
        (
            "usage per Container",
            "Change spec.resources or spec.sidecar.resources, or the LimitRange of namespace {namespace}",
        ),
        (
            "usage per Pod",
            "Change spec.resources or spec.sidecar.resources, or the LimitRange of namespace {namespace}",
        ),
        (
            "admission webhook",
            "Change what it objects to, or ask whoever runs that webhook",
        ),
        (
            "failed calling webhook",
            "Repair that webhook, or delete its configuration",
        ),
        (
            "ValidatingAdmissionPolicy",
            "Change what the policy objects to, or the policy",
        ),
        (
            "error looking up service account",
            "Create it, or correct spec.pod.serviceAccountName",
        ),
        (
            "no PriorityClass",
            "Create it, or correct spec.pod.priorityClassName",
        ),
    ]);

    /// The scheduler finds no node.
    pub const UNSCHEDULED: Self = Self(&[
        (
            "unbound immediate PersistentVolumeClaims",
            "Condition StorageReady says why",
        ),
        (
            "volume node affinity conflict",
            "Its volumes exist on another node or in another zone: make a node there available",
        ),
        (
            "Insufficient",
            "Request less in spec.resources, or add a node",
        ),
        (
            "node affinity/selector",
            "Correct spec.pod.nodeSelector and spec.pod.affinity, or label a node",
        ),
        (
            "untolerated taint",
            "Add it to spec.pod.tolerations, or remove it from a node",
        ),
        ("unschedulable", "Run `kubectl uncordon` for a node"),
    ]);

    /// The kubelet or the storage driver reports something.
    pub const NOT_STARTED: Self = Self(&[
        (
            "Multi-Attach",
            "It is detached once the node of the former pod reports that this pod has stopped. If that node is gone for good, run `kubectl \
             taint node NODE node.kubernetes.io/out-of-service=gone:NoExecute`",
        ),
        ("references non-existent secret key", "Add the key"),
        ("not found", "Create it, or correct the name"),
    ]);

    /// The advice as a further sentence, if there is one.
    pub fn after(&self, said: &str, namespace: &str) -> String {
        let found = self.0.iter().find(|(word, _)| said.contains(word));
        found.map_or_else(String::new, |(_, what)| {
            format!(". {}", what.replace("{namespace}", namespace))
        })
    }
}
