//! The CustomResourceDefinition as text, generated from the types in `dittofs_shared::crd`.

use dittofs_shared::crd::DittoServer;
use kube::CustomResourceExt as _;

/// The content of `crds/dittoservers.yaml`.
///
/// # Errors
/// The definition cannot be written as YAML.
pub fn yaml() -> Result<String, serde_saphyr::SerializeError> {
    serde_saphyr::to_string(&DittoServer::crd())
}
