//! A `DittoServer` as the API server sends it, and how the operator refers to one.

use dittofs_shared::crd::{DittoServer, DittoServerStatus};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::core::DeserializeGuard;
use kube::runtime::reflector::ObjectRef;
use kube::{Resource, ResourceExt as _};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::io::{self, Write};

use dittofs_operator_core::brake::NamespacedName;

/// Largest spec that is reconciled, in bytes of JSON. `kubectl apply` takes no larger one either. The operator keeps
/// every spec in memory, so this also limits what one `DittoServer` costs it.
pub const MAX_SPEC: usize = 256 * 1024;

/// Namespace and name of an instance.
pub type InstanceRef = ObjectRef<Place>;

/// The instance at a place.
pub fn instance_at(place: &NamespacedName) -> InstanceRef {
    InstanceRef::new(&place.name).within(&place.namespace)
}

/// The place of an instance.
pub fn place_of(instance: &InstanceRef) -> NamespacedName {
    NamespacedName {
        namespace: instance.namespace.clone().unwrap_or_default(),
        name: instance.name.clone(),
    }
}

/// What the queue of reconciles has to know of a `DittoServer`: where it is.
#[derive(Clone, Debug, Resource)]
#[resource(inherit = DittoServer)]
pub struct Place {
    metadata: ObjectMeta,
}

impl Place {
    /// Of a `DittoServer`.
    pub fn of(server: &Server) -> Self {
        Self {
            metadata: ObjectMeta {
                name: server.meta().name.clone(),
                namespace: server.namespace(),
                ..ObjectMeta::default()
            },
        }
    }
}

/// A `DittoServer` that may not be valid. An invalid one must not stop the watch of all the others.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Server {
    /// It is as its schema says.
    Valid(Box<DittoServer>),
    /// Its spec is larger than [`MAX_SPEC`], and is not kept.
    TooLarge {
        /// Its metadata.
        metadata: Box<ObjectMeta>,
        /// Its status.
        status: Option<Box<DittoServerStatus>>,
        /// Size of its spec.
        bytes: usize,
    },
    /// It cannot be parsed.
    Invalid {
        /// Its metadata.
        metadata: Box<ObjectMeta>,
        /// Why.
        error: String,
    },
}

impl Server {
    /// Of a `DittoServer` that can be parsed.
    pub fn of(server: DittoServer) -> Self {
        let bytes = json_length(&server.spec);
        if bytes <= MAX_SPEC {
            return Self::Valid(Box::new(server));
        }
        Self::TooLarge {
            metadata: Box::new(server.metadata),
            status: server.status.map(Box::new),
            bytes,
        }
    }

    /// The `DittoServer`, if it is valid.
    pub fn valid(&self) -> Option<&DittoServer> {
        match self {
            Self::Valid(server) => Some(server),
            Self::TooLarge { .. } | Self::Invalid { .. } => None,
        }
    }
}

/// Length as JSON. Nothing is allocated: it is asked of every `DittoServer` that arrives.
fn json_length(value: &impl Serialize) -> usize {
    struct Counter(usize);
    impl Write for Counter {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 += bytes.len();
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut counter = Counter(0);
    // Neither the counter nor a type with string keys can fail.
    let _ = serde_json::to_writer(&mut counter, value);
    counter.0
}

impl From<DeserializeGuard<DittoServer>> for Server {
    fn from(guarded: DeserializeGuard<DittoServer>) -> Self {
        match guarded.0 {
            Ok(server) => Self::of(server),
            Err(invalid) => Self::Invalid {
                metadata: Box::new(invalid.metadata),
                error: invalid.error,
            },
        }
    }
}

impl Resource for Server {
    type DynamicType = ();
    type Scope = <DittoServer as Resource>::Scope;

    fn kind(kind: &()) -> Cow<'_, str> {
        DittoServer::kind(kind)
    }

    fn group(kind: &()) -> Cow<'_, str> {
        DittoServer::group(kind)
    }

    fn version(kind: &()) -> Cow<'_, str> {
        DittoServer::version(kind)
    }

    fn plural(kind: &()) -> Cow<'_, str> {
        DittoServer::plural(kind)
    }

    fn meta(&self) -> &ObjectMeta {
        match self {
            Self::Valid(server) => server.meta(),
            Self::TooLarge { metadata, .. } | Self::Invalid { metadata, .. } => metadata,
        }
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        match self {
            Self::Valid(server) => server.meta_mut(),
            Self::TooLarge { metadata, .. } | Self::Invalid { metadata, .. } => metadata,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_spec_that_is_too_large_is_not_kept() {
        let of = |length: usize| {
            let server = json!({
                "apiVersion": "dittofs.dittofs.com/v1alpha1", "kind": "DittoServer", "metadata": {"name": "files"},
                "spec": {"storage": {"metadataSize": "1Gi"}, "configOverrides": {"a": "x".repeat(length)}},
            });
            Server::of(serde_json::from_value(server).unwrap())
        };
        assert!(of(MAX_SPEC / 2).valid().is_some());
        let large = of(MAX_SPEC);
        assert!(large.valid().is_none());
        assert_eq!(large.meta().name.as_deref(), Some("files"));
        assert!(json_length(&large) < 500, "{large:?}");
    }

    #[test]
    fn the_length_is_that_of_the_json() {
        let value = json!({"a": ["ä", 1, null], "b": {}});
        assert_eq!(json_length(&value), value.to_string().len());
    }
}
