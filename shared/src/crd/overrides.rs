//! Settings that have no field of their own.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::borrow::Cow;

/// Settings with the keys of the server's `config.yaml`.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(transparent)]
pub struct ConfigOverrides(pub Map<String, Value>);

impl JsonSchema for ConfigOverrides {
    fn schema_name() -> Cow<'static, str> {
        "ConfigOverrides".into()
    }

    /// An object of which the API server keeps every field: the keys depend on the version of the server.
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "object", "x-kubernetes-preserve-unknown-fields": true})
    }
}
