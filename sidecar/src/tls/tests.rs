//! TLS with servers of all kinds, on the loopback interface.

mod client;
mod rotation;
mod trust;

use super::*;
use crate::fake::{Authority, DittoFs, Folder, Identity, Period, self_signed, server_config};
use crate::http::Http;
use crate::outcome::{Failure, FailureKind};
use hyper::header::HeaderValue;
use rustls::pki_types::ServerName;
use rustls::version::{TLS12, TLS13};
use std::time::Duration;

/// A server, and the files of the sidecar.
struct Scene {
    server: DittoFs,
    folder: Folder,
    files: TlsFiles,
}

impl Scene {
    async fn new(identity: &Identity, trusted: &str) -> Self {
        Self::with(
            DittoFs::start_with(server_config(identity, None, &[&TLS13])).await,
            trusted,
        )
    }

    fn with(server: DittoFs, trusted: &str) -> Self {
        let folder = Folder::new();
        let files = TlsFiles {
            trusted: folder.write("ca.crt", trusted),
            server_name: None,
            client: None,
        };
        Self {
            server,
            folder,
            files,
        }
    }

    /// Sets the client certificate.
    fn show(&mut self, identity: &Identity) {
        self.files.client = Some(ClientFiles {
            certificate: self.folder.write("client.crt", &identity.certificate),
            key: self.folder.write("client.key", &identity.key),
        });
    }

    fn http(&self) -> Http {
        Http::new(&self.server.url())
            .with_tls(Tls::new(self.files.clone()))
            .with_deadline(Duration::from_secs(3))
    }

    async fn ask(&self) -> Result<u16, Failure> {
        ask(&self.http()).await
    }

    /// The message of the failure, which is the same every time.
    async fn refused(&self, kind: FailureKind) -> String {
        let first = self.ask().await.unwrap_err();
        for _ in 0..20 {
            assert_eq!(self.ask().await.unwrap_err(), first);
        }
        assert_eq!(first.kind, kind, "{first}");
        first
            .message
            .replace(&self.folder.path().display().to_string(), "")
            .replace(self.server.url().to_string().trim_end_matches('/'), "URL")
    }
}

async fn ask(http: &Http) -> Result<u16, Failure> {
    let token = HeaderValue::from_static("Bearer none");
    let answer = http.get("/api/v1/adapters/ports", &token).await?;
    Ok(answer.status.as_u16())
}
