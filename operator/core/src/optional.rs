//! Kinds that other projects define. A cluster may lack them, and may get them later.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::core::{ApiResource, DynamicObject, TypeMeta};
use serde_json::Value;

/// How the API server names a kind.
struct Words {
    group: &'static str,
    versions: &'static [&'static str],
    kind: &'static str,
    plural: &'static str,
}

/// Releases of Gateway API serve one or several of these. From 1.6 on, the standard channel serves only `v1`.
const ROUTES: &[&str] = &["v1", "v1beta1", "v1alpha3", "v1alpha2"];

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

    const fn words(self) -> Words {
        match self {
            Self::PerconaPGCluster => Words {
                group: "pgv2.percona.com",
                versions: &["v2"],
                kind: "PerconaPGCluster",
                plural: "perconapgclusters",
            },
            Self::ServiceMonitor => Words {
                group: "monitoring.coreos.com",
                versions: &["v1"],
                kind: "ServiceMonitor",
                plural: "servicemonitors",
            },
            Self::TcpRoute => Words {
                group: "gateway.networking.k8s.io",
                versions: ROUTES,
                kind: "TCPRoute",
                plural: "tcproutes",
            },
            Self::UdpRoute => Words {
                group: "gateway.networking.k8s.io",
                versions: ROUTES,
                kind: "UDPRoute",
                plural: "udproutes",
            },
        }
    }

    /// Name of the kind, such as `ServiceMonitor`.
    pub const fn name(self) -> &'static str {
        self.words().kind
    }

    /// The versions that the operator can use, the newest first. What it sets is the same in all of them.
    pub const fn versions(self) -> &'static [&'static str] {
        self.words().versions
    }

    /// The resource in the oldest of these versions, in which objects are built.
    pub fn resource(self) -> ApiResource {
        self.resource_in(self.versions().last().copied().unwrap_or_default())
    }

    /// The resource in a version, as the API server names it.
    pub fn resource_in(self, version: &str) -> ApiResource {
        let Words {
            group,
            kind,
            plural,
            ..
        } = self.words();
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
        let Words { group, plural, .. } = self.words();
        format!("{plural}.{group}")
    }

    /// Whether an object of this kind holds data, so that a change of the spec never prunes it.
    pub const fn holds_data(self) -> bool {
        matches!(self, Self::PerconaPGCluster)
    }

    /// An object of this kind. `body` is all but the metadata: `{"spec": …}`.
    pub fn object(self, metadata: ObjectMeta, body: Value) -> DynamicObject {
        let object = DynamicObject {
            types: None,
            metadata,
            data: body,
        };
        of_resource(object, &self.resource())
    }
}

/// The object in the version of a resource.
pub fn of_resource(object: DynamicObject, resource: &ApiResource) -> DynamicObject {
    DynamicObject {
        types: Some(TypeMeta {
            api_version: resource.api_version.clone(),
            kind: resource.kind.clone(),
        }),
        ..object
    }
}

/// Why there are no objects of a kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Absence {
    /// The CustomResourceDefinition does not exist or is being deleted.
    NotInstalled,
    /// It serves no version that the operator can use.
    NotServed,
    /// The operator may not read it, or may not read the objects.
    NotPermitted,
    /// The objects could not be read yet.
    NotRead,
}

impl Absence {
    /// For users whose instance uses this kind: the cause and the next step.
    pub fn explain(self, kind: OptionalKind) -> String {
        let (name, definition) = (kind.name(), kind.definition());
        match self {
            Self::NotInstalled => format!(
                "kind {name} is not installed in this cluster: install CustomResourceDefinition {definition}, and the \
                 operator uses it at once"
            ),
            Self::NotServed => format!(
                "CustomResourceDefinition {definition} does not serve version {}: install a release that does, and \
                 the operator uses it at once",
                kind.versions().join(" or ")
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

    #[test]
    fn an_object_is_sent_in_the_version_of_its_resource() {
        let kind = OptionalKind::UdpRoute;
        let object = kind.object(ObjectMeta::default(), serde_json::json!({}));
        let sent = of_resource(object, &kind.resource_in("v1"));
        let types = sent.types.unwrap();
        assert_eq!(types.api_version, "gateway.networking.k8s.io/v1");
        assert_eq!(types.kind, "UDPRoute");
    }

    #[test]
    fn every_version_that_would_do_is_named() {
        let said = Absence::NotServed.explain(OptionalKind::TcpRoute);
        assert!(
            said.contains("version v1 or v1beta1 or v1alpha3 or v1alpha2:"),
            "{said}"
        );
    }
}
