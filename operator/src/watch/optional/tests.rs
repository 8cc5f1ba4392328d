use super::*;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde_json::json;

#[test]
fn a_database_of_the_right_name_matters_whosever_it_is() {
    for (kind, name, expected) in [
        (
            OptionalKind::PerconaPGCluster,
            "files-postgres",
            &["files"][..],
        ),
        (OptionalKind::PerconaPGCluster, "another", &[]),
        (OptionalKind::ServiceMonitor, "files-postgres", &[]),
    ] {
        let metadata = ObjectMeta {
            name: Some(name.to_owned()),
            namespace: Some("storage".to_owned()),
            ..ObjectMeta::default()
        };
        let object = kind.object(metadata, json!({}));
        let found: Vec<_> = concerned(kind, &object)
            .into_iter()
            .map(|instance| instance.name)
            .collect();
        assert_eq!(found, expected, "{kind:?} {name}");
    }
}
