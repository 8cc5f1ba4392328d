//! A ConfigMap in memory.

use dittofs_sidecar::password::Password;
use dittofs_sidecar::publish::{Data, Target, TargetError};
use dittofs_sidecar::reset::{PasswordError, Passwords};
use std::sync::{Arc, Mutex, PoisonError};

/// What is published, and how often something was.
#[derive(Clone, Default)]
pub struct Memory(Arc<Mutex<(Data, u64)>>);

impl Memory {
    /// How often something was published.
    pub fn publications(&self) -> u64 {
        self.with(|(_, count)| *count)
    }

    fn with<R>(&self, act: impl FnOnce(&mut (Data, u64)) -> R) -> R {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Target for Memory {
    async fn read(&self) -> Result<Data, TargetError> {
        Ok(self.with(|(data, _)| data.clone()))
    }

    async fn apply(&self, new: &Data) -> Result<(), TargetError> {
        self.with(|(data, count)| {
            data.clone_from(new);
            *count += 1;
        });
        Ok(())
    }
}

impl Passwords for Memory {
    async fn read(&self, secret: &str, _: &str) -> Result<Password, PasswordError> {
        Err(PasswordError::Missing {
            secret: secret.to_owned(),
        })
    }
}
