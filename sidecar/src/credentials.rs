//! User names and passwords from mounted Secrets.

use crate::password::Password;
use dittofs_shared::names::{PASSWORD_KEY, USERNAME_KEY};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// A user name and its password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credentials {
    /// Name of the user.
    pub username: String,
    /// Password of the user.
    pub password: Password,
}

/// A directory with the files `username` and `password`. The kubelet replaces them when the Secret changes, so they are
/// read for every use.
#[derive(Clone, Debug)]
pub struct CredentialFiles {
    directory: PathBuf,
}

/// Why the credentials cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CredentialsError {
    /// A file cannot be read.
    #[error(
        "cannot read {} ({reason}); check that the Secret is mounted and has keys {USERNAME_KEY} and {PASSWORD_KEY}",
        path.display()
    )]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why it cannot be read.
        reason: io::Error,
    },
    /// A file is empty.
    #[error("{} is empty; set this key of the Secret", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
}

impl CredentialFiles {
    /// The files in a directory.
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self {
            directory: directory.into(),
        }
    }

    /// Reads the files. The password is not trimmed, since other readers of the Secret do not trim it either. A line
    /// break after the user name is removed.
    pub fn read(&self) -> Result<Credentials, CredentialsError> {
        let username = read(&self.directory.join(USERNAME_KEY))?;
        Ok(Credentials {
            username: username.trim_end_matches(['\r', '\n']).to_owned(),
            password: Password::new(read(&self.directory.join(PASSWORD_KEY))?),
        })
    }
}

fn read(path: &Path) -> Result<String, CredentialsError> {
    let text = fs::read_to_string(path).map_err(|reason| CredentialsError::Unreadable {
        path: path.to_owned(),
        reason,
    })?;
    if text.trim().is_empty() {
        return Err(CredentialsError::Empty {
            path: path.to_owned(),
        });
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::Folder;

    #[test]
    fn files_are_read_each_time_and_a_password_is_not_trimmed() {
        let folder = Folder::new();
        let files = CredentialFiles::new(folder.path());
        assert!(matches!(
            files.read(),
            Err(CredentialsError::Unreadable { .. })
        ));
        folder.credentials("me\n", "first one \n");
        let credentials = files.read().unwrap();
        assert_eq!(credentials.username, "me");
        assert_eq!(credentials.password.reveal(), "first one \n");
        folder.credentials("me", "second");
        assert_eq!(files.read().unwrap().password.reveal(), "second");
        folder.credentials("me", "\n");
        assert!(matches!(files.read(), Err(CredentialsError::Empty { .. })));
    }

    #[test]
    fn passwords_are_not_printed() {
        let folder = Folder::new();
        folder.credentials("me", "hunter2hunter2");
        let printed = format!("{:?}", CredentialFiles::new(folder.path()).read().unwrap());
        assert!(!printed.contains("hunter2"), "{printed}");
    }
}
