//! Certificates and keys from mounted Secrets.

use super::verifier::{Verifier, webpki_error};
use rustls::crypto::CryptoProvider;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::sign::CertifiedKey;
use rustls::{InconsistentKeys, RootCertStore};
use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The files with certificates and keys, all of them PEM.
#[derive(Clone, Debug)]
pub struct TlsFiles {
    /// The trusted certificates: CAs, or the server's certificate itself.
    pub trusted: PathBuf,
    /// The name that the server's certificate must have, if any.
    pub server_name: Option<ServerName<'static>>,
    /// The client certificate, for servers that require one.
    pub client: Option<ClientFiles>,
}

/// A client certificate and its key.
#[derive(Clone, Debug)]
pub struct ClientFiles {
    /// The certificate, followed by its intermediates.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// Why the files cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FilesError {
    /// A file cannot be read.
    #[error(
        "cannot read {file} ({error}); check that the Secret is mounted and has this key",
        file = path.display()
    )]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why it cannot be read.
        error: io::Error,
    },
    /// A file has no certificates.
    #[error(
        "{file} contains no PEM certificate; add one to this key of the Secret",
        file = path.display()
    )]
    NoCertificate {
        /// The file.
        path: PathBuf,
    },
    /// A file has an invalid certificate.
    #[error(
        "{file} contains an invalid certificate ({reason}); correct this key of the Secret",
        file = path.display()
    )]
    InvalidCertificate {
        /// The file.
        path: PathBuf,
        /// What is wrong with the certificate.
        reason: String,
    },
    /// A file has no private key.
    #[error(
        "{file} contains no usable private key (PEM without a passphrase); correct this key of the Secret",
        file = path.display()
    )]
    NoKey {
        /// The file.
        path: PathBuf,
    },
    /// The key does not belong to the certificate.
    #[error(
        "the private key in {} does not belong to the certificate in {}; replace both in the Secret together",
        key.display(),
        certificate.display()
    )]
    Mismatch {
        /// The certificate.
        certificate: PathBuf,
        /// The key.
        key: PathBuf,
    },
}

/// The bytes of the files, to detect changes. They include a private key.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Contents {
    trusted: Vec<u8>,
    client: Option<(Vec<u8>, Vec<u8>)>,
}

/// The parsed files.
#[derive(Clone)]
pub(super) struct Material {
    pub provider: Arc<CryptoProvider>,
    pub verifier: Arc<Verifier>,
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
            anchors
                .add(certificate.clone())
                .map_err(|error| invalid(&files.trusted, &error))?;
        }
        let client = match (&files.client, &contents.client) {
            (Some(files), Some((certificate, key))) => {
                Some(Arc::new(certified(files, certificate, key, &provider)?))
            }
            _ => None,
        };
        let verifier = Arc::new(Verifier {
            anchors,
            pinned: trusted,
            name: files.server_name.clone(),
            algorithms: provider.signature_verification_algorithms,
        });
        Ok(Self {
            provider,
            verifier,
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
        .ok_or_else(|| FilesError::NoKey {
            path: files.key.clone(),
        })?;
    let certified = CertifiedKey::new(chain, key);
    match certified.keys_match() {
        // Some keys do not reveal their public key.
        Ok(()) | Err(rustls::Error::InconsistentKeys(InconsistentKeys::Unknown)) => Ok(certified),
        Err(rustls::Error::InconsistentKeys(_)) => Err(FilesError::Mismatch {
            certificate: files.certificate.clone(),
            key: files.key.clone(),
        }),
        // webpki does not parse X.509 version 1, but it is up to the server whether it accepts that.
        Err(rustls::Error::InvalidCertificate(error))
            if matches!(
                webpki_error(&error),
                Some(webpki::Error::UnsupportedCertVersion)
            ) =>
        {
            Ok(certified)
        }
        Err(error) => Err(invalid(&files.certificate, &error)),
    }
}

/// All certificates of a file. A file that is written only in part is an error.
fn certificates(path: &Path, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, FilesError> {
    let found: Vec<_> = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<_, _>>()
        .map_err(|error| invalid(path, &error))?;
    if found.is_empty() {
        return Err(FilesError::NoCertificate {
            path: path.to_owned(),
        });
    }
    Ok(found)
}

fn read(path: &Path) -> Result<Vec<u8>, FilesError> {
    fs::read(path).map_err(|error| FilesError::Unreadable {
        path: path.to_owned(),
        error,
    })
}

fn invalid(path: &Path, reason: &dyn fmt::Display) -> FilesError {
    FilesError::InvalidCertificate {
        path: path.to_owned(),
        reason: reason.to_string(),
    }
}
