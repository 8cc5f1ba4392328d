//! A `DittoServer` as the API server sends it, and how the operator refers to one.

use dittofs_shared::crd::DittoServer;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::core::DeserializeGuard;
use kube::runtime::reflector::ObjectRef;
use kube::{Resource, ResourceExt as _};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

use dittofs_operator_core::brake::NamespacedName;

/// Namespace and name of an instance.
pub type InstanceRef = ObjectRef<Place>;

/// The instance at a place.
pub fn instance_at(place: &NamespacedName) -> InstanceRef {
    InstanceRef::new(&place.name).within(&place.namespace)
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
    /// It cannot be parsed.
    Invalid {
        /// Its metadata.
        metadata: Box<ObjectMeta>,
        /// Why.
        error: String,
    },
}

impl Server {
    /// The `DittoServer`, if it is valid.
    pub fn valid(&self) -> Option<&DittoServer> {
        match self {
            Self::Valid(server) => Some(server),
            Self::Invalid { .. } => None,
        }
    }
}

impl From<DeserializeGuard<DittoServer>> for Server {
    fn from(guarded: DeserializeGuard<DittoServer>) -> Self {
        match guarded.0 {
            Ok(server) => Self::Valid(Box::new(server)),
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
            Self::Invalid { metadata, .. } => metadata,
        }
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        match self {
            Self::Valid(server) => server.meta_mut(),
            Self::Invalid { metadata, .. } => metadata,
        }
    }
}
