//! What the configuration of a metadata store says, and which engines are open.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

use serde_json::{Map, Value};

use super::super::go;

/// What a metadata store keeps its data in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Engine {
    Memory,
    /// A folder that one process can open once.
    Badger(String),
    /// A file.
    Sqlite(String),
    /// Taken to be there, because the simulator does not connect.
    Postgres,
}

impl Engine {
    /// The engine of a type and a configuration, or the server's words why there is none.
    pub(crate) fn of(kind: &str, config: &str) -> Result<Self, String> {
        let config = go::object(config).map_err(|why| format!("failed to get config: {why}"))?;
        match kind {
            "memory" => Ok(Self::Memory),
            "badger" => {
                let path = path(kind, &config)?;
                not_negative(&config, "block_cache_mb")?;
                not_negative(&config, "index_cache_mb")?;
                Ok(Self::Badger(path))
            }
            "sqlite" => path(kind, &config).map(Self::Sqlite),
            "postgres" => postgres(&config),
            _ => Err(format!("unsupported metadata store type: {kind}")),
        }
    }
}

fn path(kind: &str, config: &Map<String, Value>) -> Result<String, String> {
    let text = |key| config.get(key).and_then(Value::as_str);
    let mut given = ["path", "db_path"].into_iter().filter_map(text);
    let given = given.find(|path| !path.is_empty());
    given
        .map(str::to_owned)
        .ok_or_else(|| format!("{kind} metadata store requires path as string"))
}

fn not_negative(config: &Map<String, Value>, key: &str) -> Result<(), String> {
    match config.get(key).and_then(Value::as_f64) {
        Some(number) if number <= -1.0 => Err(format!(
            "badger metadata store {key} must be >= 0 (0 = auto), got {}",
            number.trunc()
        )),
        _ => Ok(()),
    }
}

fn postgres(config: &Map<String, Value>) -> Result<Engine, String> {
    for (key, other) in [
        ("host", None),
        ("database", Some("dbname")),
        ("user", None),
        ("password", None),
    ] {
        let text = |key: &str| config.get(key).is_some_and(Value::is_string);
        if !text(key) && !other.is_some_and(text) {
            return Err(format!("postgres metadata store requires {key}"));
        }
    }
    Ok(Engine::Postgres)
}

/// What this process has open. A store that is deleted stays open, and its folder locked, until the
/// process ends.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Engines {
    registered: BTreeMap<String, Engine>,
    locked: BTreeSet<PathBuf>,
}

impl Engines {
    /// Locks a folder, unless it is locked.
    pub(crate) fn lock(&mut self, folder: PathBuf) -> bool {
        self.locked.insert(folder)
    }

    /// Serves an engine under a name. Whoever has the name keeps it.
    pub(crate) fn register(&mut self, name: &str, engine: Engine) {
        self.registered.entry(name.to_owned()).or_insert(engine);
    }

    /// Whether there is an engine of that name.
    pub(crate) fn is_registered(&self, name: &str) -> bool {
        self.registered.contains_key(name)
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.registered.len()
    }
}
