//! Certificates of listeners, as the real server uses them.
//!
//! All files are read at the start, and the server does not start without them. The API's own
//! certificate and key are looked at again for every handshake, so that renewed ones count; while
//! they cannot be used, the old ones do. The clients' CA, and everything about the metrics port, is
//! what it was at the start.

use std::{
    fs,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use rustls::{
    InconsistentKeys, RootCertStore, ServerConfig,
    crypto::{CryptoProvider, ring::default_provider},
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    server::{ClientHello, ResolvesServerCert, WebPkiClientVerifier, danger::ClientCertVerifier},
    sign::CertifiedKey,
    version::{TLS12, TLS13},
};
use tokio_rustls::TlsAcceptor;
use tracing::warn;

use crate::config::{ConfigError, TlsSettings};

/// Whether a certificate is looked at again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Renewal {
    Never,
    EachHandshake,
}

/// Reads all files of a section of the configuration.
pub(crate) fn acceptor(
    section: &str,
    settings: &TlsSettings,
    renewal: Renewal,
) -> Result<TlsAcceptor, ConfigError> {
    let unusable = |key: &str, path: &Path, reason: String| ConfigError::File {
        key: format!("{section}.{key}"),
        path: path.to_owned(),
        reason,
    };
    let provider = Arc::new(default_provider());
    let served = Served::read(settings, Arc::clone(&provider), renewal)
        .map_err(|reason| unusable("cert_file", &settings.cert_file, reason))?;
    let versions: &[_] = if settings.only_1_3 {
        &[&TLS13]
    } else {
        &[&TLS12, &TLS13]
    };
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(versions)
        .map_err(|error| unusable("min_version", &settings.cert_file, error.to_string()))?;
    let builder = match &settings.client_ca {
        None => builder.with_no_client_auth(),
        Some(path) => {
            let clients =
                clients(path, provider).map_err(|reason| unusable("client_ca", path, reason))?;
            builder.with_client_cert_verifier(clients)
        }
    };
    Ok(TlsAcceptor::from(Arc::new(
        builder.with_cert_resolver(Arc::new(served)),
    )))
}

fn clients(
    path: &Path,
    provider: Arc<CryptoProvider>,
) -> Result<Arc<dyn ClientCertVerifier>, String> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(&read(path)?)? {
        roots.add(certificate).map_err(|error| error.to_string())?;
    }
    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
        .build()
        .map_err(|error| error.to_string())
}

/// The certificate that is served.
#[derive(Debug)]
struct Served {
    settings: TlsSettings,
    provider: Arc<CryptoProvider>,
    renewal: Renewal,
    now: Mutex<Pair>,
}

#[derive(Debug, Clone)]
struct Pair {
    files: (Vec<u8>, Vec<u8>),
    certified: Arc<CertifiedKey>,
}

impl Served {
    fn read(
        settings: &TlsSettings,
        provider: Arc<CryptoProvider>,
        renewal: Renewal,
    ) -> Result<Self, String> {
        let pair = Pair::read(settings, &provider, None)?;
        Ok(Self {
            settings: settings.clone(),
            provider,
            renewal,
            now: Mutex::new(pair),
        })
    }
}

impl ResolvesServerCert for Served {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let mut now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        if self.renewal == Renewal::EachHandshake {
            match Pair::read(&self.settings, &self.provider, Some(&now)) {
                Ok(pair) => *now = pair,
                Err(reason) => warn!(reason, "going on with the certificate that was there"),
            }
        }
        Some(Arc::clone(&now.certified))
    }
}

impl Pair {
    fn read(
        settings: &TlsSettings,
        provider: &CryptoProvider,
        before: Option<&Self>,
    ) -> Result<Self, String> {
        let files = (read(&settings.cert_file)?, read(&settings.key_file)?);
        if let Some(before) = before.filter(|before| before.files == files) {
            return Ok(before.clone());
        }
        let chain = certificates(&files.0)?;
        let key =
            PrivateKeyDer::from_pem_slice(&files.1).map_err(|error| format!("its key: {error}"))?;
        let key = provider
            .key_provider
            .load_private_key(key)
            .map_err(|error| format!("its key: {error}"))?;
        let certified = CertifiedKey::new(chain, key);
        if let Err(rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch)) =
            certified.keys_match()
        {
            return Err("the key is another certificate's".to_owned());
        }
        Ok(Self {
            files,
            certified: Arc::new(certified),
        })
    }
}

fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let found: Vec<_> = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<_, _>>()
        .map_err(|error| error.to_string())?;
    if found.is_empty() {
        return Err("it holds no certificate".to_owned());
    }
    Ok(found)
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    fs::read(path).map_err(|error| format!("{}: {error}", path.display()))
}
