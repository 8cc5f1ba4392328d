//! Why there is no TLS, in words that are the same every time: they are published.

use super::FilesError;
use super::handshake::{Handshake, is_end};
use crate::outcome::Failure;
use rustls::{AlertDescription, CertificateError, Error, InvalidMessage};
use std::error::Error as StdError;
use std::io;
use std::path::PathBuf;

/// Why there is no TLS. The first part is the address of the REST API.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The sidecar's own files cannot be used, and never could.
    #[error(transparent)]
    Files(FilesError),
    /// No CA of ours has signed it.
    #[error(
        "the certificate of {0} does not stand in {file}, and no CA that does has signed it: put its CA as ca.crt into the Secret with the server's certificate", file = .1.display()
    )]
    Unknown(String, PathBuf),
    /// Its time is over.
    #[error("the certificate of {0}, or one that it rests on, has expired: renew it in its Secret")]
    Expired(String),
    /// Its time is to come.
    #[error(
        "the certificate of {0}, or one that it rests on, is not valid yet: is the clock of the node right?"
    )]
    NotYet(String),
    /// It has not the name that was to be expected.
    #[error("the certificate of {0} is not for the name {1}: correct either")]
    Name(String, String),
    /// A CA's own, used for a server.
    #[error(
        "the certificate of {0} is a CA's, and is accepted only if it stands in {file} itself: put it into the Secret as ca.crt too", file = .1.display()
    )]
    Authority(String, PathBuf),
    /// Something else is wrong with it.
    #[error("the certificate of {0} cannot be accepted ({1}): replace it in its Secret")]
    Certificate(String, String),
    /// It speaks something else.
    #[error(
        "{0} speaks no TLS, but plain HTTP most likely: give the server its certificate, or the sidecar an address that begins with http://"
    )]
    NotTls(String),
    /// A client certificate is wanted, and there is none.
    #[error(
        "{0} asks for a client certificate, and the sidecar has none: give it one that the server's client CA has signed"
    )]
    Wanted(String),
    /// A client certificate was shown and refused.
    #[error(
        "{0} refuses the client certificate in {file} ({2}): it must be signed by the server's client CA, for clients, and not be expired", file = .1.display()
    )]
    Refused(String, PathBuf, &'static str),
    /// No version or cipher in common.
    #[error("{0} and the sidecar have no version of TLS, or no cipher, in common")]
    Incompatible(String),
    /// It went away.
    #[error("{0} ended the connection before TLS was agreed on")]
    Ended(String),
    /// Something else.
    #[error("TLS with {0} failed ({1})")]
    Broken(String, String),
}

impl From<TlsError> for Failure {
    fn from(error: TlsError) -> Self {
        let message = error.to_string();
        match error {
            TlsError::Wanted(_) | TlsError::Refused(..) => Self::refused(message),
            TlsError::Files(_) | TlsError::Ended(_) | TlsError::Broken(..) => {
                Self::unreachable(message)
            }
            _ => Self::invalid(message),
        }
    }
}

/// What TLS has to do with an error.
pub(super) fn why(handshake: &Handshake, error: &(dyn StdError + 'static)) -> Option<TlsError> {
    let base = || handshake.base.clone();
    match cause(error)? {
        Cause::Tls(Error::InvalidCertificate(error)) => Some(certificate(handshake, error)),
        Cause::Tls(Error::InvalidMessage(InvalidMessage::InvalidContentType)) => {
            Some(TlsError::NotTls(base()))
        }
        Cause::Tls(Error::AlertReceived(alert)) => Some(told(handshake, *alert)),
        Cause::Tls(Error::PeerIncompatible(_)) => Some(TlsError::Incompatible(base())),
        Cause::Tls(error) => Some(TlsError::Broken(base(), error.to_string())),
        // The alert can get lost when the server closes at once. What it asked for tells the same.
        Cause::End if handshake.asked() => Some(refused(handshake, "no reason given")),
        Cause::End => Some(TlsError::Ended(base())),
    }
}

enum Cause<'a> {
    Tls(&'a Error),
    End,
}

/// The error of TLS, or the end of the connection, at the bottom of an error.
fn cause<'a>(error: &'a (dyn StdError + 'static)) -> Option<Cause<'a>> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(error) = error.downcast_ref::<Error>() {
            return Some(Cause::Tls(error));
        }
        if let Some(error) = error.downcast_ref::<io::Error>() {
            // `source` of such an error skips the one inside.
            if let Some(error) = error.get_ref().and_then(|inner| inner.downcast_ref()) {
                return Some(Cause::Tls(error));
            }
            if is_end(error) {
                return Some(Cause::End);
            }
        }
        if let Some(error) = error.downcast_ref::<hyper::Error>()
            && error.is_incomplete_message()
        {
            return Some(Cause::End);
        }
        next = error.source();
    }
    None
}

/// What we have against the server's certificate.
fn certificate(handshake: &Handshake, error: &CertificateError) -> TlsError {
    let base = handshake.base.clone();
    match error {
        CertificateError::UnknownIssuer => TlsError::Unknown(base, handshake.trusted.clone()),
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            TlsError::Expired(base)
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            TlsError::NotYet(base)
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            let name = handshake.server_name.as_ref();
            TlsError::Name(
                base,
                name.map(|name| name.to_str().into()).unwrap_or_default(),
            )
        }
        other => match below(other) {
            Some(webpki::Error::CaUsedAsEndEntity) => {
                TlsError::Authority(base, handshake.trusted.clone())
            }
            Some(webpki::Error::UnsupportedCertVersion) => TlsError::Certificate(
                base,
                "it is of X.509 version 1, and must be of version 3, as one with a subjectAltName is"
                    .to_owned(),
            ),
            Some(error) => TlsError::Certificate(base, error.to_string()),
            None => TlsError::Certificate(base, other.to_string()),
        },
    }
}

/// The error of webpki, where rustls has no word of its own for it.
pub(super) fn below(error: &CertificateError) -> Option<&webpki::Error> {
    match error {
        CertificateError::Other(error) => error.0.downcast_ref(),
        _ => None,
    }
}

/// What the server has against us.
fn told(handshake: &Handshake, alert: AlertDescription) -> TlsError {
    let base = handshake.base.clone();
    match alert {
        AlertDescription::ProtocolVersion | AlertDescription::InsufficientSecurity => {
            TlsError::Incompatible(base)
        }
        AlertDescription::CertificateRequired => refused(handshake, "none was shown"),
        AlertDescription::UnknownCA => refused(handshake, "unknown CA"),
        AlertDescription::CertificateExpired => refused(handshake, "expired"),
        AlertDescription::CertificateRevoked => refused(handshake, "revoked"),
        AlertDescription::BadCertificate
        | AlertDescription::UnsupportedCertificate
        | AlertDescription::CertificateUnknown
        | AlertDescription::AccessDenied
        | AlertDescription::DecryptError => refused(handshake, "bad certificate"),
        // With TLS 1.2, servers have no better word for a certificate that is missing.
        AlertDescription::HandshakeFailure if handshake.asked() => {
            refused(handshake, "no reason given")
        }
        AlertDescription::HandshakeFailure => TlsError::Incompatible(base),
        other => TlsError::Broken(base, format!("the server says {other:?}")),
    }
}

fn refused(handshake: &Handshake, why: &'static str) -> TlsError {
    let base = handshake.base.clone();
    match &handshake.certificate {
        Some(certificate) => TlsError::Refused(base, certificate.clone(), why),
        None => TlsError::Wanted(base),
    }
}
