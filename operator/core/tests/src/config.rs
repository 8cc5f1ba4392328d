//! The `config.yaml` that is rendered holds only keys that the server knows: it ignores others with no more than a
//! warning.

use crate::{Outcome, ensure, fail};
use dittofs_operator_core::desired::Desired;
use dittofs_operator_core::instance::{Instance, KNOWN_CONFIG_KEYS, unknown_keys};
use dittofs_shared::names;
use dittofs_simulator::ServerConfig;
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::case::{Case, parse};

/// Says where the schema is that the server prints.
const VARIABLE: &str = "DITTOFS_CONFIG_SCHEMA";

/// The simulator refuses what the real server would only warn about.
pub fn is_accepted(case: &Case) -> Outcome {
    let Some(text) = rendered(case)? else {
        return Ok(());
    };
    let instance = parse(&case.observed()?);
    let config = match ServerConfig::from_yaml(&text) {
        Ok(_) if !unknown(&instance).is_empty() => {
            fail!("what the status calls unknown is taken\n{text}")
        }
        Err(_) if !unknown(&instance).is_empty() => return Ok(()),
        read => read.map_err(|error| format!("{error}\n{text}"))?,
    };
    if instance.spec.control_plane.certificate().is_some() {
        // Its certificate is in no file here.
        return Ok(());
    }
    dittofs_simulator::Settings::new(&config).map_err(|error| format!("{error}\n{text}"))?;
    Ok(())
}

/// Every key is in the schema that the server itself prints.
pub fn is_in_schema(case: &Case, schema: &Value) -> Outcome {
    let Some(text) = rendered(case)? else {
        return Ok(());
    };
    let mut wrong = Vec::new();
    look(&serde_saphyr::from_str(&text)?, schema, "", &mut wrong);
    let told = unknown(&parse(&case.observed()?));
    ensure!(
        wrong.len() == told.len(),
        "the server would not take this: {}; the status calls {told:?} unknown\n{text}",
        wrong.join(", ")
    );
    Ok(())
}

/// Keys of `configOverrides` that the status says the server does not have.
fn unknown(instance: &Instance) -> Vec<String> {
    let overrides = instance.spec.config_overrides.as_ref();
    overrides.map_or_else(Vec::new, |overrides| unknown_keys(&overrides.0))
}

/// The keys that the operator says the server has are those of the schema.
pub fn known_keys(schema: &Value) -> Outcome {
    let mut all = BTreeSet::new();
    keys(schema, "", &mut all);
    let known: BTreeSet<_> = KNOWN_CONFIG_KEYS
        .iter()
        .map(|key| (*key).to_owned())
        .collect();
    let differ: Vec<_> = all.symmetric_difference(&known).cloned().collect();
    ensure!(
        differ.is_empty(),
        "only the schema, or only operator/core/src/instance/config_keys.rs, has {}",
        differ.join(", ")
    );
    Ok(())
}

fn keys(schema: &Value, path: &str, all: &mut BTreeSet<String>) {
    for (key, schema) in schema["properties"].as_object().into_iter().flatten() {
        let path = if path.is_empty() {
            key.clone()
        } else {
            format!("{path}.{key}")
        };
        if schema["properties"].is_object() {
            keys(schema, &path, all);
        } else if schema["type"] == "object" {
            all.insert(format!("{path}.*"));
        } else {
            all.insert(path);
        }
    }
}

/// The schema, or why there is none.
pub fn schema() -> Result<Value, String> {
    let path = given(VARIABLE, "../shared/dittofs/config.schema.json")?;
    let text =
        std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    serde_json::from_str(&text).map_err(|error| format!("{}: {error}", path.display()))
}

/// A file that does not belong to the repository: named by a variable, or beside the workspace.
pub fn given(variable: &str, beside: &str) -> Result<PathBuf, String> {
    if let Some(path) = std::env::var_os(variable).filter(|path| !path.is_empty()) {
        return Ok(path.into());
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../..")
        .join(beside);
    if path.exists() {
        Ok(path)
    } else {
        Err(format!("{variable} is not set and {beside} is not there"))
    }
}

/// `None`: it is refused what the user adds to the configuration.
fn rendered(case: &Case) -> Result<Option<String>, Box<dyn std::error::Error + Send + Sync>> {
    let desired = Desired::of(&parse(&case.observed()?));
    let text = desired
        .config_maps
        .iter()
        .find_map(|config_map| config_map.data.as_ref()?.get(names::CONFIG_KEY));
    if text.is_none() && desired.stateful_set.is_some() {
        return Err("a server is started, and no ConfigMap has a config.yaml".into());
    }
    Ok(text.cloned())
}

fn look(config: &Value, schema: &Value, path: &str, wrong: &mut Vec<String>) {
    for (key, value) in config.as_object().into_iter().flatten() {
        let path = format!("{path}.{key}");
        match schema.get("properties").and_then(|known| known.get(key)) {
            Some(known) if fits(value, known) => look(value, known, &path, wrong),
            Some(known) => wrong.push(format!("{path} is {value} and no {}", known["type"])),
            None => wrong.push(format!("{path}, of which it knows nothing")),
        }
    }
}

/// The schema says integer of a duration, and the server reads text there, too.
fn fits(value: &Value, schema: &Value) -> bool {
    match schema["type"].as_str() {
        Some("string") => value.is_string(),
        Some("boolean") => value.is_boolean(),
        Some("integer") => value.is_i64() || value.as_str().is_some_and(is_duration),
        Some("number") => value.is_number(),
        Some("array") => value.is_array(),
        _ => true,
    }
}

fn is_duration(text: &str) -> bool {
    text.parse::<dittofs_shared::Duration>().is_ok()
}
