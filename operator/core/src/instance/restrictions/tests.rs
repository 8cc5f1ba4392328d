use super::*;
use serde_json::{Value, json};

fn spec(more: &Value) -> DittoServerSpec {
    let mut spec = json!({"storage": {"metadataSize": "1Gi"}});
    let fields = spec.as_object_mut().unwrap();
    fields.extend(more.as_object().unwrap().clone());
    serde_json::from_value(spec).unwrap()
}

#[test]
fn each_restriction_forbids_its_fields_and_no_others() {
    use Restriction::{HostPath, Privileged, ProjectedToken, ServiceAccount};
    let volume = |source: Value| {
        let mut volume = json!({"name": "a"});
        volume
            .as_object_mut()
            .unwrap()
            .extend(source.as_object().unwrap().clone());
        json!({"pod": {"volumes": [volume]}})
    };
    let token = json!({"projected": {"sources": [{"serviceAccountToken": {"path": "a"}}]}});
    let files = json!({"projected": {"sources": [{"secret": {"name": "a"}}]}});
    let container = |context: Value| json!({"securityContext": context});
    for (given, expected) in [
        (json!({}), None),
        (
            json!({"pod": {"serviceAccountName": "a"}}),
            Some(ServiceAccount),
        ),
        (
            json!({"pod": {"serviceAccountAnnotations": {"a": "b"}}}),
            Some(ServiceAccount),
        ),
        (volume(json!({"hostPath": {"path": "/"}})), Some(HostPath)),
        (volume(token), Some(ProjectedToken)),
        (volume(files), None),
        (volume(json!({"secret": {"secretName": "a"}})), None),
        (container(json!({"privileged": true})), Some(Privileged)),
        (
            container(json!({"privileged": false, "runAsUser": 1000})),
            None,
        ),
        (
            container(json!({"allowPrivilegeEscalation": true})),
            Some(Privileged),
        ),
        (container(json!({"runAsUser": 0})), Some(Privileged)),
        (
            container(json!({"capabilities": {"add": ["SYS_ADMIN"], "drop": ["ALL"]}})),
            Some(Privileged),
        ),
        (
            container(json!({"capabilities": {"drop": []}})),
            Some(Privileged),
        ),
        (
            container(json!({"capabilities": {"add": ["NET_BIND_SERVICE"], "drop": ["ALL"]}})),
            None,
        ),
        (
            container(json!({"seccompProfile": {"type": "Unconfined"}})),
            Some(Privileged),
        ),
        (
            container(json!({"procMount": "Unmasked"})),
            Some(Privileged),
        ),
        (
            json!({"podSecurityContext": {"runAsNonRoot": false}}),
            Some(Privileged),
        ),
        (
            json!({"podSecurityContext": {"sysctls": [{"name": "a", "value": "b"}]}}),
            Some(Privileged),
        ),
        (json!({"podSecurityContext": {"fsGroup": 1000}}), None),
        (
            container(json!({"seLinuxOptions": {"type": "spc_t"}})),
            Some(Privileged),
        ),
        (
            json!({"podSecurityContext": {"seLinuxOptions": {"role": "system_r"}}}),
            Some(Privileged),
        ),
        (
            container(json!({"seLinuxOptions": {"type": "container_t", "level": "s0:c1,c2"}})),
            None,
        ),
        (container(json!({"capabilities": {}})), Some(Privileged)),
        (
            json!({"pod": {"annotations": {"container.apparmor.security.beta.kubernetes.io/dittofs": "unconfined"}}}),
            Some(Privileged),
        ),
    ] {
        let spec = spec(&given);
        let found = violated(&spec, &ALL.into()).map(|(_, restriction)| restriction);
        assert_eq!(found, expected, "{given}");
        for restriction in ALL {
            let found = violated(&spec, &BTreeSet::from([restriction]));
            assert_eq!(
                found.is_some(),
                expected == Some(restriction),
                "{given} {restriction}"
            );
        }
    }
}

#[test]
fn a_forbidden_account_gets_no_rights_and_ours_no_annotations() {
    let asked = spec(&json!({"pod": {"serviceAccountName": "a"}}));
    let forbidden = BTreeSet::from([Restriction::ServiceAccount]);
    assert_eq!(restricted(asked.clone(), &BTreeSet::new()), asked);
    assert_eq!(restricted(asked, &forbidden).pod.service_account_name, None);
    let asked = spec(&json!({"pod": {"serviceAccountAnnotations": {"a": "b"}}}));
    assert!(
        restricted(asked, &forbidden)
            .pod
            .service_account_annotations
            .is_empty()
    );
}

#[test]
fn names_are_read_as_they_are_written() {
    for restriction in ALL {
        assert_eq!(restriction.to_string().parse(), Ok(restriction));
    }
    assert_eq!("all".parse::<Restriction>(), Err(UnknownRestriction));
}
