//! The state file: read once at boot, replaced as a whole on every change.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use thiserror::Error;

use crate::state::State;

const NAME: &str = "simulator.json";

/// Why the state could not be kept.
#[derive(Debug, Error)]
pub enum StateFileError {
    /// The file or its folder does not let itself be used.
    #[error("cannot {action} the state file {}: {source}; check the volume and its owner", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The content is not ours.
    #[error("the state file {} does not decode: {source}; remove it to boot afresh", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: serde_json::Error,
    },
}

/// Where the state is kept.
#[derive(Debug)]
pub(crate) struct StateFile(PathBuf);

impl StateFile {
    /// The state file in a folder, which is made if it is missing.
    pub(crate) fn in_folder(folder: &Path) -> Result<Self, StateFileError> {
        let file = Self(folder.join(NAME));
        fs::create_dir_all(folder).map_err(|source| file.io("make the folder of", source))?;
        Ok(file)
    }

    /// What an earlier run left, or `None` at the first boot.
    pub(crate) fn load(&self) -> Result<Option<State>, StateFileError> {
        let text = match fs::read(&self.0) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(self.io("read", source)),
        };
        let malformed = |source| StateFileError::Malformed {
            path: self.0.clone(),
            source,
        };
        serde_json::from_slice(&text).map(Some).map_err(malformed)
    }

    /// Replaces the file. A reader, or a boot after a crash, sees the old state or the new one.
    pub(crate) fn save(&self, state: &State) -> Result<(), StateFileError> {
        let text = serde_json::to_vec_pretty(state);
        let text = text.map_err(|error| self.io("encode", io::Error::from(error)))?;
        let fresh = self.0.with_extension("json.new");
        fs::write(&fresh, text).map_err(|source| self.io("write", source))?;
        fs::rename(&fresh, &self.0).map_err(|source| self.io("replace", source))
    }

    fn io(&self, action: &'static str, source: io::Error) -> StateFileError {
        StateFileError::Io {
            action,
            path: self.0.clone(),
            source,
        }
    }
}
