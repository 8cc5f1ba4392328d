//! User names and passwords from mounted Secrets.

use dittofs_shared::names::{PASSWORD_KEY, USERNAME_KEY};
use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// A password. It does not get into a log by accident.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(String);

impl Password {
    /// The password itself, to be sent and nothing else.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}

/// Who somebody is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credentials {
    /// Name of the user.
    pub username: String,
    /// Password of the user.
    pub password: Password,
}

/// A directory with the files `username` and `password`. Kubernetes replaces them when the Secret changes, so they are
/// read whenever they are needed.
#[derive(Clone, Debug)]
pub struct CredentialFiles {
    directory: PathBuf,
    /// A name that is known from elsewhere: the Secret need not have one then.
    username: Option<String>,
}

/// Why there are no credentials.
#[derive(Debug, thiserror::Error)]
pub enum CredentialsError {
    /// A file cannot be read.
    #[error("{} cannot be read ({reason}): is the Secret mounted, with keys {USERNAME_KEY} and {PASSWORD_KEY}?", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: io::Error,
    },
    /// A file has nothing in it.
    #[error("{} is empty: fill in the key of the Secret", .0.display())]
    Empty(PathBuf),
}

impl CredentialFiles {
    /// Files in a directory.
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self {
            directory: directory.into(),
            username: None,
        }
    }

    /// Says who it is, so that only the password is read.
    #[must_use]
    pub fn of_user(mut self, username: Option<String>) -> Self {
        self.username = username;
        self
    }

    /// Reads the files.
    pub fn read(&self) -> Result<Credentials, CredentialsError> {
        Ok(Credentials {
            username: match &self.username {
                Some(username) => username.clone(),
                None => read(&self.directory.join(USERNAME_KEY))?,
            },
            password: Password(read(&self.directory.join(PASSWORD_KEY))?),
        })
    }
}

/// The text of a file, without the line end that editors leave there.
fn read(path: &Path) -> Result<String, CredentialsError> {
    let text = fs::read_to_string(path).map_err(|reason| CredentialsError::Unreadable {
        path: path.to_owned(),
        reason,
    })?;
    let text = text.trim_end_matches(['\r', '\n']);
    if text.is_empty() {
        return Err(CredentialsError::Empty(path.to_owned()));
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::Folder;

    #[test]
    fn files_are_read_each_time_and_lose_their_line_end() {
        let folder = Folder::new();
        let files = CredentialFiles::new(folder.path());
        assert!(matches!(
            files.read(),
            Err(CredentialsError::Unreadable { .. })
        ));
        folder.credentials("me\n", "first one \n");
        let credentials = files.read().unwrap();
        assert_eq!(credentials.username, "me");
        assert_eq!(credentials.password.reveal(), "first one ");
        folder.credentials("me", "second");
        assert_eq!(files.read().unwrap().password.reveal(), "second");
        folder.credentials("me", "\n");
        assert!(matches!(files.read(), Err(CredentialsError::Empty(_))));
    }

    #[test]
    fn a_name_that_is_given_need_not_be_in_a_file() {
        let folder = Folder::new();
        folder.credentials("", "secret");
        let files = CredentialFiles::new(folder.path()).of_user(Some("root".to_owned()));
        assert_eq!(files.read().unwrap().username, "root");
    }

    #[test]
    fn passwords_are_not_printed() {
        let folder = Folder::new();
        folder.credentials("me", "hunter2hunter2");
        let printed = format!("{:?}", CredentialFiles::new(folder.path()).read().unwrap());
        assert!(!printed.contains("hunter2"), "{printed}");
    }
}
