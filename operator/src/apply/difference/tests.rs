use super::*;
use serde_json::json;

/// The first difference, in words.
fn difference(live: &Value, wanted: &Value) -> Option<String> {
    let found = differences(live, wanted);
    found.first().map(ToString::to_string)
}

#[test]
fn what_only_the_live_object_has_is_no_difference() {
    let live = json!({"spec": {"type": "ClusterIP", "clusterIP": "10.0.0.1", "ports": [{"port": 1, "nodePort": 3}]}});
    assert_eq!(
        difference(
            &live,
            &json!({"spec": {"type": "ClusterIP", "ports": [{"port": 1}]}})
        ),
        None
    );
    assert_eq!(
        difference(&live, &json!({"spec": {"selector": {}, "externalIPs": []}})),
        None
    );
}

#[test]
fn the_first_difference_is_named() {
    let live = json!({"spec": {"ports": [{"port": 1445}], "type": "ClusterIP"}});
    for (wanted, expected) in [
        (
            json!({"spec": {"ports": [{"port": 1446}]}}),
            "spec.ports.0.port: changed from 1445 to 1446",
        ),
        (
            json!({"spec": {"type": "NodePort"}}),
            "spec.type: changed from ClusterIP to NodePort",
        ),
        (json!({"spec": {"new": true}}), "spec.new: set to true"),
        (
            json!({"spec": {"ports": []}}),
            "spec.ports: changed from 1 to 0 entries",
        ),
    ] {
        assert_eq!(difference(&live, &wanted).as_deref(), Some(expected));
    }
}

#[test]
fn ports_may_stand_in_any_order() {
    let [nfs, smb] = [
        json!({"port": 12049, "protocol": "TCP"}),
        json!({"port": 445, "protocol": "TCP"}),
    ];
    let live = json!({"spec": {"ports": [nfs, smb]}});
    assert_eq!(
        difference(&live, &json!({"spec": {"ports": [smb, nfs]}})),
        None
    );
    assert!(difference(&live, &json!({"spec": {"ports": [smb, smb]}})).is_some());
}

#[test]
fn the_second_family_of_a_service_is_no_difference() {
    let families = |all: &[&str]| json!({"spec": {"ipFamilies": all}});
    let both = families(&["IPv4", "IPv6"]);
    assert_eq!(difference(&both, &families(&["IPv4"])), None);
    assert!(difference(&both, &families(&["IPv6"])).is_some());
    assert!(difference(&families(&["IPv4"]), &both).is_some());
}

#[test]
fn entries_that_others_add_to_a_list_of_the_pod_are_no_difference() {
    for (list, ours, theirs, changed) in [
        (
            "env",
            json!({"name": "A", "value": "1"}),
            json!({"name": "FOO", "value": "1"}),
            json!({"name": "A", "value": "2"}),
        ),
        (
            "volumeMounts",
            json!({"mountPath": "/data", "name": "data"}),
            json!({"mountPath": "/more", "name": "data"}),
            json!({"mountPath": "/data", "name": "other"}),
        ),
        (
            "ports",
            json!({"containerPort": 445, "name": "smb"}),
            json!({"containerPort": 445, "name": "smb", "protocol": "UDP"}),
            json!({"containerPort": 445, "name": "smb2", "protocol": "TCP"}),
        ),
    ] {
        let of = |entries: Value| {
            let container = json!({"name": "dittofs", "image": "a", list: entries});
            let injected = json!({"name": "injected"});
            let spec = json!({"containers": [injected, container]});
            json!({"spec": {"template": {"spec": spec}}})
        };
        let mut wanted = of(json!([ours]));
        let containers = &mut wanted["spec"]["template"]["spec"]["containers"];
        containers.as_array_mut().unwrap().remove(0);
        for same in [json!([ours]), json!([theirs, ours]), json!([ours, theirs])] {
            assert_eq!(difference(&of(same), &wanted), None, "{list}");
        }
        for other in [json!([]), json!([theirs]), json!([changed]), json!(null)] {
            let found = difference(&of(other), &wanted).unwrap_or_default();
            let place = format!("spec.template.spec.containers.dittofs.{list}.");
            assert!(found.starts_with(&place), "{list}: {found:?}");
        }
    }
}

#[test]
fn entries_that_others_add_to_a_list_of_one_writer_are_a_difference() {
    let of =
        |tolerations: Value| json!({"spec": {"template": {"spec": {"tolerations": tolerations}}}});
    let [ours, theirs] = [json!({"key": "a"}), json!({"key": "b"})];
    let wanted = of(json!([ours]));
    assert_eq!(
        difference(&of(json!([ours, theirs])), &wanted).as_deref(),
        Some("spec.template.spec.tolerations: changed from 2 to 1 entries")
    );
    let owners = |owners: Value| json!({"metadata": {"ownerReferences": owners}});
    let [ours, theirs] = [json!({"uid": "a", "name": "x"}), json!({"uid": "b"})];
    let wanted = owners(json!([ours]));
    assert_eq!(
        difference(&owners(json!([theirs, ours])), &wanted),
        None,
        "owners"
    );
}

#[test]
fn every_difference_is_found() {
    let live = json!({"a": 1, "b": {"c": 2}, "d": 3});
    let found = differences(&live, &json!({"a": 0, "b": {"c": 0}, "d": 3}));
    let paths: Vec<_> = found.iter().map(|found| found.path.as_str()).collect();
    assert_eq!(paths, ["a", "b.c"]);
}

#[test]
fn rules_that_are_too_many_are_a_difference_to_none() {
    let none = json!({"spec": {"ingress": []}});
    assert!(difference(&json!({"spec": {"ingress": [{}]}}), &none).is_some());
    assert_eq!(difference(&json!({"spec": {}}), &none), None);
}

#[test]
fn selectors_and_rules_are_compared_whole() {
    for (path, live, wanted) in [
        (
            "selector",
            json!({"a": "b", "more": "x"}),
            json!({"a": "b"}),
        ),
        (
            "podSelector",
            json!({"matchLabels": {"a": "b", "more": "x"}}),
            json!({"matchLabels": {"a": "b"}}),
        ),
        (
            "ingress",
            json!([{"ports": [{"port": 1}], "from": [{}]}]),
            json!([{"ports": [{"port": 1}]}]),
        ),
    ] {
        let (live, wanted) = (
            json!({"spec": {path: live}}),
            json!({"spec": {path: wanted}}),
        );
        let found = difference(&live, &wanted).unwrap_or_default();
        assert!(
            found.starts_with(&format!("spec.{path}: ")),
            "{path}: {found:?}"
        );
        assert_eq!(difference(&wanted, &wanted), None, "{path}");
    }
}

#[test]
fn quantities_are_compared_by_value() {
    for (live, wanted, same) in [
        ("1", "1000m", true),
        ("1Gi", "1024Mi", true),
        ("500m", "0.5", true),
        ("1Gi", "1G", false),
        ("a", "b", false),
    ] {
        assert_eq!(
            difference(&json!(live), &json!(wanted)).is_none(),
            same,
            "{live} and {wanted}"
        );
    }
}
