//! Labels, annotations and field managers: the only spelling of each.

use std::collections::BTreeMap;

/// Label in the pod selector; value [`APP_VALUE`]. The Go operator's StatefulSets have it in their selector, which is
/// immutable.
pub const APP: &str = "app";
/// See [`APP`].
pub const APP_VALUE: &str = "dittofs-server";
/// Label with the name of the instance, in the same selector.
pub const INSTANCE: &str = "instance";

/// Label on every object that the operator creates; value [`MANAGED_BY_VALUE`].
pub const MANAGED_BY: &str = "app.kubernetes.io/managed-by";
/// See [`MANAGED_BY`].
pub const MANAGED_BY_VALUE: &str = "dittofs-operator";
/// Label with the adapter type of a Service or NetworkPolicy.
pub const ADAPTER: &str = "dittofs.dittofs.com/adapter";
/// Value of [`ADAPTER`] on a Service for all adapters, and what its name has in place of the type. No type of
/// adapter has this name.
pub const ALL_ADAPTERS: &str = "adapters";

/// Label on the Service of the metrics, in the selector of the ServiceMonitor; value [`METRICS_VALUE`].
pub const METRICS: &str = "dittofs.dittofs.com/metrics";
/// See [`METRICS`].
pub const METRICS_VALUE: &str = "true";

/// Annotation of the pod: hash of everything in the spec whose change restarts the server.
pub const ROLL_INPUTS: &str = "dittofs.dittofs.com/roll-inputs";
/// The same in the form of the first releases, which includes the text of `config.yaml`. Pods that they created
/// have only this one.
pub const ROLL_HASH: &str = "dittofs.dittofs.com/roll-hash";
/// Annotation of the pod: the requested image of the sidecar. An admission policy may have changed the one in the
/// container.
pub const SIDECAR_IMAGE: &str = "dittofs.dittofs.com/sidecar-image";
/// Annotation of the pod: hash of what an image of the sidecar depends on and a running pod cannot change.
pub const SIDECAR_CONTRACT: &str = "dittofs.dittofs.com/sidecar-contract";
/// Annotation of the pod until a new image of the sidecar runs: the image to roll back to.
pub const SIDECAR_PREVIOUS_IMAGE: &str = "dittofs.dittofs.com/sidecar-previous-image";
/// Annotation of the pod: an image of the sidecar that did not run and was rolled back.
pub const SIDECAR_REFUSED_IMAGE: &str = "dittofs.dittofs.com/sidecar-refused-image";
/// See [`SIDECAR_REFUSED_IMAGE`]: why it did not run.
pub const SIDECAR_REFUSED_REASON: &str = "dittofs.dittofs.com/sidecar-refused-reason";
/// Annotation of the pod until a new image of the sidecar runs: when the image was changed.
pub const SIDECAR_REPLACED_AT: &str = "dittofs.dittofs.com/sidecar-replaced-at";
/// See [`SIDECAR_REPLACED_AT`]: id of the container that was running then; empty if none was.
pub const SIDECAR_REPLACED_CONTAINER: &str = "dittofs.dittofs.com/sidecar-replaced-container";
/// Annotation of every object that the operator applies: hash of what was applied.
pub const APPLIED_HASH: &str = "dittofs.dittofs.com/applied-hash";
/// Annotation of an object in which a policy or a webhook rewrote applied values: hash of the rewritten values.
/// While it matches, nothing is sent.
pub const OVERRULED_HASH: &str = "dittofs.dittofs.com/overruled-hash";
/// Annotation of a `DittoServer`: a new value forces a reconcile that applies every object again.
pub const RECONCILE_NOW: &str = "dittofs.dittofs.com/reconcile-now";
/// Annotation of a `DittoServer`: a new value resets the administrator's password to the one in its Secret.
pub const RESET_ADMIN_PASSWORD: &str = "dittofs.dittofs.com/reset-admin-password";
/// Annotation that `kubectl rollout restart` sets on the template.
pub const RESTARTED_AT: &str = "kubectl.kubernetes.io/restartedAt";

/// Annotations of objects without an owner, which hold data or give access to data. Argo CD treats objects with the
/// label `app.kubernetes.io/instance` as its own, and would delete those that are not in its repository.
const KEPT_BY_ARGO_CD: [(&str, &str); 2] = [
    (
        "argocd.argoproj.io/sync-options",
        "Prune=false,Delete=false",
    ),
    ("argocd.argoproj.io/compare-options", "IgnoreExtraneous"),
];

/// Field manager of the operator for the objects of an instance.
pub const OPERATOR_MANAGER: &str = "dittofs-operator";
/// Field manager of the operator for the status of a `DittoServer`.
pub const STATUS_MANAGER: &str = "dittofs-operator-status";
/// Field manager of the sidecar.
pub const SIDECAR_MANAGER: &str = "dittofs-sidecar";

/// Labels that select the pods of an instance.
pub fn selector(instance: &str) -> BTreeMap<String, String> {
    BTreeMap::from([
        (APP.to_owned(), APP_VALUE.to_owned()),
        (INSTANCE.to_owned(), instance.to_owned()),
    ])
}

/// Labels of every object of an instance.
pub fn of_instance(instance: &str) -> BTreeMap<String, String> {
    let labels = [
        (APP, APP_VALUE),
        ("app.kubernetes.io/instance", instance),
        (MANAGED_BY, MANAGED_BY_VALUE),
        ("app.kubernetes.io/name", "dittofs"),
        ("app.kubernetes.io/part-of", "dittofs"),
        (INSTANCE, instance),
    ];
    // All at once: every object has them.
    BTreeMap::from(labels.map(|(key, value)| (key.to_owned(), value.to_owned())))
}

/// Annotations of every object of an instance that has no owner.
pub fn without_owner() -> BTreeMap<String, String> {
    BTreeMap::from(KEPT_BY_ARGO_CD.map(|(key, value)| (key.to_owned(), value.to_owned())))
}

/// Label selector for every object that the operator creates.
pub fn managed_selector() -> String {
    format!("{MANAGED_BY}={MANAGED_BY_VALUE}")
}
