//! One handshake, and what it shows about a connection that breaks right after it.

use super::TlsFiles;
use super::files::Material;
use super::reason::{self, Peer, TlsError};
use rustls::client::{ResolvesClientCert, Resumption};
use rustls::pki_types::ServerName;
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, SignatureScheme};
use std::error::Error as StdError;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// One handshake. With TLS 1.3 a server rejects the client's certificate, or the lack of one, only after the client has
/// finished the handshake. Then it is the first request that fails, and this explains why.
pub struct Handshake {
    base: String,
    trusted: PathBuf,
    server_name: Option<ServerName<'static>>,
    certificate: Option<PathBuf>,
    resolver: Arc<Resolver>,
    material: Material,
}

/// Sends the client certificate, and remembers whether the server asked for one.
#[derive(Debug)]
struct Resolver {
    certificate: Option<Arc<CertifiedKey>>,
    asked: AtomicBool,
}

impl ResolvesClientCert for Resolver {
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
            resolver: Arc::new(Resolver {
                certificate: material.client.clone(),
                asked: AtomicBool::new(false),
            }),
            material,
        }
    }

    pub(super) async fn perform(
        &self,
        stream: TcpStream,
    ) -> Result<TlsStream<TcpStream>, TlsError> {
        let config = self.config().map_err(|error| self.failed(&error))?;
        // rustls needs a name even where none is sent. Nothing compares this address with the certificate.
        let name = self
            .server_name
            .clone()
            .unwrap_or_else(|| ServerName::from(IpAddr::from(Ipv4Addr::LOCALHOST)));
        TlsConnector::from(Arc::new(config))
            .connect(name, stream)
            .await
            .map_err(|error| self.why(&error).unwrap_or_else(|| self.failed(&error)))
    }

    fn config(&self) -> Result<ClientConfig, rustls::Error> {
        let mut config = ClientConfig::builder_with_provider(Arc::clone(&self.material.provider))
            .with_safe_default_protocol_versions()?
            .dangerous()
            .with_custom_certificate_verifier(Arc::clone(&self.material.verifier) as _)
            .with_client_cert_resolver(Arc::clone(&self.resolver) as _);
        config.enable_sni = self.server_name.is_some();
        // A resumed session would skip the check of the certificate against the current files.
        config.resumption = Resumption::disabled();
        Ok(config)
    }

    /// What an error before the first answer says about TLS. `None` when it has nothing to do with it.
    pub fn why(&self, error: &(dyn StdError + 'static)) -> Option<TlsError> {
        let peer = Peer {
            base: &self.base,
            trusted: &self.trusted,
            server_name: self.server_name.as_ref(),
            certificate: self.certificate.as_deref(),
            asked: self.resolver.asked.load(Ordering::Relaxed),
        };
        reason::why(peer, error)
    }

    fn failed(&self, error: &dyn fmt::Display) -> TlsError {
        TlsError::Failed {
            base: self.base.clone(),
            reason: error.to_string(),
        }
    }
}

impl fmt::Debug for Handshake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Handshake").field(&self.base).finish()
    }
}
