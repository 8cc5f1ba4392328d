//! Why there is no TLS connection. It opens none: it turns the errors of `verifier` and `handshake` into messages. These are
//! published, so they are the same every time.

use super::FilesError;
use super::verifier::webpki_error;
use crate::outcome::Failure;
use rustls::pki_types::ServerName;
use rustls::{AlertDescription, CertificateError, Error, InvalidMessage};
use std::error::Error as StdError;
use std::io;
use std::path::{Path, PathBuf};

/// Why there is no TLS connection. `base` is the address of the REST API.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The sidecar's own files cannot be used, and no earlier version of them was usable.
    #[error(transparent)]
    Files(#[from] FilesError),
    /// The server's certificate is not trusted.
    #[error(
        "the certificate of {base} is neither in {file} nor signed by a CA in {file}; \
         add its CA as ca.crt to the Secret with the server's certificate",
        file = trusted.display()
    )]
    Unknown {
        /// The REST API.
        base: String,
        /// The file with the trusted certificates.
        trusted: PathBuf,
    },
    /// The server's certificate has expired.
    #[error("the certificate of {base}, or one in its chain, has expired; renew it in its Secret")]
    Expired {
        /// The REST API.
        base: String,
    },
    /// The server's certificate is not valid yet.
    #[error(
        "the certificate of {base}, or one in its chain, is not valid yet; check the clock of the node"
    )]
    NotYet {
        /// The REST API.
        base: String,
    },
    /// The server's certificate does not have the expected name.
    #[error(
        "the certificate of {base} is not valid for the name {name}; correct the certificate or the expected name"
    )]
    Name {
        /// The REST API.
        base: String,
        /// The expected name.
        name: String,
    },
    /// The server uses the certificate of a CA.
    #[error(
        "the certificate of {base} is a CA certificate, which is accepted only if it is itself in {file}; \
         add it to the Secret as ca.crt",
        file = trusted.display()
    )]
    Authority {
        /// The REST API.
        base: String,
        /// The file with the trusted certificates.
        trusted: PathBuf,
    },
    /// The server's certificate is unacceptable for another reason.
    #[error("the certificate of {base} is not acceptable ({reason}); replace it in its Secret")]
    Certificate {
        /// The REST API.
        base: String,
        /// What is wrong with the certificate.
        reason: String,
    },
    /// The server does not speak TLS.
    #[error(
        "{base} does not speak TLS, but probably plain HTTP; \
         give the server its certificate, or the sidecar an http:// address"
    )]
    NotTls {
        /// The REST API.
        base: String,
    },
    /// The server requires a client certificate, and there is none.
    #[error(
        "{base} requires a client certificate, but the sidecar has none; \
         provide one that is signed by the server's client CA"
    )]
    ClientCertificateRequired {
        /// The REST API.
        base: String,
    },
    /// The server rejects the client certificate.
    #[error(
        "{base} rejects the client certificate in {file} ({reason}); it must be signed by the server's client CA, \
         be valid for client authentication, and not have expired",
        file = certificate.display()
    )]
    ClientCertificateRejected {
        /// The REST API.
        base: String,
        /// The file with the client certificate.
        certificate: PathBuf,
        /// The server's reason.
        reason: &'static str,
    },
    /// No version or cipher suite in common.
    #[error("{base} and the sidecar have no TLS version or cipher suite in common")]
    Incompatible {
        /// The REST API.
        base: String,
    },
    /// The server closed the connection.
    #[error("{base} closed the connection during the TLS handshake")]
    Closed {
        /// The REST API.
        base: String,
    },
    /// Any other failure.
    #[error("TLS with {base} failed ({reason})")]
    Failed {
        /// The REST API.
        base: String,
        /// What happened.
        reason: String,
    },
}

impl From<TlsError> for Failure {
    fn from(error: TlsError) -> Self {
        let message = error.to_string();
        match error {
            TlsError::ClientCertificateRequired { .. }
            | TlsError::ClientCertificateRejected { .. } => Self::refused(message),
            TlsError::Files(_) | TlsError::Closed { .. } | TlsError::Failed { .. } => {
                Self::unreachable(message)
            }
            _ => Self::invalid(message),
        }
    }
}

/// Both sides of a connection, as far as they explain a failure.
#[derive(Clone, Copy, Debug)]
pub(super) struct Peer<'a> {
    /// Address of the REST API.
    pub base: &'a str,
    /// The file with the trusted certificates.
    pub trusted: &'a Path,
    /// The name that the server's certificate must have.
    pub server_name: Option<&'a ServerName<'static>>,
    /// The file with the client certificate.
    pub certificate: Option<&'a Path>,
    /// Whether the server has asked for a client certificate.
    pub asked: bool,
}

