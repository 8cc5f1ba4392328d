//! What stores need of the file system: folders and files that are made when the store is.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use crate::state::{
    State, go,
    shares::Share,
    stores::{
        block,
        engine::{Engine, Engines},
    },
};

/// Opens an engine, or says in the server's words why it cannot be opened. A badger folder is locked
/// from then on, whatever becomes of the store.
pub(crate) fn open(engine: &Engine, engines: &mut Engines) -> Result<(), String> {
    match engine {
        Engine::Memory | Engine::Postgres => Ok(()),
        Engine::Badger(path) => {
            let path =
                &expanded(path).map_err(|why| format!("failed to expand path \"\": {why}"))?;
            let folder = badger_folder(path)
                .map_err(|why| format!("failed to open BadgerDB at {path}: {why}"))?;
            if engines.lock(folder) {
                return Ok(());
            }
            Err(format!(
                "metadata store at {path} is locked by another process — a DittoFS server is almost \
                 certainly already running against this data directory. Stop it ('dfs stop', or kill \
                 the running dfs) before starting another, or point this share at a different db_path: \
                 Cannot acquire directory lock on \"{path}\".  Another process is using this Badger \
                 database. error: resource temporarily unavailable"
            ))
        }
        Engine::Sqlite(path) => {
            let path =
                expanded(path).map_err(|why| format!("failed to expand path \"\": {why}"))?;
            let opened = fs::OpenOptions::new().append(true).create(true).open(path);
            opened.map(drop).map_err(|_| {
                "failed to ping sqlite database: unable to open database file: out of memory (14)"
                    .to_owned()
            })
        }
    }
}

fn badger_folder(path: &str) -> Result<PathBuf, String> {
    match fs::metadata(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            let why = words(&error);
            return Err(format!("Invalid Dir: \"{path}\" error: stat {path}: {why}"));
        }
        Ok(found) if !found.is_dir() => {
            let lock = format!("{}/LOCK", path.trim_end_matches('/'));
            return Err(format!(
                "Cannot write pid file \"{lock}\" error: open {lock}: not a directory"
            ));
        }
        _ => {}
    }
    make_folder(path).map_err(|why| format!("Error Creating Dir: \"{path}\" error: {why}"))?;
    // The same folder can be written in several ways.
    fs::canonicalize(path).map_err(|error| words(&error))
}

/// Makes a folder and those above it.
pub(crate) fn make_folder(path: &str) -> Result<(), String> {
    let mut above: Vec<&Path> = Path::new(path).ancestors().collect();
    above.reverse();
    // Above a relative path is the working directory, whose path is empty.
    let missing = |folder: &&Path| *folder != Path::new("") && !folder.is_dir();
    for folder in above.into_iter().filter(missing) {
        let failed = |why: &str| format!("mkdir {}: {why}", folder.display());
        if folder.exists() {
            return Err(failed("not a directory"));
        }
        fs::create_dir(folder).map_err(|error| failed(&words(&error)))?;
    }
    Ok(())
}

/// The path that is meant: `~` is the server's own home.
pub(crate) fn expanded(path: &str) -> Result<String, String> {
    below_home(path, std::env::var("HOME").ok())
}

fn below_home(path: &str, home: Option<String>) -> Result<String, String> {
    let rest = path.strip_prefix('~');
    let Some(rest) = rest.filter(|rest| rest.is_empty() || rest.starts_with('/')) else {
        return Ok(path.to_owned());
    };
    let home = home.filter(|home| !home.is_empty());
    let home = home.ok_or_else(|| "$HOME is not defined".to_owned())?;
    let parts = rest.split('/').filter(|part| !matches!(*part, "" | "."));
    let home = home.trim_end_matches('/').to_owned();
    Ok(parts.fold(home, |path, part| format!("{path}/{part}")))
}

/// Loads a share if that can be.
pub(crate) fn load(state: &mut State, share: &Share) {
    if is_ready(state, share) {
        state.shares.load(share);
    }
}

/// Whether a share has its stores, and makes the folder for its blocks.
pub(crate) fn is_ready(state: &State, share: &Share) -> bool {
    let local = state.block_stores.by_id(&share.local_block_store_id);
    let Some(local) = local.filter(|_| state.has_metadata(share)) else {
        return false;
    };
    if local.engine != "fs" {
        return true;
    }
    let name = go::escaped(share.name.trim_start_matches('/'));
    let folder = block::configured_folder(&local.config);
    let folder = folder.and_then(|folder| expanded(&folder).ok());
    folder.is_some_and(|folder| make_folder(&format!("{folder}/shares/{name}")).is_ok())
}

/// Why a folder does not do for blocks.
pub(crate) fn probe_folder(path: &str) -> Result<(), &'static str> {
    let path = expanded(path).map_err(|_| "cannot resolve configured path")?;
    let path = path.as_str();
    match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Err("configured path does not exist")
        }
        Err(_) => Err("cannot access configured path"),
        Ok(found) if !found.is_dir() => Err("configured path is not a directory"),
        Ok(found) if found.permissions().readonly() => Err("configured path is not writable"),
        Ok(_) => Ok(()),
    }
}

/// What the system said, without what Rust adds to it.
fn words(error: &io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    text.to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn home_is_the_servers() {
        for (path, want) in [
            ("~", "/home/x"),
            ("~/", "/home/x"),
            ("~/a//./b", "/home/x/a/b"),
            ("~a/b", "~a/b"),
            ("/a/~/b", "/a/~/b"),
            ("a", "a"),
        ] {
            let home = Some("/home/x/".to_owned());
            assert_eq!(below_home(path, home).as_deref(), Ok(want), "{path}");
        }
        assert!(below_home("~/a", None).is_err() && below_home("a", None).is_ok());
    }
}
