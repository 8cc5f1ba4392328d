//! TLS with the REST API: which server is trusted, and the client certificate.
//!
//! The files come from mounted Secrets, and the kubelet replaces them while the sidecar runs. So they are read for
//! every new connection; that is rare, since one connection is reused. Files that cannot be used are ignored while
//! the ones loaded before can be: a certificate that is written only in part must not stop the polls.

mod files;
mod handshake;
mod reason;
#[cfg(test)]
mod tests;
mod verifier;

pub use files::{ClientFiles, FilesError, TlsFiles};
pub use handshake::Handshake;
pub use reason::TlsError;

use crate::log_limit::LogLimit;
use files::{Contents, Material};
use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

/// Opens TLS connections with the current content of the files.
pub struct Tls {
    files: TlsFiles,
    started: Instant,
    loaded: Mutex<Loaded>,
}

/// The last usable content of the files.
#[derive(Default)]
struct Loaded {
    usable: Option<(Contents, Material)>,
    log_limit: LogLimit,
}

impl Tls {
    /// Reads no file yet.
    #[expect(
        clippy::disallowed_methods,
        reason = "only how much time has passed counts here"
    )]
    pub fn new(files: TlsFiles) -> Self {
        Self {
            files,
            started: Instant::now(),
            loaded: Mutex::default(),
        }
    }

    /// Performs the handshake. `base` is the server's address for messages.
    pub async fn connect(
        &self,
        base: &str,
        stream: TcpStream,
    ) -> Result<(TlsStream<TcpStream>, Handshake), TlsError> {
        let material = self.material()?;
        let handshake = Handshake::new(base, &self.files, material);
        handshake
            .perform(stream)
            .await
            .map(|stream| (stream, handshake))
    }

    /// The current content of the files, or the previous one while the current one cannot be used.
    fn material(&self) -> Result<Material, FilesError> {
        let mut loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        let Loaded { usable, log_limit } = &mut *loaded;
        let read = self.files.read().and_then(|contents| match usable {
            Some((before, material)) if *before == contents => Ok((None, material.clone())),
            _ => Ok((
                Some(contents.clone()),
                Material::new(&self.files, &contents)?,
            )),
        });
        match (read, &*usable) {
            (Ok((modified, material)), before) => {
                let has_recovered = log_limit.succeeded().is_some();
                if has_recovered || (modified.is_some() && before.is_some()) {
                    tracing::info!("reloaded the certificates for the REST API");
                }
                if let Some(contents) = modified {
                    *usable = Some((contents, material.clone()));
                }
                Ok(material)
            }
            (Err(error), Some((_, before))) => {
                let times = log_limit.failed(&error.to_string(), self.started.elapsed());
                if let Some(times) = times {
                    tracing::warn!(
                        times,
                        "{error}; using the certificates that were loaded before"
                    );
                }
                Ok(before.clone())
            }
            // It is reported as the failure of the poll.
            (Err(error), None) => Err(error),
        }
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Tls").field(&self.files).finish()
    }
}
