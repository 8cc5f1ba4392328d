//! The CustomResourceDefinition as text, generated from the types in `dittofs_shared::crd`.

use super::definition;

/// The content of `crds/dittoservers.yaml`. One space for each level: more than half of it would be indentation.
///
/// # Errors
/// The definition cannot be written as YAML.
pub fn yaml() -> Result<String, serde_saphyr::SerializeError> {
    let options = serde_saphyr::ser_options! { indent_step: 1 };
    serde_saphyr::to_string_with_options(&definition::definition(), options)
}
