//! The IP families of a Service, and their policy.

use super::*;

#[test]
fn a_family_policy_of_the_operator_is_reset_and_that_of_another_writer_stays() {
    let has = json!({"type": "LoadBalancer", "ipFamilyPolicy": "PreferDualStack"});
    for (settings, family_policy, expected) in [
        (json!({}), true, Some("SingleStack")),
        (json!({}), false, None),
        (json!({"ipFamilies": ["IPv6"]}), true, Some("SingleStack")),
        (
            json!({"ipFamilies": ["IPv4", "IPv6"]}),
            true,
            Some("PreferDualStack"),
        ),
        (
            json!({"ipFamilyPolicy": "PreferDualStack"}),
            true,
            Some("PreferDualStack"),
        ),
    ] {
        let spec = spec(settings);
        let live = LiveService {
            owns: OwnFields {
                family_policy,
                ..OwnFields::default()
            },
            ..live("files-nfs", "nfs", has.clone())
        };
        let made = planned_nfs(&spec, &[live]);
        let policy = made.services[0].spec.ip_family_policy.as_deref();
        assert_eq!(policy, expected, "{:?}", spec.adapter_services);
    }
}

#[test]
fn families_and_their_policy_fit_together() {
    let families = |settings: Value, live: &[LiveService]| {
        let made = planned_nfs(&spec(settings), live);
        let spec = &made.services[0].spec;
        let families = spec.ip_families.as_ref().map(|families| families.join(","));
        json!([spec.ip_family_policy, families])
    };
    let has = |policy, all: &[&str]| {
        [live(
            "files-nfs",
            "nfs",
            json!({"type": "LoadBalancer", "ipFamilyPolicy": policy, "ipFamilies": all}),
        )]
    };
    let single = || has("SingleStack", &["IPv4"]);
    let both = json!({"ipFamilies": ["IPv6", "IPv4"]});
    for (settings, live, expected) in [
        (
            both.clone(),
            &[][..],
            json!(["PreferDualStack", "IPv6,IPv4"]),
        ),
        (
            both.clone(),
            &has("RequireDualStack", &["IPv6", "IPv4"]),
            json!(["RequireDualStack", "IPv6,IPv4"]),
        ),
        // The order cannot change, and the other family comes all the same.
        (both, &single(), json!(["PreferDualStack", "IPv4"])),
        (
            json!({"ipFamilyPolicy": "SingleStack", "ipFamilies": ["IPv6", "IPv4"]}),
            &[],
            json!(["SingleStack", "IPv6"]),
        ),
        (
            json!({"ipFamilies": ["IPv6", "IPv6"]}),
            &[],
            json!([null, "IPv6"]),
        ),
        (
            json!({"ipFamilyPolicy": "PreferDualStack", "ipFamilies": ["IPv4"]}),
            &single(),
            json!(["PreferDualStack", "IPv4"]),
        ),
    ] {
        let found = families(settings.clone(), live);
        assert_eq!(found, expected, "{settings}");
    }
}
