//! A ConfigMap that remembers what was done to it.

use crate::password::Password;
use crate::publish::{Data, Target, TargetError};
use crate::reset::{PasswordError, Passwords};
use std::sync::{Arc, Mutex};

#[derive(Clone, Default)]
pub(crate) struct FakeTarget {
    pub inside: Arc<Mutex<Inside>>,
}

#[derive(Default)]
pub(crate) struct Inside {
    /// What stands there. `None`: there is no such ConfigMap.
    pub standing: Option<Data>,
    pub writes: Vec<Data>,
    /// The value of the only key of the only Secret.
    pub password: Option<String>,
    /// How often that was read.
    pub password_reads: u32,
    pub reads: u32,
    /// The API server is away.
    pub away: bool,
    /// The API server never answers.
    pub hangs: bool,
}

impl FakeTarget {
    /// An object that holds `data`.
    pub fn holding(data: Data) -> Self {
        let target = Self::default();
        target.set(|inside| inside.standing = Some(data));
        target
    }

    pub fn set<R>(&self, change: impl FnOnce(&mut Inside) -> R) -> R {
        change(&mut self.inside.lock().unwrap())
    }

    pub fn writes(&self) -> Vec<Data> {
        self.set(|inside| inside.writes.clone())
    }

    async fn there(&self) -> Result<(), TargetError> {
        let (away, hangs) = self.set(|inside| (inside.away, inside.hangs));
        if hangs {
            std::future::pending::<()>().await;
        }
        if away {
            return Err(TargetError::Failed {
                verb: "reach",
                name: "files-adapters".into(),
                reason: "away".into(),
            });
        }
        Ok(())
    }
}

impl Target for FakeTarget {
    async fn read(&self) -> Result<Data, TargetError> {
        self.there().await?;
        self.set(|inside| {
            inside.reads += 1;
            inside
                .standing
                .clone()
                .ok_or_else(|| TargetError::Missing("files-adapters".into()))
        })
    }

    async fn apply(&self, data: &Data) -> Result<(), TargetError> {
        self.there().await?;
        self.set(|inside| {
            if inside.standing.is_none() {
                return Err(TargetError::Forbidden {
                    verb: "patch",
                    name: "files-adapters".into(),
                    reason: "no create".into(),
                });
            }
            inside.standing = Some(data.clone());
            inside.writes.push(data.clone());
            Ok(())
        })
    }
}

impl Passwords for FakeTarget {
    async fn read(&self, secret: &str, _: &str) -> Result<Password, PasswordError> {
        self.set(|inside| {
            inside.password_reads += 1;
            if inside.away {
                return Err(PasswordError::Failed(secret.into(), "away".into()));
            }
            let password = inside.password.clone().map(Password::new);
            password.ok_or_else(|| PasswordError::Missing(secret.into()))
        })
    }
}
