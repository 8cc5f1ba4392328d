//! What is said of an instance that another operator looks after.
//!
//! That operator writes the same status. So this one speaks once for each generation, in two conditions, and leaves the
//! rest of the status alone.

use dittofs_shared::crd::DittoServerStatus;
use jiff::Timestamp;
use std::collections::BTreeSet;

use super::{Finding, find, whole_seconds};
use crate::optional::OptionalKind;

/// Condition that is there only while it is False.
const TAKEN_OVER: &str = "TakenOver";
const REASON: &str = "OtherOperator";

/// Whether it has been said, of any generation.
pub fn is_told(status: Option<&DittoServerStatus>) -> bool {
    told(status).is_some()
}

/// Whether it has been said of this generation.
pub fn is_told_of(status: Option<&DittoServerStatus>, generation: Option<i64>) -> bool {
    told(status).is_some_and(|told| told.observed_generation == generation)
}

fn told(
    status: Option<&DittoServerStatus>,
) -> Option<&k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition> {
    find(status?, TAKEN_OVER).filter(|condition| condition.status == "False")
}

/// The status of an instance with these objects of another operator. `handled`: the reset of the administrator's password that counts as
/// acted on, which is not to be forgotten meanwhile.
pub fn left_alone(
    previous: Option<&DittoServerStatus>,
    handled: Option<&str>,
    generation: Option<i64>,
    objects: &BTreeSet<String>,
    now: Timestamp,
) -> DittoServerStatus {
    let message = message(objects);
    let condition = |r#type: &str, message: String| {
        Finding::no(REASON, message).into_condition(
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
            condition("Ready", format!("{TAKEN_OVER}: {message}")),
            condition(TAKEN_OVER, message),
        ],
        ..DittoServerStatus::default()
    }
}

fn message(objects: &BTreeSet<String>) -> String {
    let kind = OptionalKind::PerconaPGCluster.name();
    let database = objects.iter().find(|object| object.starts_with(kind));
    let database = database.map(|database| {
        format!(". Do not delete {database}, which holds data: remove its ownerReferences instead")
    });
    let objects: Vec<_> = objects.iter().map(String::as_str).collect();
    format!(
        "another operator made objects for this DittoServer: {}. This operator writes to none of them and creates nothing. \
         Either exclude this DittoServer from this operator with --namespace or --selector, or stop the other operator \
         and delete these objects: the PersistentVolumeClaims stay, and this operator starts the server with them{}",
        objects.join(", "),
        database.unwrap_or_default()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        Timestamp::from_second(1_000_000).unwrap()
    }

    #[test]
    fn both_conditions_name_the_objects_and_the_next_step_once_for_each_generation() {
        let objects = BTreeSet::from([
            "StatefulSet files".to_owned(),
            "Service files-api".to_owned(),
        ]);
        assert!(!is_told_of(None, Some(1)));
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
                ("False", REASON)
            );
            for words in [
                "Service files-api, StatefulSet files",
                "stop the other operator",
            ] {
                assert!(condition.message.contains(words), "{}", condition.message);
            }
        }
        assert!(is_told_of(Some(&first), Some(1)));
        assert!(!is_told_of(Some(&first), Some(2)));
        assert!(is_told(Some(&first)));
        let reset = left_alone(Some(&first), Some("1"), Some(2), &objects, now());
        assert_eq!(reset.last_handled_password_reset.as_deref(), Some("1"));
    }

    #[test]
    fn nobody_is_told_to_delete_a_database() {
        let of = |objects: &[&str]| {
            let objects = objects.iter().map(|one| (*one).to_owned()).collect();
            message(&objects)
        };
        let words = "Do not delete PerconaPGCluster files-postgres";
        assert!(of(&["PerconaPGCluster files-postgres", "Service a"]).contains(words));
        assert!(!of(&["Service a"]).contains("PerconaPGCluster"));
    }
}
