//! `crds/` is made from the types, says enough for `kubectl explain`, is small enough for `kubectl apply`, and limits
//! whatever users write.

use crate::{Outcome, ensure};
use dittofs_operator_core::reference::{crd, definition, fields, of_kubernetes};
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::Path;

/// Largest definition, in bytes, as YAML and as JSON. `kubectl apply` stores the JSON in an annotation, and all
/// annotations of an object together have at most 262,144 bytes.
const MAX_SIZE: usize = 200_000;

pub fn is_current() -> Outcome {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../crds/dittoservers.yaml");
    super::expect(&file, &crd::yaml()?)
}

pub fn is_small_enough_for_kubectl_apply() -> Outcome {
    let sizes = [
        crd::yaml()?.len(),
        definition::definition().to_string().len(),
    ];
    ensure!(
        sizes.iter().all(|size| *size < MAX_SIZE),
        "as YAML and as JSON the definition has {sizes:?} bytes, and may have {MAX_SIZE}"
    );
    Ok(())
}

fn schema() -> Value {
    let definition = definition::definition();
    let properties = definition.pointer("/spec/versions/0/schema/openAPIV3Schema/properties");
    properties.cloned().unwrap_or_default()
}

pub fn every_field_is_described() -> Outcome {
    are_described(&schema())
}

/// The spec and the status, and everything in them that is ours.
pub fn are_described(properties: &Value) -> Outcome {
    let mut silent = Vec::new();
    for part in ["spec", "status"] {
        let schema = &properties[part];
        look(schema, part, &mut silent);
        for field in fields::inside(schema) {
            look(
                &field.schema,
                &format!("{part}.{}", field.path),
                &mut silent,
            );
        }
    }
    ensure!(
        silent.is_empty(),
        "`kubectl explain` says nothing about these fields; give them a doc comment:\n{}",
        silent.join("\n")
    );
    Ok(())
}

/// A text is a sentence: a single word repeats the name.
fn look(schema: &Value, path: &str, silent: &mut Vec<String>) {
    let text = schema["description"].as_str().unwrap_or_default();
    if text.split_whitespace().count() < 2 || !text.ends_with('.') {
        silent.push(format!("{path}: {text:?}"));
    }
}

pub fn types_of_kubernetes_have_no_descriptions_inside() -> Outcome {
    let schema = schema();
    let mut found = BTreeSet::new();
    for part in ["spec", "status"] {
        for field in fields::inside(&schema[part]) {
            let Some(r#type) = field.of_kubernetes else {
                continue;
            };
            found.insert(field.path.clone());
            let mut inside = field.schema;
            if let Some(fields) = inside.as_object_mut() {
                fields.remove("description");
            }
            ensure!(
                !inside.to_string().contains(r#""description":""#),
                "{part}.{} describes what is inside {type}",
                field.path
            );
        }
    }
    let missing: Vec<_> = of_kubernetes::paths()
        .filter(|path| !found.contains(*path))
        .collect();
    ensure!(
        missing.is_empty(),
        "these are in the table of fields with a type of Kubernetes, and are no fields: {missing:?}"
    );
    Ok(())
}

pub fn whatever_users_write_is_limited() -> Outcome {
    let mut unlimited = Vec::new();
    limits(&schema()["spec"], "spec", &mut unlimited);
    ensure!(
        unlimited.is_empty(),
        "these have no limit:\n{}",
        unlimited.join("\n")
    );
    Ok(())
}

fn limits(schema: &Value, path: &str, unlimited: &mut Vec<String>) {
    let has = |key: &str| schema.get(key).is_some();
    let is_limited = match schema["type"].as_str() {
        Some("string") => has("maxLength") || has("enum"),
        Some("array") => has("maxItems"),
        // Of an object without fields the API server keeps none.
        Some("object") => {
            has("maxProperties")
                || !(has("additionalProperties") || has("x-kubernetes-preserve-unknown-fields"))
        }
        Some(_) => true,
        None => has("x-kubernetes-int-or-string") && has("maxLength"),
    };
    if !is_limited {
        unlimited.push(format!("{path}: {schema}"));
    }
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        limits(property, &format!("{path}.{name}"), unlimited);
    }
    for (key, step) in [("items", "[]"), ("additionalProperties", ".*")] {
        if schema[key].is_object() {
            limits(&schema[key], &format!("{path}{step}"), unlimited);
        }
    }
}
