//! References to Secrets.

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

/// One key of a Secret in the namespace of the DittoServer.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct SecretKeyReference {
    /// Name of the Secret. Empty means no Secret.
    #[serde(default)]
    #[schemars(length(max = 253))]
    pub name: String,

    /// Key in the Secret.
    #[schemars(length(min = 1, max = 253))]
    pub key: String,

    /// Whether the server also starts when the Secret or its key does not exist. Defaults to false. What the server
    /// cannot start without, such as the signing key of tokens, must exist in any case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub optional: Option<bool>,
}

impl SecretKeyReference {
    /// A reference to something that must exist.
    pub fn new(name: impl Into<String>, key: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            key: key.into(),
            optional: None,
        }
    }

    /// The reference, unless its name is empty, which is the default in the Go operator's schema.
    pub fn named(reference: Option<&Self>) -> Option<&Self> {
        reference.filter(|reference| !reference.name.is_empty())
    }

    /// Whether the server starts without it.
    pub fn is_optional(&self) -> bool {
        self.optional == Some(true)
    }
}

/// A Secret in the namespace of the DittoServer.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct SecretReference {
    /// Name of the Secret. Empty means no Secret.
    #[serde(default)]
    #[schemars(length(max = 253))]
    pub name: String,
}
