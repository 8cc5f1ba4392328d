//! Kinds that other projects define. A cluster may lack them, and may get them later.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::core::{ApiResource, DynamicObject, TypeMeta};
use serde_json::Value;

/// A kind that a cluster may lack. In the order in which they are applied.
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

    /// The version that the operator uses.
    pub const fn version(self) -> &'static str {
        let [_, version, _, _] = self.words();
        version
    }

    /// The resource, as the API server names it.
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

    /// Whether an object of this kind holds data, so that a change of the spec never prunes it.
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

/// Why there are no objects of a kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Absence {
    /// The CustomResourceDefinition does not exist or is being deleted.
    NotInstalled,
    /// It does not serve the version that the operator uses.
    NotServed,
    /// The operator may not read it, or may not read the objects.
    NotPermitted,
    /// The objects could not be read yet.
    NotRead,
}

impl Absence {
    /// For users whose instance uses this kind: the cause and the next step.
    pub fn explain(self, kind: OptionalKind) -> String {
        let (name, version, definition) = (kind.name(), kind.version(), kind.definition());
        match self {
            Self::NotInstalled => format!(
                "kind {name} is not installed in this cluster: install CustomResourceDefinition {definition}, and the \
                 operator uses it at once"
            ),
            Self::NotServed => format!(
                "CustomResourceDefinition {definition} does not serve version {version}: install a release that does, and \
                 the operator uses it at once"
            ),
            Self::NotPermitted => format!(
                "the operator may not read {name} or CustomResourceDefinition {definition}: grant its ServiceAccount the rules \
                 in manifests/base/rbac.yaml; it tries again every ten minutes, and at its start"
            ),
            Self::NotRead => {
                format!(
                    "the API server has not listed any {name} yet: check its log and the log of the operator"
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
        let object = OptionalKind::TcpRoute.object(ObjectMeta::default(), serde_json::json!({}));
        let types = object.types.unwrap();
        assert_eq!(types.api_version, "gateway.networking.k8s.io/v1alpha2");
        assert_eq!(types.kind, "TCPRoute");
    }
}
