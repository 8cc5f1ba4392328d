//! TLS towards the REST API: which server is believed, and what is shown to it.
//!
//! The files are those of mounted Secrets, and the kubelet replaces them while the sidecar runs. So they are read for
//! every new connection, which is seldom, as one is kept. Files that cannot be used do not count as long as older ones
//! that could are at hand: a certificate half written must not end the watch over the adapters.

mod files;
mod handshake;
mod judge;
mod reason;
#[cfg(test)]
mod tests;

pub use files::{ClientFiles, FilesError, TlsFiles};
pub use handshake::Handshake;
pub use reason::TlsError;

use crate::complaints::Complaints;
use files::{Contents, Material};
use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

/// Speaks TLS with what the files say at the moment.
pub struct Tls {
    files: TlsFiles,
    begun: Instant,
    known: Mutex<Known>,
}

/// What was read last, and can be used.
#[derive(Default)]
struct Known {
    usable: Option<(Contents, Material)>,
    complaints: Complaints,
}

impl Tls {
    /// Nothing is read yet.
    pub fn new(files: TlsFiles) -> Self {
        Self {
            files,
            begun: Instant::now(),
            known: Mutex::default(),
        }
    }

    /// Agrees on TLS with the server at `base`, an address for messages.
    pub async fn connect(
        &self,
        base: &str,
        stream: TcpStream,
    ) -> Result<(TlsStream<TcpStream>, Handshake), TlsError> {
        let material = self.material()?;
        let handshake = Handshake::new(base, &self.files, material);
        handshake
            .shake(stream)
            .await
            .map(|stream| (stream, handshake))
    }

    /// What the files say; while they cannot be used, what they said before.
    fn material(&self) -> Result<Material, FilesError> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let Known { usable, complaints } = &mut *known;
        let read = self.files.read().and_then(|contents| match usable {
            Some((before, material)) if *before == contents => Ok((None, material.clone())),
            _ => Ok((
                Some(contents.clone()),
                Material::new(&self.files, &contents)?,
            )),
        });
        match (read, &*usable) {
            (Ok((news, material)), before) => {
                let told = complaints.over().is_some();
                if told || (news.is_some() && before.is_some()) {
                    tracing::info!("took the certificates for the REST API from their files anew");
                }
                if let Some(contents) = news {
                    *usable = Some((contents, material.clone()));
                }
                Ok(material)
            }
            (Err(error), Some((_, before))) => {
                let times = complaints.again(&error.to_string(), self.begun.elapsed());
                if let Some(times) = times {
                    tracing::warn!(times, "{error}; going on with what was there before");
                }
                Ok(before.clone())
            }
            // The failure of the poll tells it.
            (Err(error), None) => Err(error),
        }
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Tls").field(&self.files).finish()
    }
}
