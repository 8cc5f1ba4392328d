//! The status of an instance that another operator manages.
//!
//! That operator writes the same status. So this one writes it once for each generation, with two conditions only, and
//! leaves the rest alone.

use dittofs_shared::crd::DittoServerStatus;
use jiff::Timestamp;
use std::collections::BTreeSet;
use std::fmt;

use super::{ConditionStatus, ConditionType, Finding, Reason, find, has, whole_seconds};
use crate::optional::OptionalKind;

/// An object that another operator has created.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ForeignObject {
    /// Its kind.
    pub kind: String,
    /// Its name.
    pub name: String,
}

impl fmt::Display for ForeignObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind, self.name)
    }
}

/// Whether the status reports the other operator, for any generation.
pub(super) fn is_reported(status: Option<&DittoServerStatus>) -> bool {
    status.is_some_and(|status| has(status, ConditionType::TakenOver, ConditionStatus::False))
}

/// Whether the status reports the other operator for this generation.
pub fn is_reported_for(status: Option<&DittoServerStatus>, generation: Option<i64>) -> bool {
    let taken_over = status.and_then(|status| find(status, ConditionType::TakenOver));
    let is_current = taken_over.is_some_and(|found| found.observed_generation == generation);
    is_reported(status) && is_current
}

/// The status of an instance with these objects of another operator. `handled`: the last reset of the administrator's
/// password that was handled, which must be kept.
pub fn left_alone(
    previous: Option<&DittoServerStatus>,
    handled: Option<&str>,
    generation: Option<i64>,
    objects: &BTreeSet<ForeignObject>,
    now: Timestamp,
) -> DittoServerStatus {
    let message = message(objects);
    let condition = |r#type: ConditionType, message: String| {
        Finding::no(Reason::OtherOperator, message).into_condition(
            r#type,
            generation,
            previous,
            whole_seconds(now),
        )
    };
    DittoServerStatus {
        observed_generation: generation,
        last_handled_password_reset: handled.map(str::to_owned),
        conditions: vec![
            condition(
                ConditionType::Ready,
                format!("{}: {message}", ConditionType::TakenOver.as_str()),
            ),
            condition(ConditionType::TakenOver, message),
        ],
        ..DittoServerStatus::default()
    }
}

fn message(objects: &BTreeSet<ForeignObject>) -> String {
    let kind = OptionalKind::PerconaPGCluster.name();
    let database = objects.iter().find(|object| object.kind == kind);
    let database = database.map(|database| {
        format!(". Do not delete {database}, which holds data: remove its ownerReferences instead")
    });
    let objects: Vec<_> = objects.iter().map(ToString::to_string).collect();
    format!(
        "another operator created objects for this DittoServer: {}. This operator changes none of them and creates nothing. \
         Either exclude this DittoServer from this operator with --namespace or --selector, or stop the other operator \
         and delete these objects: the PersistentVolumeClaims are kept, and this operator starts the server with them{}",
        objects.join(", "),
        database.unwrap_or_default()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(kind: &str, name: &str) -> ForeignObject {
        ForeignObject {
            kind: kind.to_owned(),
            name: name.to_owned(),
        }
    }

    fn now() -> Timestamp {
        Timestamp::from_second(1_000_000).unwrap()
    }

    #[test]
    fn both_conditions_name_the_objects_and_the_next_step_once_for_each_generation() {
        let objects = BTreeSet::from([
            object("StatefulSet", "files"),
            object("Service", "files-api"),
        ]);
        assert!(!is_reported_for(None, Some(1)));
        let first = left_alone(None, None, Some(1), &objects, now());
        let types: Vec<_> = first
            .conditions
            .iter()
            .map(|one| one.type_.as_str())
            .collect();
        assert_eq!(types, ["Ready", "TakenOver"]);
        for condition in &first.conditions {
            assert_eq!(
                (condition.status.as_str(), condition.reason.as_str()),
                ("False", "OtherOperator")
            );
            for words in [
                "Service files-api, StatefulSet files",
                "stop the other operator",
            ] {
                assert!(condition.message.contains(words), "{}", condition.message);
            }
        }
        assert!(is_reported_for(Some(&first), Some(1)));
        assert!(!is_reported_for(Some(&first), Some(2)));
        assert!(is_reported(Some(&first)));
        let reset = left_alone(Some(&first), Some("1"), Some(2), &objects, now());
        assert_eq!(reset.last_handled_password_reset.as_deref(), Some("1"));
    }

    #[test]
    fn no_message_says_to_delete_a_database() {
        let service = object("Service", "a");
        let database = object("PerconaPGCluster", "files-postgres");
        let words = "Do not delete PerconaPGCluster files-postgres";
        assert!(message(&BTreeSet::from([database, service.clone()])).contains(words));
        assert!(!message(&BTreeSet::from([service])).contains("PerconaPGCluster"));
    }
}
