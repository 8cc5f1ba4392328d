//! The CustomResourceDefinition as text, made from the types in `dittofs_shared::crd`.

use dittofs_shared::crd::DittoServer;
use kube::CustomResourceExt as _;

/// What `crds/dittoservers.yaml` holds.
///
/// # Errors
/// The definition cannot be written as YAML.
pub fn yaml() -> Result<String, serde_saphyr::SerializeError> {
    serde_saphyr::to_string(&DittoServer::crd())
}
