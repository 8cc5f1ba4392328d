//! What users may do.

use serde::{Deserialize, Serialize};

use crate::refusal::Refusal;

/// What a user may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Role {
    User,
    Operator,
    Admin,
}

/// Name of the role that may do everything; also that of the first user, whatever the configuration says.
pub(crate) const ADMIN: &str = "admin";
/// Name of the role that may look at adapters.
pub(crate) const OPERATOR: &str = "operator";

impl Role {
    /// As the API and tokens have it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Operator => OPERATOR,
            Self::Admin => ADMIN,
        }
    }

    /// As requests have it; an empty one is the least.
    pub(super) fn parse(text: &str) -> Result<Self, Refusal> {
        match text {
            "" | "user" => Ok(Self::User),
            OPERATOR => Ok(Self::Operator),
            ADMIN => Ok(Self::Admin),
            _ => Err(Refusal::UnknownRole),
        }
    }
}
