//! Whether the server's certificate is believed.
//!
//! The server and the sidecar are containers of one pod, in one network namespace: who can listen on 127.0.0.1 there is
//! in the pod already. The certificate is made for the names by which clients outside know the server, and hardly ever
//! for 127.0.0.1. Hence:
//!
//! * The name is not compared with the address. It is, with the name that the sidecar was told to expect, if any.
//! * The chain and the period of validity are judged by webpki, like everywhere. The trust is no wider than the file:
//!   the CAs of the world are not asked.
//! * A certificate that stands in the file byte for byte is believed without a chain, because the one who made the
//!   Secret has said that this is it. Many have nothing but a self-signed certificate, and the common ones claim to be
//!   CAs too (`openssl req -x509`), which webpki refuses for a server. Its period of validity counts all the same: what
//!   has expired for everyone else must not go unnoticed here.
//!
//! Everything in the file is a trust anchor, a leaf too: webpki does not ask an anchor whether it is a CA. So the holder
//! of a leaf's key could make further certificates that are believed here. That gains nothing: the holder of this key is
//! the server.

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};

/// Judges the server's certificate.
#[derive(Debug)]
pub(super) struct Judge {
    pub anchors: RootCertStore,
    pub pinned: Vec<CertificateDer<'static>>,
    pub name: Option<ServerName<'static>>,
    pub algorithms: WebPkiSupportedAlgorithms,
}

impl Judge {
    /// A certificate that stands in the file: only the time can speak against it.
    ///
    /// webpki looks at the time before anything else, and without certificates in between it can be no other one's.
    fn check_time(&self, certificate: &ParsedCertificate<'_>, now: UnixTime) -> Result<(), Error> {
        match self.check_chain(certificate, &[], now) {
            Err(error) if is_about_time(&error) => Err(error),
            _ => Ok(()),
        }
    }

    fn check_chain(
        &self,
        certificate: &ParsedCertificate<'_>,
        between: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<(), Error> {
        verify_server_cert_signed_by_trust_anchor(
            certificate,
            &self.anchors,
            between,
            now,
            self.algorithms.all,
        )
    }
}

impl ServerCertVerifier for Judge {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _address: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let certificate = ParsedCertificate::try_from(end_entity)?;
        if self.pinned.contains(end_entity) {
            self.check_time(&certificate, now)?;
        } else {
            self.check_chain(&certificate, intermediates, now)?;
        }
        if let Some(name) = &self.name {
            verify_server_name(&certificate, name)?;
        }
        Ok(ServerCertVerified::assertion())
    }

    // A certificate is public. That the server has its key is seen in these two.
    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

fn is_about_time(error: &Error) -> bool {
    matches!(
        error,
        Error::InvalidCertificate(
            CertificateError::Expired
                | CertificateError::ExpiredContext { .. }
                | CertificateError::NotValidYet
                | CertificateError::NotValidYetContext { .. }
        )
    )
}
