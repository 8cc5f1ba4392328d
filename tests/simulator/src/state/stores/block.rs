//! What the configuration of a block store says.

use serde_json::{Map, Value};

use super::{super::go, Kind, endpoint};

/// The most uploads at the same time that a store may ask for.
const MOST_UPLOADS: f64 = 256.0;

/// Whether a kind of store can be of a type.
pub(crate) fn is_type(kind: Kind, engine: &str) -> bool {
    match kind {
        Kind::Local => matches!(engine, "fs" | "memory"),
        Kind::Remote => matches!(engine, "s3" | "memory"),
    }
}

/// The folder that a store needs, if it needs one, or the server's words why it cannot be.
pub(crate) fn check(engine: &str, config: &str) -> Result<Option<String>, String> {
    let config = go::object(config).map_err(|why| format!("failed to get config: {why}"))?;
    match engine {
        "fs" => folder(&config).map(Some),
        "s3" => s3(&config).map(|()| None),
        _ => Ok(None),
    }
}

/// The folder in a configuration that has been checked.
pub(crate) fn configured_folder(config: &str) -> Option<String> {
    folder(&go::object(config).ok()?).ok()
}

fn folder(config: &Map<String, Value>) -> Result<String, String> {
    match config.get("path") {
        None => Err("fs local block store requires path in config".to_owned()),
        Some(Value::String(path)) if path.is_empty() => {
            Err("fs local block store requires path in config".to_owned())
        }
        // What is below the home of the server is as good.
        Some(Value::String(path))
            if path == "~" || path.starts_with('/') || path.starts_with("~/") =>
        {
            Ok(path.clone())
        }
        Some(Value::String(path)) => Err(format!(
            "fs local block store path must be absolute, got {}",
            go::quoted(path)
        )),
        Some(_) => Err("fs local block store path must be a string".to_owned()),
    }
}

fn s3(config: &Map<String, Value>) -> Result<(), String> {
    let text = |key: &str| config.get(key).and_then(Value::as_str).unwrap_or_default();
    for key in ["bucket", "access_key_id", "secret_access_key"] {
        if text(key).is_empty() {
            return Err(format!("s3 remote block store requires {key} in config"));
        }
    }
    let private = config.get("allow_private_endpoint");
    let private = private.and_then(Value::as_bool).unwrap_or_default();
    endpoint::check(text("endpoint"), private)?;
    compression(config)?;
    uploads(config)
}

fn compression(config: &Map<String, Value>) -> Result<(), String> {
    let Some(compression) = config.get("compression") else {
        return Ok(());
    };
    let Some(object) = compression.as_object() else {
        let got = go::type_of(compression);
        return Err(format!("compression: expected object, got {got}"));
    };
    match object.get("algo") {
        None => Ok(()),
        Some(Value::String(algo)) if matches!(algo.as_str(), "zstd" | "lz4") => Ok(()),
        Some(Value::String(algo)) => Err(format!(
            "compression.algo: unsupported value {} (want zstd or lz4)",
            go::quoted(algo)
        )),
        Some(other) => Err(format!(
            "compression.algo: expected string, got {}",
            go::type_of(other)
        )),
    }
}

fn uploads(config: &Map<String, Value>) -> Result<(), String> {
    let Some(uploads) = config.get("parallel_uploads") else {
        return Ok(());
    };
    let number = uploads.as_f64().ok_or_else(|| {
        let got = go::type_of(uploads);
        format!("parallel_uploads: expected number, got {got}")
    })?;
    if number.fract() != 0.0 {
        return Err(format!("parallel_uploads: expected integer, got {number}"));
    }
    if !(0.0..=MOST_UPLOADS).contains(&number) {
        return Err(format!(
            "parallel_uploads: must be between 0 and {MOST_UPLOADS} (got {number})"
        ));
    }
    Ok(())
}

/// What is said of a bucket that is there.
pub(crate) fn bucket(config: &str) -> String {
    let config = go::object(config).unwrap_or_default();
    let text = |key: &str| config.get(key).and_then(Value::as_str).unwrap_or_default();
    let region = match text("region") {
        "" => "us-east-1",
        region => region,
    };
    format!(
        "S3 bucket accessible: {} (region: {region})",
        text("bucket")
    )
}
