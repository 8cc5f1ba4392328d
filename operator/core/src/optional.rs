//! Kinds that other projects define: a cluster may be without them, and may get them later.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::core::{ApiResource, DynamicObject, TypeMeta};
use serde_json::Value;

/// A kind that a cluster may be without. In the order in which they are applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs)]
pub enum OptionalKind {
    PerconaPGCluster,
    ServiceMonitor,
    TcpRoute,
    UdpRoute,
}

impl OptionalKind {
    /// All of them.
    pub const ALL: [Self; 4] = [
        Self::PerconaPGCluster,
        Self::ServiceMonitor,
        Self::TcpRoute,
        Self::UdpRoute,
    ];

    /// Group, version, kind and plural.
    const fn words(self) -> [&'static str; 4] {
        match self {
            Self::PerconaPGCluster => [
                "pgv2.percona.com",
                "v2",
                "PerconaPGCluster",
                "perconapgclusters",
            ],
            Self::ServiceMonitor => [
                "monitoring.coreos.com",
                "v1",
                "ServiceMonitor",
                "servicemonitors",
            ],
            Self::TcpRoute => [
                "gateway.networking.k8s.io",
                "v1alpha2",
                "TCPRoute",
                "tcproutes",
            ],
            Self::UdpRoute => [
                "gateway.networking.k8s.io",
                "v1alpha2",
                "UDPRoute",
                "udproutes",
            ],
        }
    }

    /// Name of the kind, such as `ServiceMonitor`.
    pub const fn name(self) -> &'static str {
        let [_, _, kind, _] = self.words();
        kind
    }

    /// The version that we speak.
    pub const fn version(self) -> &'static str {
        let [_, version, _, _] = self.words();
        version
    }

    /// What the API server calls it.
    pub fn resource(self) -> ApiResource {
        let [group, version, kind, plural] = self.words();
        ApiResource {
            group: group.to_owned(),
            version: version.to_owned(),
            api_version: format!("{group}/{version}"),
            kind: kind.to_owned(),
            plural: plural.to_owned(),
        }
    }

    /// Name of its CustomResourceDefinition.
    pub fn definition(self) -> String {
        let [group, _, _, plural] = self.words();
        format!("{plural}.{group}")
    }

    /// Whether there is data behind an object of this kind, so that none is ever taken away because a field of a
    /// `DittoServer` has changed.
    pub const fn holds_data(self) -> bool {
        matches!(self, Self::PerconaPGCluster)
    }

    /// An object of this kind. `body` is all but the metadata: `{"spec": …}`.
    pub fn object(self, metadata: ObjectMeta, body: Value) -> DynamicObject {
        let ApiResource {
            api_version, kind, ..
        } = self.resource();
        DynamicObject {
            types: Some(TypeMeta { api_version, kind }),
            metadata,
            data: body,
        }
    }
}

/// Why there is nothing of a kind, as far as we can know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Absence {
    /// There is no such CustomResourceDefinition, or it is being deleted.
    NotInstalled,
    /// There is one, without the version that we speak.
    NotServed,
    /// We may not look whether there is one, or may not read the objects.
    NotPermitted,
    /// The objects could not be read yet.
    NotRead,
}

impl Absence {
    /// What that means for somebody who asked for an object of this kind, and what to do.
    pub fn explain(self, kind: OptionalKind) -> String {
        let (name, version, definition) = (kind.name(), kind.version(), kind.definition());
        match self {
            Self::NotInstalled => format!(
                "this cluster has no {name}: CustomResourceDefinition {definition} is not installed. Install it, and it \
                 is noticed at once"
            ),
            Self::NotServed => format!(
                "CustomResourceDefinition {definition} does not serve version {version}: install a release that does, \
                 and it is noticed at once"
            ),
            Self::NotPermitted => format!(
                "the operator may not read {name} or its CustomResourceDefinition {definition}: give its account the \
                 rights in manifests/base/rbac.yaml and restart it"
            ),
            Self::NotRead => {
                format!(
                    "the API server has not listed any {name} yet: its log and the operator's say why"
                )
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn definitions_are_named_as_the_api_server_wants() {
        let names = OptionalKind::ALL.map(OptionalKind::definition);
        assert_eq!(
            names,
            [
                "perconapgclusters.pgv2.percona.com",
                "servicemonitors.monitoring.coreos.com",
                "tcproutes.gateway.networking.k8s.io",
                "udproutes.gateway.networking.k8s.io",
            ]
        );
    }

    #[test]
    fn an_object_says_what_it_is() {
        let made = OptionalKind::TcpRoute.object(ObjectMeta::default(), serde_json::json!({}));
        let types = made.types.unwrap();
        assert_eq!(types.api_version, "gateway.networking.k8s.io/v1alpha2");
        assert_eq!(types.kind, "TCPRoute");
    }
}
