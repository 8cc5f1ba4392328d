//! The API over TLS.

use std::{fs, io};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair,
};
use rustls::{
    ClientConfig, RootCertStore, SupportedProtocolVersion,
    crypto::ring::default_provider,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject},
    version::{TLS12, TLS13},
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::TlsConnector;

use super::*;
use crate::replay::client::send_on;

const BOTH: &[&SupportedProtocolVersion] = &[&TLS12, &TLS13];

/// A CA.
struct Authority(CertifiedIssuer<'static, KeyPair>);

/// Certificate and key, as PEM.
#[derive(Clone)]
struct Identity(String, String);

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        Self(CertifiedIssuer::self_signed(params, key).unwrap())
    }

    fn issue(&self) -> Identity {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(["files.example".to_owned()]).unwrap();
        params.extended_key_usages = vec![
            ExtendedKeyUsagePurpose::ServerAuth,
            ExtendedKeyUsagePurpose::ClientAuth,
        ];
        let certificate = params.signed_by(&key, &self.0).unwrap();
        Identity(certificate.pem(), key.serialize_pem())
    }
}

/// A folder with the server's files.
struct Scene {
    folder: PathBuf,
    ours: Authority,
}

impl Scene {
    fn new() -> Self {
        let folder = std::env::temp_dir().join(format!("dittofs-simulator-{}", ids::fresh()));
        fs::create_dir_all(&folder).unwrap();
        let ours = Authority::new();
        let scene = Self { folder, ours };
        scene.serve(&scene.ours.issue());
        scene.write("ca.crt", &scene.ours.0.pem());
        scene
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.folder.join(name), text).unwrap();
    }

    /// What the server has.
    fn serve(&self, Identity(certificate, key): &Identity) {
        self.write("tls.crt", certificate);
        self.write("tls.key", key);
    }

    async fn start(&self, more: &str) -> Result<Simulator, StartError> {
        let folder = self.folder.display();
        let text = format!(
            "controlplane: {{port: 0, tls: {{cert_file: {folder}/tls.crt, key_file: {folder}/tls.key{more}}}}}"
        );
        let options = SimulatorOptions {
            initial_adapters: Vec::new(),
            ..SimulatorOptions::default()
        };
        let config = ServerConfig::from_yaml(&text).unwrap();
        Simulator::start(&config, &self.folder.join("data"), options).await
    }

    async fn refusal(&self, more: &str) -> String {
        self.start(more).await.err().unwrap().to_string()
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Asks for the health, believing in one CA.
async fn ask(
    simulator: &Simulator,
    believed: &Authority,
    shown: Option<&Identity>,
    versions: &[&'static SupportedProtocolVersion],
) -> io::Result<u16> {
    let mut roots = RootCertStore::empty();
    roots.add(believed.0.der().clone()).unwrap();
    let builder = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_protocol_versions(versions)
        .unwrap()
        .with_root_certificates(roots);
    let config = match shown {
        None => builder.with_no_client_auth(),
        Some(Identity(certificate, key)) => {
            let certificate = CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap();
            let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
            builder
                .with_client_auth_cert(vec![certificate], key)
                .unwrap()
        }
    };
    let name = ServerName::try_from("files.example").unwrap();
    let stream = TcpStream::connect(simulator.addr()).await?;
    let stream = TlsConnector::from(Arc::new(config))
        .connect(name, stream)
        .await?;
    let reply = send_on(stream, "files.example", "GET", "/health", None, Vec::new()).await;
    reply.map(|reply| reply.status).map_err(io::Error::other)
}

#[tokio::test]
async fn the_api_speaks_tls_and_no_http() {
    let scene = Scene::new();
    let simulator = scene.start("").await.unwrap();
    assert!(simulator.base_url().starts_with("https://"));
    assert_eq!(ask(&simulator, &scene.ours, None, BOTH).await.unwrap(), 200);
    assert!(
        ask(&simulator, &Authority::new(), None, BOTH)
            .await
            .is_err()
    );
    let mut plain = TcpStream::connect(simulator.addr()).await.unwrap();
    plain
        .write_all(b"GET /health HTTP/1.1\r\n\r\n")
        .await
        .unwrap();
    let mut answer = [0; 64];
    let read = plain.read(&mut answer).await.unwrap();
    assert!(answer[..read].starts_with(b"HTTP/1.0 400 Bad Request"));
    simulator.stop().await;
}

#[tokio::test]
async fn a_least_version_is_kept() {
    let scene = Scene::new();
    let simulator = scene.start(", min_version: '1.2'").await.unwrap();
    assert!(ask(&simulator, &scene.ours, None, &[&TLS12]).await.is_ok());
    simulator.stop().await;
    let simulator = scene.start(", min_version: '1.3'").await.unwrap();
    assert!(ask(&simulator, &scene.ours, None, &[&TLS12]).await.is_err());
    assert!(ask(&simulator, &scene.ours, None, &[&TLS13]).await.is_ok());
    simulator.stop().await;
}

#[tokio::test]
async fn clients_need_a_certificate_where_there_is_a_ca_for_them() {
    let scene = Scene::new();
    let ca = format!(", client_ca: {}/ca.crt", scene.folder.display());
    let simulator = scene.start(&ca).await.unwrap();
    let (mine, strange) = (scene.ours.issue(), Authority::new().issue());
    for versions in [&[&TLS12], &[&TLS13]] {
        assert!(
            ask(&simulator, &scene.ours, Some(&mine), versions)
                .await
                .is_ok()
        );
        assert!(ask(&simulator, &scene.ours, None, versions).await.is_err());
        assert!(
            ask(&simulator, &scene.ours, Some(&strange), versions)
                .await
                .is_err()
        );
    }
    simulator.stop().await;
}

#[tokio::test]
async fn a_renewed_certificate_counts_and_a_bad_one_does_not() {
    let scene = Scene::new();
    let simulator = scene.start("").await.unwrap();
    let renewed = Authority::new();
    scene.serve(&renewed.issue());
    assert!(ask(&simulator, &renewed, None, BOTH).await.is_ok());
    scene.write("tls.key", &scene.ours.issue().1);
    assert!(ask(&simulator, &renewed, None, BOTH).await.is_ok());
    scene.write("tls.crt", "none");
    assert!(ask(&simulator, &renewed, None, BOTH).await.is_ok());
    simulator.stop().await;
}

#[tokio::test]
async fn without_its_files_the_server_does_not_start() {
    let scene = Scene::new();
    let ca = scene.refusal(", client_ca: /none").await;
    assert!(
        ca.contains("controlplane.tls.client_ca names /none"),
        "{ca}"
    );
    let certificate = scene.ours.issue().0;
    for (name, text) in [
        ("tls.key", scene.ours.issue().1),
        ("tls.crt", "none".to_owned()),
        ("tls.crt", certificate),
    ] {
        scene.write(name, &text);
        let refusal = scene.refusal("").await;
        assert!(
            refusal.contains("controlplane.tls.cert_file names"),
            "{refusal}"
        );
    }
    fs::remove_file(scene.folder.join("tls.crt")).unwrap();
    let refusal = scene.refusal("").await;
    assert!(refusal.contains("check the mount"), "{refusal}");
}
