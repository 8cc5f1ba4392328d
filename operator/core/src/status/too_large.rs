//! The status of an instance whose spec is too large to be reconciled.
//!
//! Its objects stay, and so does what the status said of them. Only two conditions change.

use dittofs_shared::crd::DittoServerStatus;
use jiff::Timestamp;

use super::{ConditionType, Finding, Reason, whole_seconds};

/// The status, unless it says so already.
pub fn too_large(
    previous: Option<&DittoServerStatus>,
    generation: Option<i64>,
    (bytes, most): (usize, usize),
    now: Timestamp,
) -> Option<DittoServerStatus> {
    let message = format!(
        "the spec has {bytes} bytes, and the operator reads at most {most}: shorten spec.configOverrides, spec.pod or whatever is \
         large. Until then nothing of this DittoServer is changed, and a running server goes on"
    );
    let of_config = Finding::no(Reason::SpecTooLarge, message);
    let of_ready = Finding {
        message: format!(
            "{}: {}",
            ConditionType::ConfigReady.as_str(),
            of_config.message
        ),
        ..of_config.clone()
    };
    let mut status = previous.cloned().unwrap_or_default();
    status.observed_generation = generation;
    for (r#type, finding) in [
        (ConditionType::ConfigReady, of_config),
        (ConditionType::Ready, of_ready),
    ] {
        let is_first = r#type == ConditionType::Ready;
        let condition = finding.into_condition(r#type, generation, previous, whole_seconds(now));
        let mut known = status.conditions.iter_mut();
        match known.find(|known| known.type_ == condition.type_) {
            Some(known) => *known = condition,
            None if is_first => status.conditions.insert(0, condition),
            None => status.conditions.push(condition),
        }
    }
    (previous != Some(&status)).then_some(status)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::find;

    #[test]
    fn it_is_told_once_and_the_rest_of_the_status_stays() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let ready = Finding::yes(Reason::AllChecksPassed, "well").into_condition(
            ConditionType::Ready,
            Some(1),
            None,
            whole_seconds(at(1)),
        );
        let before = DittoServerStatus {
            address: Some("192.0.2.1".to_owned()),
            conditions: vec![ready],
            ..DittoServerStatus::default()
        };
        let after = too_large(Some(&before), Some(2), (300_000, 262_144), at(2)).unwrap();
        assert_eq!(after.address, before.address);
        assert_eq!(after.observed_generation, Some(2));
        for r#type in [ConditionType::Ready, ConditionType::ConfigReady] {
            let condition = find(&after, r#type).unwrap();
            assert_eq!(condition.reason, "SpecTooLarge");
            assert!(condition.message.contains("300000 bytes"), "{condition:?}");
        }
        assert_eq!(after.conditions[0].type_, "Ready");
        let again = too_large(Some(&after), Some(2), (300_000, 262_144), at(3));
        assert_eq!(again, None);
        assert!(too_large(None, Some(1), (300_000, 262_144), at(1)).is_some());
    }
}
