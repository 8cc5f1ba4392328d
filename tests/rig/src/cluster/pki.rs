//! Keys, certificates and kubeconfigs of one cluster. ECDSA throughout: made in milliseconds.

use crate::cluster::network::{Families, NODE_NAME};
use crate::cluster::state::StateDir;
use crate::files::{self, FileError};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use serde_json::json;
use std::path::{Path, PathBuf};

/// The keys could not be made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The cryptographic library refused.
    #[error("cannot make the cluster's certificates: {0}")]
    Certificate(#[from] rcgen::Error),
    /// A file could not be written.
    #[error(transparent)]
    File(#[from] FileError),
}

/// Who gets a client certificate: name of the files, user, group.
const CLIENTS: [(&str, &str, Option<&str>); 6] = [
    ("admin", "rig-admin", Some("system:masters")),
    ("kubelet", "system:node:node0", Some("system:nodes")),
    ("controller-manager", "system:kube-controller-manager", None),
    ("scheduler", "system:kube-scheduler", None),
    ("proxy", "system:kube-proxy", None),
    ("cloud", "rig-cloud", Some("system:masters")),
];

/// Paths of what was made.
#[derive(Clone, Debug)]
pub struct Pki {
    folder: PathBuf,
    /// The certificate authority, as kube's client wants it.
    pub(crate) authority: Vec<u8>,
}

impl Pki {
    /// Makes everything, and one kubeconfig per client that points at `server`.
    pub fn create(state: &StateDir, server: &str) -> Result<Self, Error> {
        let folder = state.pki();
        let authority_key = KeyPair::generate()?;
        let params = authority_params();
        let certificate = params.self_signed(&authority_key)?;
        files::write(&folder.join("ca.crt"), certificate.pem())?;
        files::write(&folder.join("ca.key"), authority_key.serialize_pem())?;
        let pki = Self {
            folder,
            authority: certificate.der().to_vec(),
        };
        let issuer = Issuer::new(params, authority_key);
        pki.issue(&issuer, "server", &server_params()?)?;
        for (name, user, group) in CLIENTS {
            pki.issue(&issuer, name, &client_params(user, group))?;
            let config = kubeconfig(server, &pki, name);
            files::write(&state.kubeconfig(name), config.to_string())?;
        }
        let tokens = KeyPair::generate()?;
        files::write(&pki.key("service-accounts"), tokens.serialize_pem())?;
        files::write(
            &pki.certificate("service-accounts"),
            tokens.public_key_pem(),
        )?;
        Ok(pki)
    }

    /// The certificate (or, for `service-accounts`, the public key) of that name.
    pub fn certificate(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.crt"))
    }

    /// The private key of that name.
    pub fn key(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.key"))
    }

    fn issue(
        &self,
        issuer: &Issuer<'_, KeyPair>,
        name: &str,
        params: &CertificateParams,
    ) -> Result<(), Error> {
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, issuer)?;
        files::write(&self.certificate(name), certificate.pem())?;
        files::write(&self.key(name), key.serialize_pem())?;
        Ok(())
    }
}

fn authority_params() -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, "rig");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![
        KeyUsagePurpose::KeyCertSign,
        KeyUsagePurpose::DigitalSignature,
    ];
    params
}

fn server_params() -> Result<CertificateParams, rcgen::Error> {
    let mut names = vec![
        "localhost".to_owned(),
        NODE_NAME.to_owned(),
        "kubernetes".to_owned(),
        "kubernetes.default".to_owned(),
        "kubernetes.default.svc".to_owned(),
        "127.0.0.1".to_owned(),
    ];
    for family in Families::Both.each() {
        names.extend([family.node.to_string(), family.api_service.to_string()]);
    }
    let mut params = CertificateParams::new(names)?;
    params
        .distinguished_name
        .push(DnType::CommonName, "rig-server");
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    Ok(params)
}

fn client_params(user: &str, group: Option<&str>) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, user);
    if let Some(group) = group {
        params
            .distinguished_name
            .push(DnType::OrganizationName, group);
    }
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    params
}

/// JSON is YAML, so no YAML writer is needed.
fn kubeconfig(server: &str, pki: &Pki, user: &str) -> serde_json::Value {
    let path = |path: PathBuf| -> String { Path::to_string_lossy(&path).into_owned() };
    json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "rig", "cluster": {
            "server": server,
            "certificate-authority": path(pki.certificate("ca")),
        }}],
        "users": [{"name": user, "user": {
            "client-certificate": path(pki.certificate(user)),
            "client-key": path(pki.key(user)),
        }}],
        "contexts": [{"name": "rig", "context": {"cluster": "rig", "user": user}}],
        "current-context": "rig",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_client_gets_a_certificate_a_key_and_a_kubeconfig() {
        let state = StateDir::create("pki").unwrap();
        let pki = Pki::create(&state, "https://127.0.0.1:1").unwrap();
        for (name, _, _) in CLIENTS {
            assert!(
                files::read(&pki.certificate(name))
                    .unwrap()
                    .contains("CERTIFICATE")
            );
            assert!(files::read(&pki.key(name)).unwrap().contains("PRIVATE KEY"));
            let config = files::read(&state.kubeconfig(name)).unwrap();
            assert!(config.contains("https://127.0.0.1:1"), "{config}");
        }
        std::fs::remove_dir_all(state.path()).unwrap();
    }
}
