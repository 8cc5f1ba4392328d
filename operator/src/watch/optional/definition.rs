//! What a CustomResourceDefinition says of a kind.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, CustomResourceDefinitionCondition,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;
use serde::Deserialize;

use dittofs_operator_core::optional::{Absence, OptionalKind};

/// The part of a CustomResourceDefinition that matters here. Its schema, which can be a megabyte, is never kept.
#[derive(Clone, Debug, Deserialize, Resource)]
#[resource(inherit = CustomResourceDefinition)]
pub(super) struct Definition {
    metadata: ObjectMeta,
    spec: DefinitionSpec,
    #[serde(default)]
    status: DefinitionStatus,
}

#[derive(Clone, Debug, Deserialize)]
struct DefinitionSpec {
    versions: Vec<DefinitionVersion>,
}

#[derive(Clone, Debug, Deserialize)]
struct DefinitionVersion {
    name: String,
    served: bool,
}

#[derive(Clone, Debug, Default, Deserialize)]
struct DefinitionStatus {
    #[serde(default)]
    conditions: Vec<CustomResourceDefinitionCondition>,
}

/// The newest version in which the API server serves the kind, of those that the operator can use.
pub(super) fn served(
    definition: Option<&Definition>,
    kind: OptionalKind,
) -> Result<&'static str, Absence> {
    let definition = definition.ok_or(Absence::NotInstalled)?;
    // Objects cannot be created while the definition is terminating.
    if definition.metadata.deletion_timestamp.is_some() {
        return Err(Absence::NotInstalled);
    }
    let established = definition
        .status
        .conditions
        .iter()
        .any(|condition| condition.type_ == "Established" && condition.status == "True");
    let is_served = |version: &&&str| {
        let mut versions = definition.spec.versions.iter();
        versions.any(|known| known.served && known.name == **version)
    };
    let newest = kind.versions().iter().find(is_served);
    newest
        .filter(|_| established)
        .copied()
        .ok_or(Absence::NotServed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn definition(metadata: &Value, versions: &[(&str, bool)], established: &str) -> Definition {
        let versions = versions.iter().map(|(name, served)| {
            json!({"name": name, "served": served, "schema": {"openAPIV3Schema": {}}})
        });
        serde_json::from_value(json!({
            "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "metadata": metadata,
            "spec": {"group": "gateway.networking.k8s.io", "versions": versions.collect::<Vec<_>>()},
            "status": {"conditions": [
                {"type": "NamesAccepted", "status": "True"},
                {"type": "Established", "status": established},
            ]},
        }))
        .unwrap()
    }

    #[test]
    fn the_newest_version_that_is_served_is_used() {
        let there = json!({"name": "tcproutes.gateway.networking.k8s.io"});
        let going = json!({"name": "x", "deletionTimestamp": "2026-01-02T03:04:05Z"});
        let (old, both) = (("v1alpha2", true), [("v1alpha2", true), ("v1", true)]);
        for (definition, expected) in [
            (None, Err(Absence::NotInstalled)),
            (Some(definition(&there, &[old], "True")), Ok("v1alpha2")),
            (Some(definition(&there, &both, "True")), Ok("v1")),
            (
                Some(definition(
                    &there,
                    &[("v1", true), ("v1beta1", true), old],
                    "True",
                )),
                Ok("v1"),
            ),
            (
                Some(definition(&there, &[("v1", false), old], "True")),
                Ok("v1alpha2"),
            ),
            (
                Some(definition(
                    &there,
                    &[("v1", true), ("v1alpha2", false)],
                    "True",
                )),
                Ok("v1"),
            ),
            (
                Some(definition(&there, &both, "False")),
                Err(Absence::NotServed),
            ),
            (
                Some(definition(&there, &[("v2", true), ("v1", false)], "True")),
                Err(Absence::NotServed),
            ),
            (
                Some(definition(&going, &both, "True")),
                Err(Absence::NotInstalled),
            ),
        ] {
            let found = served(definition.as_ref(), OptionalKind::TcpRoute);
            assert_eq!(found, expected, "{definition:?}");
        }
    }

    #[test]
    fn a_definition_without_a_status_is_not_served_yet() {
        let new: Definition = serde_json::from_value(json!({
            "metadata": {"name": "x"}, "spec": {"versions": [{"name": "v1", "served": true}]},
        }))
        .unwrap();
        let found = served(Some(&new), OptionalKind::ServiceMonitor);
        assert_eq!(found, Err(Absence::NotServed));
    }
}