/// What an error says about TLS. `None` when it has nothing to do with it.
pub(super) fn why(peer: Peer<'_>, error: &(dyn StdError + 'static)) -> Option<TlsError> {
    let base = peer.base.to_owned();
    Some(match cause(error)? {
        Cause::Tls(Error::InvalidCertificate(error)) => peer.certificate_error(error),
        Cause::Tls(Error::InvalidMessage(InvalidMessage::InvalidContentType)) => {
            TlsError::NotTls { base }
        }
        Cause::Tls(Error::AlertReceived(alert)) => peer.alert_error(*alert),
        Cause::Tls(Error::PeerIncompatible(_)) => TlsError::Incompatible { base },
        Cause::Tls(error) => TlsError::Failed {
            base,
            reason: error.to_string(),
        },
        // The alert can get lost when the server closes at once. That it asked for a certificate says the same.
        Cause::Closed if peer.asked => peer.client_certificate_error("no reason given"),
        Cause::Closed => TlsError::Closed { base },
    })
}

enum Cause<'a> {
    Tls(&'a Error),
    Closed,
}

/// The error of TLS, or the end of the connection, that an error was caused by.
fn cause<'a>(error: &'a (dyn StdError + 'static)) -> Option<Cause<'a>> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(error) = error.downcast_ref::<Error>() {
            return Some(Cause::Tls(error));
        }
        if let Some(error) = error.downcast_ref::<io::Error>() {
            // `source` of such an error skips the inner error itself.
            if let Some(error) = error.get_ref().and_then(|inner| inner.downcast_ref()) {
                return Some(Cause::Tls(error));
            }
            if is_closed(error) {
                return Some(Cause::Closed);
            }
        }
        if let Some(error) = error.downcast_ref::<hyper::Error>()
            && error.is_incomplete_message()
        {
            return Some(Cause::Closed);
        }
        next = error.source();
    }
    None
}

/// Whether the other side closed the connection.
fn is_closed(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::UnexpectedEof
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::BrokenPipe
    )
}

impl Peer<'_> {
    /// Why the sidecar rejects the server's certificate.
    fn certificate_error(self, error: &CertificateError) -> TlsError {
        let base = self.base.to_owned();
        let trusted = self.trusted.to_owned();
        match error {
            CertificateError::UnknownIssuer => TlsError::Unknown { base, trusted },
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                TlsError::Expired { base }
            }
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                TlsError::NotYet { base }
            }
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                let name = self.server_name.map(|name| name.to_str().into());
                let name = name.unwrap_or_default();
                TlsError::Name { base, name }
            }
            other => {
                let reason = match webpki_error(other) {
                    Some(webpki::Error::CaUsedAsEndEntity) => {
                        return TlsError::Authority { base, trusted };
                    }
                    Some(webpki::Error::UnsupportedCertVersion) => {
                        "it has X.509 version 1, but version 3 is required".to_owned()
                    }
                    Some(error) => error.to_string(),
                    None => other.to_string(),
                };
                TlsError::Certificate { base, reason }
            }
        }
    }

    /// Why the server rejects the sidecar.
    fn alert_error(self, alert: AlertDescription) -> TlsError {
        let base = self.base.to_owned();
        let reason = match alert {
            AlertDescription::ProtocolVersion | AlertDescription::InsufficientSecurity => {
                return TlsError::Incompatible { base };
            }
            AlertDescription::CertificateRequired => "none was sent",
            AlertDescription::UnknownCA => "unknown CA",
            AlertDescription::CertificateExpired => "expired",
            AlertDescription::CertificateRevoked => "revoked",
            AlertDescription::BadCertificate
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::CertificateUnknown
            | AlertDescription::AccessDenied
            | AlertDescription::DecryptError => "bad certificate",
            // TLS 1.2 has no alert of its own for a missing certificate.
            AlertDescription::HandshakeFailure if self.asked => "no reason given",
            AlertDescription::HandshakeFailure => return TlsError::Incompatible { base },
            other => {
                let reason = format!("the server sent alert {other:?}");
                return TlsError::Failed { base, reason };
            }
        };
        self.client_certificate_error(reason)
    }

    fn client_certificate_error(self, reason: &'static str) -> TlsError {
        let base = self.base.to_owned();
        match self.certificate {
            Some(certificate) => TlsError::ClientCertificateRejected {
                base,
                certificate: certificate.to_owned(),
                reason,
            },
            None => TlsError::ClientCertificateRequired { base },
        }
    }
}
