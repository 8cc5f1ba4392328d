//! The CustomResourceDefinition as it is installed: the one that is derived from the types, made smaller and bounded.
//!
//! Types of Kubernetes keep their structure and lose their descriptions: with them, the definition would be larger
//! than the annotation that `kubectl apply` stores it in.

use dittofs_shared::crd::DittoServer;
use kube::CustomResourceExt as _;
use serde_json::{Map, Value};

use super::bounds;
use super::of_kubernetes::of_kubernetes;

/// Where the schema of `spec` or `status` is.
pub fn pointer(part: &str) -> String {
    format!("/spec/versions/0/schema/openAPIV3Schema/properties/{part}")
}

/// The definition.
pub fn definition() -> Value {
    // It has string keys only, so that it cannot fail to serialise.
    let mut crd = serde_json::to_value(DittoServer::crd()).unwrap_or_default();
    for part in ["spec", "status"] {
        let walk = Walk {
            // Only users are limited: a limit must never keep the operator from writing the status.
            is_bounded: part == "spec",
        };
        if let Some(Value::Object(schema)) = crd.pointer_mut(&pointer(part)) {
            walk.visit(schema, "", false);
        }
    }
    crd
}

struct Walk {
    is_bounded: bool,
}

impl Walk {
    /// `path` as in [`super::fields`], with `[]` for any element of a list and `*` for any key of a map.
    fn visit(&self, schema: &mut Map<String, Value>, path: &str, is_inside_kubernetes: bool) {
        if is_inside_kubernetes {
            schema.remove("description");
        }
        if self.is_bounded {
            bounds::complete(schema, path);
        }
        let is_inside = is_inside_kubernetes || of_kubernetes(path).is_some();
        if let Some(Value::Object(properties)) = schema.get_mut("properties") {
            for (name, property) in properties {
                let path = format!("{path}.{name}");
                self.descend(property, path.trim_start_matches('.'), is_inside);
            }
        }
        for (inner, place) in [("items", "[]"), ("additionalProperties", ".*")] {
            if let Some(inner) = schema.get_mut(inner) {
                self.descend(inner, &format!("{path}{place}"), is_inside);
            }
        }
    }

    fn descend(&self, schema: &mut Value, path: &str, is_inside_kubernetes: bool) {
        if let Value::Object(schema) = schema {
            self.visit(schema, path, is_inside_kubernetes);
        }
    }
}
