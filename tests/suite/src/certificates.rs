//! Certificates for the REST API, as a user brings them in Secrets.

use k8s_openapi::api::core::v1::Secret;
use kube::api::{Patch, PatchParams};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use serde_json::json;

use crate::Outcome;
use crate::instance::Instance;

type Error = Box<dyn std::error::Error + Send + Sync>;

/// Who signs.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: String,
}

impl Authority {
    /// A new one.
    ///
    /// # Errors
    /// The cryptographic library refuses.
    pub fn new(name: &str) -> Result<Self, Error> {
        let mut params = named(name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let key = KeyPair::generate()?;
        let certificate = params.self_signed(&key)?.pem();
        Ok(Self {
            issuer: Issuer::new(params, key),
            certificate,
        })
    }

    /// Writes a Secret with a new certificate for the server, its key, and the authority's own certificate.
    ///
    /// # Errors
    /// The API server refuses.
    pub async fn give_server(&self, files: &Instance, secret: &str, name: &str) -> Outcome {
        let usage = ExtendedKeyUsagePurpose::ServerAuth;
        self.give(files, secret, name, usage).await
    }

    /// The same for a client.
    ///
    /// # Errors
    /// The API server refuses.
    pub async fn give_client(&self, files: &Instance, secret: &str, name: &str) -> Outcome {
        let usage = ExtendedKeyUsagePurpose::ClientAuth;
        self.give(files, secret, name, usage).await
    }

    /// Writes a Secret with the authority's certificate alone.
    ///
    /// # Errors
    /// The API server refuses.
    pub async fn give_itself(&self, files: &Instance, secret: &str) -> Outcome {
        let body = json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": {"name": secret},
            "stringData": {"ca.crt": self.certificate},
        });
        write(files, secret, body).await
    }

    async fn give(
        &self,
        files: &Instance,
        secret: &str,
        name: &str,
        usage: ExtendedKeyUsagePurpose,
    ) -> Outcome {
        let mut params = named(name);
        params.extended_key_usages = vec![usage];
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &self.issuer)?.pem();
        let body = json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": {"name": secret}, "type": "kubernetes.io/tls",
            "stringData": {
                "tls.crt": certificate, "tls.key": key.serialize_pem(), "ca.crt": self.certificate,
            },
        });
        write(files, secret, body).await
    }
}

/// For this common name, and as a DNS name as well, since nobody looks at common names any more.
fn named(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    if let Ok(name) = name.try_into() {
        params.subject_alt_names = vec![rcgen::SanType::DnsName(name)];
    }
    params
}

async fn write(files: &Instance, secret: &str, body: serde_json::Value) -> Outcome {
    let parameters = PatchParams::apply("suite").force();
    files
        .api::<Secret>()
        .patch(secret, &parameters, &Patch::Apply(body))
        .await?;
    Ok(())
}
