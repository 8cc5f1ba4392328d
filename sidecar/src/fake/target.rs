//! A ConfigMap that records what is done to it.

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
    /// The data of the ConfigMap. `None` while it does not exist.
    pub data: Option<Data>,
    pub writes: Vec<Data>,
    /// The value that every key of every Secret has.
    pub password: Option<String>,
    /// How often it was read.
    pub password_reads: u32,
    pub reads: u32,
    /// Whether the API server is unavailable.
    pub is_down: bool,
    /// Whether the API server never answers.
    pub hangs: bool,
}

impl FakeTarget {
    /// A ConfigMap with this data.
    pub fn holding(data: Data) -> Self {
        let target = Self::default();
        target.set(|inside| inside.data = Some(data));
        target
    }

    pub fn set<R>(&self, change: impl FnOnce(&mut Inside) -> R) -> R {
        change(&mut self.inside.lock().unwrap())
    }

    pub fn writes(&self) -> Vec<Data> {
        self.set(|inside| inside.writes.clone())
    }

    async fn answers(&self) -> Result<(), TargetError> {
        let (is_down, hangs) = self.set(|inside| (inside.is_down, inside.hangs));
        if hangs {
            std::future::pending::<()>().await;
        }
        if is_down {
            return Err(TargetError::Failed {
                verb: "reach",
                name: "files-adapters".into(),
                reason: "it is down".into(),
            });
        }
        Ok(())
    }
}

impl Target for FakeTarget {
    async fn read(&self) -> Result<Data, TargetError> {
        self.answers().await?;
        self.set(|inside| {
            inside.reads += 1;
            inside.data.clone().ok_or_else(|| TargetError::Missing {
                name: "files-adapters".into(),
            })
        })
    }

    async fn apply(&self, data: &Data) -> Result<(), TargetError> {
        self.answers().await?;
        self.set(|inside| {
            if inside.data.is_none() {
                return Err(TargetError::Forbidden {
                    verb: "patch",
                    name: "files-adapters".into(),
                    reason: "create is not allowed".into(),
                });
            }
            inside.data = Some(data.clone());
            inside.writes.push(data.clone());
            Ok(())
        })
    }
}

impl Passwords for FakeTarget {
    async fn read(&self, secret: &str, _: &str) -> Result<Password, PasswordError> {
        self.set(|inside| {
            inside.password_reads += 1;
            if inside.is_down {
                return Err(PasswordError::Failed {
                    secret: secret.into(),
                    reason: "it is down".into(),
                });
            }
            let password = inside.password.clone().map(Password::new);
            password.ok_or_else(|| PasswordError::Missing {
                secret: secret.into(),
            })
        })
    }
}
