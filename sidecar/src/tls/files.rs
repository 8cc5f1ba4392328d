//! Certificates and keys from mounted Secrets.

use super::judge::Judge;
use super::reason::below;
use rustls::crypto::CryptoProvider;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::sign::CertifiedKey;
use rustls::{InconsistentKeys, RootCertStore};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Where certificates and keys are, all of them PEM.
#[derive(Clone, Debug)]
pub struct TlsFiles {
    /// What the server's certificate is judged by: CAs, or the certificate itself.
    pub trusted: PathBuf,
    /// A name that the server's certificate must have.
    pub server_name: Option<ServerName<'static>>,
    /// What the server is shown when it asks.
    pub client: Option<ClientFiles>,
}

/// A client certificate and its key.
#[derive(Clone, Debug)]
pub struct ClientFiles {
    /// The certificate, and those between it and its CA.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// Why the files cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FilesError {
    /// A file cannot be read.
    #[error("{file} cannot be read ({1}): is the Secret mounted, with that key?", file = .0.display())]
    Unreadable(PathBuf, io::Error),
    /// A file has no certificates.
    #[error("{file} holds no certificate (PEM): put one into that key of the Secret", file = .0.display())]
    NoCertificate(PathBuf),
    /// A file has something that is none.
    #[error("{file} holds a certificate that cannot be read ({1}): correct that key of the Secret", file = .0.display())]
    NotACertificate(PathBuf, String),
    /// A file has no key.
    #[error("{file} holds no private key that can be used (PEM, without a passphrase): correct that key of the Secret", file = .0.display())]
    NoKey(PathBuf),
    /// A key and a certificate are not each other's.
    #[error("{} is not the key of the certificate in {}: renew both in the Secret together", key.display(), certificate.display())]
    Mismatch {
        /// The certificate.
        certificate: PathBuf,
        /// The key.
        key: PathBuf,
    },
}

/// The bytes of the files, to see whether they have changed. They hold a private key.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Contents {
    trusted: Vec<u8>,
    client: Option<(Vec<u8>, Vec<u8>)>,
}

/// What became of the bytes.
#[derive(Clone)]
pub(super) struct Material {
    pub provider: Arc<CryptoProvider>,
    pub judge: Arc<Judge>,
    pub client: Option<Arc<CertifiedKey>>,
}

impl TlsFiles {
    pub(super) fn read(&self) -> Result<Contents, FilesError> {
        let client = match &self.client {
            Some(files) => Some((read(&files.certificate)?, read(&files.key)?)),
            None => None,
        };
        Ok(Contents {
            trusted: read(&self.trusted)?,
            client,
        })
    }
}

impl Material {
    pub fn new(files: &TlsFiles, contents: &Contents) -> Result<Self, FilesError> {
        let provider = Arc::new(default_provider());
        let trusted = certificates(&files.trusted, &contents.trusted)?;
        let mut anchors = RootCertStore::empty();
        for certificate in &trusted {
            anchors.add(certificate.clone()).map_err(|error| {
                FilesError::NotACertificate(files.trusted.clone(), error.to_string())
            })?;
        }
        let client = match (&files.client, &contents.client) {
            (Some(files), Some((certificate, key))) => {
                Some(Arc::new(certified(files, certificate, key, &provider)?))
            }
            _ => None,
        };
        let judge = Arc::new(Judge {
            anchors,
            pinned: trusted,
            name: files.server_name.clone(),
            algorithms: provider.signature_verification_algorithms,
        });
        Ok(Self {
            provider,
            judge,
            client,
        })
    }
}

fn certified(
    files: &ClientFiles,
    certificate: &[u8],
    key: &[u8],
    provider: &CryptoProvider,
) -> Result<CertifiedKey, FilesError> {
    let chain = certificates(&files.certificate, certificate)?;
    let key = PrivateKeyDer::from_pem_slice(key)
        .ok()
        .and_then(|key| provider.key_provider.load_private_key(key).ok())
        .ok_or_else(|| FilesError::NoKey(files.key.clone()))?;
    let certified = CertifiedKey::new(chain, key);
    match certified.keys_match() {
        // Some keys do not tell what belongs to them.
        Ok(()) | Err(rustls::Error::InconsistentKeys(InconsistentKeys::Unknown)) => Ok(certified),
        Err(rustls::Error::InconsistentKeys(_)) => Err(FilesError::Mismatch {
            certificate: files.certificate.clone(),
            key: files.key.clone(),
        }),
        // Too old for webpki to read, but whether it is good enough is the server's to say.
        Err(rustls::Error::InvalidCertificate(error))
            if matches!(below(&error), Some(webpki::Error::UnsupportedCertVersion)) =>
        {
            Ok(certified)
        }
        Err(error) => Err(FilesError::NotACertificate(
            files.certificate.clone(),
            error.to_string(),
        )),
    }
}

/// All of them or none: a file that is half written says so at its end.
fn certificates(path: &Path, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, FilesError> {
    let found: Vec<_> = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<_, _>>()
        .map_err(|error| FilesError::NotACertificate(path.to_owned(), error.to_string()))?;
    if found.is_empty() {
        return Err(FilesError::NoCertificate(path.to_owned()));
    }
    Ok(found)
}

fn read(path: &Path) -> Result<Vec<u8>, FilesError> {
    fs::read(path).map_err(|error| FilesError::Unreadable(path.to_owned(), error))
}
