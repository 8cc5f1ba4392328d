//! `crds/` is made from the types, and says enough for `kubectl explain`.

use crate::{Outcome, ensure};
use dittofs_shared::crd::DittoServer;
use kube::CustomResourceExt as _;
use serde_json::Value;
use std::path::Path;

pub fn is_current() -> Outcome {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../crds/dittoservers.yaml");
    super::expect(&file, &dittofs_operator_core::reference::crd::yaml()?)
}

pub fn every_field_is_described() -> Outcome {
    let crd = serde_json::to_value(DittoServer::crd())?;
    let schema = crd
        .pointer("/spec/versions/0/schema/openAPIV3Schema/properties")
        .ok_or("the definition has no schema")?;
    are_described(schema)
}

/// The spec and the status, and everything in them.
pub fn are_described(properties: &Value) -> Outcome {
    let mut silent = Vec::new();
    for part in ["spec", "status"] {
        look(&properties[part], &format!(".{part}"), &mut silent);
    }
    ensure!(
        silent.is_empty(),
        "`kubectl explain` says nothing about these fields; give them a doc comment:\n{}",
        silent.join("\n")
    );
    Ok(())
}

/// A text says something: a single word repeats the name.
fn look(schema: &Value, path: &str, silent: &mut Vec<String>) {
    let text = schema["description"].as_str().unwrap_or_default();
    if text.split_whitespace().count() < 2 {
        silent.push(format!("{path}: {text:?}"));
    }
    inside(schema, path, silent);
}

/// Elements of lists and values of maps need no text of their own, their fields do, however deep they are.
fn inside(schema: &Value, path: &str, silent: &mut Vec<String>) {
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        look(property, &format!("{path}.{name}"), silent);
    }
    for key in ["items", "additionalProperties"] {
        if schema[key].is_object() {
            inside(&schema[key], &format!("{path}[]"), silent);
        }
    }
}
