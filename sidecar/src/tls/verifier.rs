//! Whether the server's certificate is trusted.
//!
//! The server and the sidecar are containers of one pod, in one network namespace: anyone who can listen on 127.0.0.1
//! there is already inside the pod. The certificate is issued for the names by which clients outside of the pod know
//! the server, and hardly ever for 127.0.0.1. Therefore:
//!
//! * The certificate's name is not compared with the address. It is compared with the name that the sidecar is
//!   configured to expect, if any.
//! * webpki checks the chain and the validity period as usual. Only the CAs in the file are trusted, no public ones.
//! * A certificate that is itself in the file, byte for byte, is trusted without a chain: the creator of the Secret
//!   trusts it. Many servers have nothing but a self-signed certificate, and the common ones are marked as CAs
//!   (`openssl req -x509`), which webpki rejects for a server. The validity period is still checked, since other
//!   clients reject an expired certificate.
//!
//! Every certificate in the file is a trust anchor, including leaf certificates: webpki does not check whether an
//! anchor is a CA. So anyone with the key of a leaf could issue certificates that are trusted here. That gains nothing,
//! since it is the server that has this key.

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};

/// Verifies the server's certificate.
#[derive(Debug)]
pub(super) struct Verifier {
    pub anchors: RootCertStore,
    pub pinned: Vec<CertificateDer<'static>>,
    pub name: Option<ServerName<'static>>,
    pub algorithms: WebPkiSupportedAlgorithms,
}

impl Verifier {
    /// Checks a certificate that is itself in the file: only its validity period counts.
    ///
    /// webpki checks the time before anything else, and without intermediates it can only be the time of this one.
    fn check_time(&self, certificate: &ParsedCertificate<'_>, now: UnixTime) -> Result<(), Error> {
        match self.check_chain(certificate, &[], now) {
            Err(error) if is_about_time(&error) => Err(error),
            _ => Ok(()),
        }
    }

    fn check_chain(
        &self,
        certificate: &ParsedCertificate<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<(), Error> {
        verify_server_cert_signed_by_trust_anchor(
            certificate,
            &self.anchors,
            intermediates,
            now,
            self.algorithms.all,
        )
    }
}

impl ServerCertVerifier for Verifier {
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

    // A certificate is public. These two verify that the server has its key.
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

/// The error of webpki inside an error that rustls has no variant for.
pub(super) fn webpki_error(error: &CertificateError) -> Option<&webpki::Error> {
    match error {
        CertificateError::Other(error) => error.0.downcast_ref(),
        _ => None,
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
