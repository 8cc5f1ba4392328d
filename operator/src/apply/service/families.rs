//! IP families of a Service: the API server adds the second one to a Service that should have both, and refuses to take
//! it away again as long as the policy asks for it.

use k8s_openapi::api::core::v1::Service;

use dittofs_operator_core::exposure::live::owns_family_policy;
use dittofs_operator_core::outcome::ApplyError;

const SINGLE: &str = "SingleStack";

/// Sends both families where the Service has both and should: the desired list may name only the first.
pub(super) fn keep(live: &Service, sent: &mut Service) {
    let (Some(has), Some(spec)) = (live.spec.as_ref(), sent.spec.as_mut()) else {
        return;
    };
    let policy = spec.ip_family_policy.as_ref();
    let policy = policy.or(has.ip_family_policy.as_ref());
    if policy.is_none_or(|policy| policy == SINGLE) {
        return;
    }
    if let (Some(all), Some(wanted)) = (&has.ip_families, &mut spec.ip_families)
        && all.starts_with(wanted)
    {
        wanted.clone_from(all);
    }
}

/// Whether the API server refuses the families that are desired, or the policy for them.
pub(super) fn are_blamed(error: &ApplyError, desired: &Service) -> bool {
    let spec = desired.spec.as_ref();
    let has_any =
        spec.is_some_and(|spec| spec.ip_family_policy.is_some() || spec.ip_families.is_some());
    // With the number of an entry behind it, and `spec.clusterIPs` where there is no address left of a family.
    let fields = ["spec.ipFamilyPolicy", "spec.ipFamilies", "spec.clusterIPs"];
    has_any && fields.iter().any(|field| error.blames_part_of(field))
}

/// The same Service with whatever families it has. A policy that the operator has set stays its own, so that it can be
/// taken back later.
pub(super) fn without(live: &Service, desired: &Service) -> Service {
    let mut others = desired.clone();
    let has = live
        .spec
        .as_ref()
        .filter(|_| owns_family_policy(live))
        .and_then(|spec| spec.ip_family_policy.clone());
    if let Some(spec) = &mut others.spec {
        spec.ip_family_policy = has;
        spec.ip_families = None;
    }
    others
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[allow(clippy::needless_pass_by_value)] // The macro makes a value.
    fn service(policy: Value, families: Value) -> Service {
        let spec = json!({"ipFamilyPolicy": policy, "ipFamilies": families});
        serde_json::from_value(json!({"metadata": {}, "spec": spec})).unwrap()
    }

    #[test]
    fn the_second_family_stays_while_the_policy_asks_for_it() {
        let (both, v4, v6) = (json!(["IPv4", "IPv6"]), json!(["IPv4"]), json!(["IPv6"]));
        let prefer = json!("PreferDualStack");
        for (has, policy, wanted, expected) in [
            (&both, prefer.clone(), &v4, &both),
            (&both, json!("RequireDualStack"), &v4, &both),
            // Another writer has chosen the policy.
            (&both, Value::Null, &v4, &both),
            (&both, json!(SINGLE), &v4, &v4),
            (&both, prefer.clone(), &Value::Null, &Value::Null),
            (&both, prefer.clone(), &v6, &v6),
            (&v4, prefer.clone(), &both, &both),
        ] {
            let mut sent = service(policy.clone(), wanted.clone());
            keep(&service(prefer.clone(), has.clone()), &mut sent);
            assert_eq!(
                json!(sent.spec.unwrap().ip_families),
                *expected,
                "{policy} {wanted}"
            );
        }
    }

    #[test]
    fn families_are_to_blame_when_the_api_server_names_them_and_some_are_desired() {
        let refused = |field: &str| {
            let status = json!({"status": "Failure", "code": 422, "message": "refused",
                "details": {"causes": [{"field": field, "message": "refused"}]}});
            ApplyError::Refused(serde_json::from_value(status).unwrap())
        };
        let desired = service(json!("RequireDualStack"), Value::Null);
        for (field, expected) in [
            ("spec.ipFamilyPolicy", true),
            ("spec.ipFamilies[1]", true),
            ("spec.ports[0]", false),
        ] {
            assert_eq!(are_blamed(&refused(field), &desired), expected, "{field}");
        }
        let live = service(json!("PreferDualStack"), Value::Null);
        let others = without(&live, &desired);
        assert!(!are_blamed(&refused("spec.ipFamilyPolicy"), &others));
    }

    #[test]
    fn a_policy_that_we_have_set_stays_ours_while_another_one_is_refused() {
        let desired = service(json!("RequireDualStack"), Value::Null);
        for (manager, expected) in [
            ("dittofs-operator", json!("PreferDualStack")),
            ("kubectl", Value::Null),
        ] {
            let mut live = service(json!("PreferDualStack"), Value::Null);
            live.metadata.managed_fields = serde_json::from_value(json!([
                {"manager": manager, "fieldsV1": {"f:spec": {"f:ipFamilyPolicy": {}}}},
            ]))
            .unwrap();
            let sent = without(&live, &desired).spec.unwrap();
            assert_eq!(json!(sent.ip_family_policy), expected, "{manager}");
        }
    }
}
