//! What is remembered of a Secret: digests, no contents.

use std::collections::{BTreeMap, BTreeSet};

use super::connection_string::ConnectionProblem;
use crate::ownership::Whose;

/// What is remembered of a Secret: digests, no contents.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SecretFacts {
    /// By key: a digest of the value and its length in bytes.
    pub keys: BTreeMap<String, (String, usize)>,
    /// By key: what keeps its value from being a connection string.
    pub connections: BTreeMap<String, Result<(), ConnectionProblem>>,
    /// Keys whose values cannot be environment variables.
    pub not_text: BTreeSet<String>,
    /// Changes whenever the Secret does.
    pub resource_version: Option<String>,
    /// Whose it is.
    pub whose: Whose,
}
