//! Conditions: their types, statuses and reasons, each name once, and what a check has found.

/// An enum whose variants are names of the API.
macro_rules! api_names {
    ($(#[$meta:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident,)+ }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name {
            $($(#[$doc])* $variant,)+
        }

        impl $name {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant,)+];

            /// The name in the API.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => stringify!($variant),)+
                }
            }

            /// The one with this name in the API.
            pub fn parse(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|one| one.as_str() == name)
            }
        }
    };
}

mod reason;

use dittofs_shared::crd::DittoServerStatus;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

use crate::outcome::one_line;
pub use reason::Reason;

api_names! {
    /// Types of conditions, in the order in which they are listed. Where a type is not always present, its comment says
    /// when it is.
    ConditionType {
        /// The sum of them all: the first check that fails.
        Ready,
        /// The spec and the Secrets it names can be used.
        ConfigReady,
        /// Every volume exists and is as large as requested.
        StorageReady,
        /// The pod is ready.
        StatefulSetReady,
        /// The server container is running.
        Available,
        /// The sidecar reads the adapters from the REST API.
        Authenticated,
        /// Every enabled adapter is exposed as requested.
        AdaptersReady,
        /// The pod must be recreated.
        RollPending,
        /// The sidecar has the requested image.
        SidecarUpToDate,
        /// Something is under way.
        Progressing,
        /// While metrics are enabled: Prometheus can find them.
        MetricsReady,
        /// While routes are requested: their Gateways have accepted them.
        GatewayReady,
        /// While the operator changes nothing.
        Paused,
        /// While the control plane uses PostgreSQL: there is a connection to it.
        DatabaseReady,
        /// While there are `configOverrides`: the server supports every key.
        ConfigOverridesKnown,
        /// While False: the image of the server has no fixed version.
        ImagePinned,
        /// While False: the first administrator has another name than requested.
        AdminUsernameHonored,
        /// While False: the server does not use the directories as requested.
        DirectoryReady,
        /// While False: a field is stored and not acted on.
        ManagementReady,
        /// While True: the server uses another signing key until it is restarted.
        SigningKeyPending,
        /// While False: another `DittoServer` has the same signing key.
        SigningKeyExclusive,
        /// While False: others change the same fields again and again.
        ObjectsUncontested,
        /// While True: a requested reset of the administrator's password has not happened.
        PasswordResetPending,
        /// While False: another operator has created the objects.
        TakenOver,
    }
}

impl ConditionType {
    /// The status while there is nothing to do.
    pub const fn at_rest(self) -> ConditionStatus {
        match self {
            Self::RollPending
            | Self::Progressing
            | Self::Paused
            | Self::SigningKeyPending
            | Self::PasswordResetPending => ConditionStatus::False,
            _ => ConditionStatus::True,
        }
    }

    /// Whether a change is reported as an Event. The others would repeat what one of these says.
    pub const fn is_reported(self) -> bool {
        matches!(
            self,
            Self::Ready
                | Self::Authenticated
                | Self::ConfigReady
                | Self::DatabaseReady
                | Self::StorageReady
                | Self::RollPending
                | Self::SidecarUpToDate
                | Self::AdaptersReady
                | Self::MetricsReady
                | Self::DirectoryReady
        )
    }

    /// Whether it is expected to fail for a while as long as `Progressing` is True.
    pub const fn follows_progress(self) -> bool {
        matches!(self, Self::Ready | Self::DatabaseReady | Self::StorageReady)
    }
}

api_names! {
    /// Status of a condition.
    #[allow(missing_docs)]
    ConditionStatus {
        True,
        False,
        Unknown,
    }
}

/// What one check has found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    pub status: ConditionStatus,
    pub reason: Reason,
    pub message: String,
}

impl Finding {
    pub fn yes(reason: Reason, message: impl Into<String>) -> Self {
        Self::new(ConditionStatus::True, reason, message)
    }

    pub fn no(reason: Reason, message: impl Into<String>) -> Self {
        Self::new(ConditionStatus::False, reason, message)
    }

    pub fn unknown(reason: Reason, message: impl Into<String>) -> Self {
        Self::new(ConditionStatus::Unknown, reason, message)
    }

    fn new(status: ConditionStatus, reason: Reason, message: impl Into<String>) -> Self {
        Self {
            status,
            reason,
            message: message.into(),
        }
    }

    /// The condition. It keeps the time of its last transition while its status stays the same.
    pub fn into_condition(
        self,
        r#type: ConditionType,
        generation: Option<i64>,
        previous: Option<&DittoServerStatus>,
        now: Time,
    ) -> Condition {
        let status = self.status.as_str();
        let known = previous
            .and_then(|previous| find(previous, r#type))
            .filter(|known| known.status == status);
        Condition {
            type_: r#type.as_str().to_owned(),
            status: status.to_owned(),
            reason: self.reason.as_str().to_owned(),
            message: one_line(self.message),
            observed_generation: generation,
            last_transition_time: known.map_or(now, |known| known.last_transition_time.clone()),
        }
    }
}

/// The condition of this type.
pub(crate) fn find(status: &DittoServerStatus, r#type: ConditionType) -> Option<&Condition> {
    let mut conditions = status.conditions.iter();
    conditions.find(|condition| condition.type_ == r#type.as_str())
}

/// Whether the condition of this type has this status.
pub(crate) fn has(
    status: &DittoServerStatus,
    r#type: ConditionType,
    expected: ConditionStatus,
) -> bool {
    find(status, r#type).is_some_and(|condition| condition.status == expected.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_api_and_are_unique() {
        assert_eq!(ConditionType::SidecarUpToDate.as_str(), "SidecarUpToDate");
        for r#type in ConditionType::ALL {
            assert_eq!(ConditionType::parse(r#type.as_str()), Some(*r#type));
        }
        for reason in Reason::ALL {
            assert_eq!(Reason::parse(reason.as_str()), Some(*reason));
        }
        assert_eq!(Reason::parse("Forged"), None);
    }

    #[test]
    fn a_condition_keeps_its_time_until_its_status_changes() {
        let at = |second| Time(jiff::Timestamp::from_second(second).unwrap());
        let ready = |finding: Finding, previous: Option<&Condition>, now| {
            let previous = previous.map(|condition| DittoServerStatus {
                conditions: vec![condition.clone()],
                ..DittoServerStatus::default()
            });
            finding.into_condition(ConditionType::Ready, Some(1), previous.as_ref(), now)
        };
        let first = ready(Finding::no(Reason::PodNotReady, "a"), None, at(1));
        let second = ready(Finding::no(Reason::ApplyFailed, "b"), Some(&first), at(2));
        assert_eq!(second.last_transition_time, at(1));
        assert_eq!(second.reason, "ApplyFailed");
        let third = ready(
            Finding::yes(Reason::AllChecksPassed, "c"),
            Some(&second),
            at(3),
        );
        assert_eq!(third.last_transition_time, at(3));
    }
}
