//! One handshake, and what it tells about a connection that breaks right after it.

use super::files::Material;
use super::reason::{self, TlsError};
use super::{FilesError, TlsFiles};
use rustls::client::{ResolvesClientCert, Resumption};
use rustls::pki_types::ServerName;
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, SignatureScheme};
use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// One handshake. With TLS 1.3 a server refuses the client's certificate, or the lack of one, only after the client has
/// finished: then it is the first request that fails, and this still knows why.
pub struct Handshake {
    pub(super) base: String,
    pub(super) trusted: PathBuf,
    pub(super) server_name: Option<ServerName<'static>>,
    pub(super) certificate: Option<PathBuf>,
    shown: Arc<Shown>,
    material: Material,
}

/// Shows the client certificate, and remembers that the server asked for one.
#[derive(Debug)]
struct Shown {
    certificate: Option<Arc<CertifiedKey>>,
    asked: AtomicBool,
}

impl ResolvesClientCert for Shown {
    fn resolve(
        &self,
        _issuers: &[&[u8]],
        _schemes: &[SignatureScheme],
    ) -> Option<Arc<CertifiedKey>> {
        self.asked.store(true, Ordering::Relaxed);
        self.certificate.clone()
    }

    fn has_certs(&self) -> bool {
        self.certificate.is_some()
    }
}

impl Handshake {
    pub(super) fn new(base: &str, files: &TlsFiles, material: Material) -> Self {
        Self {
            base: base.to_owned(),
            trusted: files.trusted.clone(),
            server_name: files.server_name.clone(),
            certificate: files.client.as_ref().map(|files| files.certificate.clone()),
            shown: Arc::new(Shown {
                certificate: material.client.clone(),
                asked: AtomicBool::new(false),
            }),
            material,
        }
    }

    pub(super) async fn shake(&self, stream: TcpStream) -> Result<TlsStream<TcpStream>, TlsError> {
        let config = self.config().map_err(|error| self.broken(&error))?;
        // Without a name there is none to send. The address only fills the place: the judge does not look at it.
        let name = self
            .server_name
            .clone()
            .unwrap_or_else(|| ServerName::from(std::net::IpAddr::from(Ipv4Addr::LOCALHOST)));
        TlsConnector::from(Arc::new(config))
            .connect(name, stream)
            .await
            .map_err(|error| self.why(&error).unwrap_or_else(|| self.broken(&error)))
    }

    fn config(&self) -> Result<ClientConfig, rustls::Error> {
        let mut config = ClientConfig::builder_with_provider(Arc::clone(&self.material.provider))
            .with_safe_default_protocol_versions()?
            .dangerous()
            .with_custom_certificate_verifier(Arc::clone(&self.material.judge) as _)
            .with_client_cert_resolver(Arc::clone(&self.shown) as _);
        config.enable_sni = self.server_name.is_some();
        // A session that goes on would be one that nobody judges again, with the files of yesterday.
        config.resumption = Resumption::disabled();
        Ok(config)
    }

    /// Whether the server wanted to see a client certificate.
    pub(super) fn asked(&self) -> bool {
        self.shown.asked.load(Ordering::Relaxed)
    }

    /// What TLS has to do with an error before the first answer. `None`: nothing.
    pub fn why(&self, error: &(dyn StdError + 'static)) -> Option<TlsError> {
        reason::why(self, error)
    }

    fn broken(&self, error: &dyn fmt::Display) -> TlsError {
        TlsError::Broken(self.base.clone(), error.to_string())
    }
}

impl fmt::Debug for Handshake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Handshake").field(&self.base).finish()
    }
}

impl From<FilesError> for TlsError {
    fn from(error: FilesError) -> Self {
        Self::Files(error)
    }
}

/// Whether the other side just went away.
pub(super) fn is_end(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::UnexpectedEof
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::BrokenPipe
    )
}
