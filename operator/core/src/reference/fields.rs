//! The fields of the schema, in its order.

use serde_json::Value;

use super::definition;
use super::of_kubernetes::of_kubernetes;

/// A field of the schema.
#[derive(Clone, Debug)]
pub struct Field {
    /// Its path: `[]` is any element of a list, `*` any key of a map.
    pub path: String,
    /// Its part of the schema.
    pub schema: Value,
    /// Whether it is required wherever its parent is set.
    pub required: bool,
    /// The type, if it is one of Kubernetes itself.
    pub of_kubernetes: Option<&'static str>,
}

impl Field {
    /// Whether it holds a value, not further fields of ours.
    pub fn is_leaf(&self) -> bool {
        self.of_kubernetes.is_some() || inner(&self.schema).is_none()
    }
}

/// All fields of `spec` or `status`, each before what is inside it.
pub fn of(part: &str) -> Vec<Field> {
    let crd = definition::definition();
    crd.pointer(&definition::pointer(part))
        .map(inside)
        .unwrap_or_default()
}

/// All fields inside a schema.
pub fn inside(schema: &Value) -> Vec<Field> {
    let mut fields = Vec::new();
    below(schema, "", &mut fields);
    fields
}

/// The schema with the fields inside: the schema itself, that of its elements or that of its values.
fn inner(schema: &Value) -> Option<(&Value, &'static str)> {
    let parts = [
        (schema, ""),
        (&schema["items"], "[]"),
        (&schema["additionalProperties"], ".*"),
    ];
    parts
        .into_iter()
        .find(|(part, _)| part["properties"].is_object())
}

fn below(schema: &Value, path: &str, fields: &mut Vec<Field>) {
    let Some((holder, step)) = inner(schema) else {
        return;
    };
    let required: Vec<_> = holder["required"]
        .as_array()
        .into_iter()
        .flatten()
        .collect();
    for (name, property) in holder["properties"].as_object().into_iter().flatten() {
        let path = format!("{path}{step}.{name}");
        let path = path.trim_start_matches('.').to_owned();
        let field = Field {
            required: required.iter().any(|required| *required == name),
            of_kubernetes: of_kubernetes(&path),
            schema: property.clone(),
            path: path.clone(),
        };
        let whole = field.of_kubernetes.is_some();
        fields.push(field);
        if !whole {
            below(property, &path, fields);
        }
    }
}
