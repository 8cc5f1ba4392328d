//! The `config.yaml` that is rendered holds only keys that the server knows: it ignores others with no more than a
//! warning.

use dittofs_operator::desired::Desired;
use dittofs_shared::names;
use dittofs_simulator::ServerConfig;
use dittofs_suite::{Outcome, ensure};
use serde_json::Value;
use std::path::{Path, PathBuf};

use super::case::{Case, parse};

/// Says where the schema is that the server prints.
const VARIABLE: &str = "DITTOFS_CONFIG_SCHEMA";

/// The simulator refuses what the real server would only warn about.
pub fn is_accepted(case: &Case) -> Outcome {
    let text = rendered(case)?;
    let config = ServerConfig::from_yaml(&text).map_err(|error| format!("{error}\n{text}"))?;
    dittofs_simulator::Settings::new(&config).map_err(|error| format!("{error}\n{text}"))?;
    Ok(())
}

/// Every key is in the schema that the server itself prints.
pub fn is_in_schema(case: &Case, schema: &Value) -> Outcome {
    let config: Value = serde_saphyr::from_str(&rendered(case)?)?;
    let mut unknown = Vec::new();
    look(&config, schema, "", &mut unknown);
    ensure!(
        unknown.is_empty(),
        "the server knows no such keys: {}",
        unknown.join(", ")
    );
    Ok(())
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
        .join("../..")
        .join(beside);
    if path.exists() {
        Ok(path)
    } else {
        Err(format!("{variable} is not set and {beside} is not there"))
    }
}

fn rendered(case: &Case) -> Result<String, Box<dyn std::error::Error + Send + Sync>> {
    let desired = Desired::of(&parse(&case.observed()?));
    let text = desired
        .config_maps
        .iter()
        .find_map(|config_map| config_map.data.as_ref()?.get(names::CONFIG_KEY));
    Ok(text.ok_or("no ConfigMap has a config.yaml")?.clone())
}

fn look(config: &Value, schema: &Value, path: &str, unknown: &mut Vec<String>) {
    for (key, value) in config.as_object().into_iter().flatten() {
        let path = format!("{path}.{key}");
        match schema.get("properties").and_then(|known| known.get(key)) {
            Some(known) => look(value, known, &path, unknown),
            None => unknown.push(path),
        }
    }
}
