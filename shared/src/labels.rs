//! Labels, annotations and field managers: the only spelling of each.

use std::collections::BTreeMap;

/// Label by which pods are selected; value [`APP_VALUE`]. The Go operator's StatefulSets have it in their selector,
/// which cannot be changed.
pub const APP: &str = "app";
/// See [`APP`].
pub const APP_VALUE: &str = "dittofs-server";
/// Label with the name of the instance. Part of the same selector.
pub const INSTANCE: &str = "instance";

/// Label on all that the operator makes; value [`MANAGED_BY_VALUE`].
pub const MANAGED_BY: &str = "app.kubernetes.io/managed-by";
/// See [`MANAGED_BY`].
pub const MANAGED_BY_VALUE: &str = "dittofs-operator";
/// Label with the type of the adapter that a Service or NetworkPolicy belongs to.
pub const ADAPTER: &str = "dittofs.dittofs.com/adapter";
/// Value of [`ADAPTER`] on a Service for all adapters, and what its name has in place of the type. DittoFS has no
/// adapter of this type, and no type that we do not know gets a Service.
pub const ALL_ADAPTERS: &str = "adapters";

/// Label on the Service of the metrics, by which a ServiceMonitor finds it; value [`METRICS_VALUE`].
pub const METRICS: &str = "dittofs.dittofs.com/metrics";
/// See [`METRICS`].
pub const METRICS_VALUE: &str = "true";

/// Annotation of the pod: hash over all that a running server must be restarted for, taken from what was asked for.
pub const ROLL_INPUTS: &str = "dittofs.dittofs.com/roll-inputs";
/// The same in the form of the first releases, in which the text of `config.yaml` is a part. Pods that they have made have
/// only this one.
pub const ROLL_HASH: &str = "dittofs.dittofs.com/roll-hash";
/// Annotation of the pod: image of the sidecar as it was asked for. What stands in the container may be what an admission
/// policy has made of it.
pub const SIDECAR_IMAGE: &str = "dittofs.dittofs.com/sidecar-image";
/// Annotation of the pod: hash over all that an image of the sidecar must get along with and that a running pod cannot change.
pub const SIDECAR_CONTRACT: &str = "dittofs.dittofs.com/sidecar-contract";
/// Annotation of the pod while a new image of the sidecar has not proved itself: the image to go back to.
pub const SIDECAR_PREVIOUS_IMAGE: &str = "dittofs.dittofs.com/sidecar-previous-image";
/// Annotation of the pod: an image of the sidecar that was tried and did not run.
pub const SIDECAR_REFUSED_IMAGE: &str = "dittofs.dittofs.com/sidecar-refused-image";
/// See [`SIDECAR_REFUSED_IMAGE`]: why it did not run.
pub const SIDECAR_REFUSED_REASON: &str = "dittofs.dittofs.com/sidecar-refused-reason";
/// Annotation of the pod while a new image of the sidecar has not proved itself: when the image was changed.
pub const SIDECAR_REPLACED_AT: &str = "dittofs.dittofs.com/sidecar-replaced-at";
/// See [`SIDECAR_REPLACED_AT`]: id of the container that ran then, empty if none did.
pub const SIDECAR_REPLACED_CONTAINER: &str = "dittofs.dittofs.com/sidecar-replaced-container";
/// Annotation of every object that the operator applies: hash over what was applied.
pub const APPLIED_HASH: &str = "dittofs.dittofs.com/applied-hash";
/// Annotation of an object whose last apply came back with other values than were sent, because a policy or a webhook rewrites
/// them: hash over those values. While it still fits, nothing is sent.
pub const OVERRULED_HASH: &str = "dittofs.dittofs.com/overruled-hash";
/// Annotation of a `DittoServer`: a value that was not there before asks for a look at once, with everything sent anew.
pub const RECONCILE_NOW: &str = "dittofs.dittofs.com/reconcile-now";
/// Annotation of a `DittoServer`: a value that was not there before sets the administrator's password to what its Secret
/// holds.
pub const RESET_ADMIN_PASSWORD: &str = "dittofs.dittofs.com/reset-admin-password";
/// Annotation that `kubectl rollout restart` sets on the template.
pub const RESTARTED_AT: &str = "kubectl.kubernetes.io/restartedAt";

/// Annotations of what has no owner, because it holds data or what gives access to data. Argo CD takes objects with label
/// `app.kubernetes.io/instance` for its own, and would delete those that are not in its repository.
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

/// Labels by which the pods of an instance are selected.
pub fn selector(instance: &str) -> BTreeMap<String, String> {
    BTreeMap::from([
        (APP.to_owned(), APP_VALUE.to_owned()),
        (INSTANCE.to_owned(), instance.to_owned()),
    ])
}

/// Labels of every object of an instance.
pub fn of_instance(instance: &str) -> BTreeMap<String, String> {
    let mut labels = selector(instance);
    labels.extend([
        (MANAGED_BY.to_owned(), MANAGED_BY_VALUE.to_owned()),
        ("app.kubernetes.io/name".to_owned(), "dittofs".to_owned()),
        ("app.kubernetes.io/instance".to_owned(), instance.to_owned()),
        ("app.kubernetes.io/part-of".to_owned(), "dittofs".to_owned()),
    ]);
    labels
}

/// Annotations of every object of an instance that has no owner.
pub fn without_owner() -> BTreeMap<String, String> {
    let annotations = KEPT_BY_ARGO_CD.into_iter();
    annotations
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect()
}

/// Label selector that finds all that the operator makes.
pub fn managed_selector() -> String {
    format!("{MANAGED_BY}={MANAGED_BY_VALUE}")
}
