//! The command line.

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser};
use dittofs_runtime::logging::LogFormat;
use dittofs_sidecar::tls::{ClientFiles, TlsFiles};
use hyper::Uri;
use rustls::pki_types::ServerName;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Publishes the protocol adapters of a DittoFS server, as they are switched on and off, in one ConfigMap.
#[derive(Debug, Parser)]
#[command(name = "dittofs-sidecar", version)]
pub struct Args {
    /// Name of the DittoServer.
    #[arg(long, env = "DITTOFS_SIDECAR_INSTANCE")]
    pub instance: String,

    /// Namespace of the DittoServer.
    #[arg(long, env = "DITTOFS_SIDECAR_NAMESPACE")]
    pub namespace: String,

    /// Address of the server's REST API. With https://, --api-ca says which server is believed.
    #[arg(long, env = "DITTOFS_SIDECAR_API_URL", default_value = "http://127.0.0.1:8080", value_parser = http_url)]
    pub api_url: Uri,

    /// File (PEM) that the server's certificate is judged by: CAs, or the certificate itself. It is read again for every
    /// new connection.
    #[arg(long, env = "DITTOFS_SIDECAR_API_CA")]
    pub api_ca: Option<PathBuf>,

    /// Name that the server's certificate must have, and that is sent to the server. Without it, the name is not looked
    /// at: the certificate is made for names outside the pod, and the address is one inside.
    #[arg(long, env = "DITTOFS_SIDECAR_API_SERVER_NAME", value_parser = server_name)]
    pub api_server_name: Option<ServerName<'static>>,

    /// File (PEM) with the certificate that is shown to a server that asks for one. Read like --api-ca.
    #[arg(
        long,
        env = "DITTOFS_SIDECAR_API_CLIENT_CERT",
        requires = "api_client_key"
    )]
    pub api_client_cert: Option<PathBuf>,

    /// File (PEM) with the private key of that certificate.
    #[arg(
        long,
        env = "DITTOFS_SIDECAR_API_CLIENT_KEY",
        requires = "api_client_cert"
    )]
    pub api_client_key: Option<PathBuf>,

    /// Directory with the files `username` and `password` of the sidecar's own user.
    #[arg(long, env = "DITTOFS_SIDECAR_CREDENTIALS_DIR")]
    pub credentials_dir: PathBuf,

    /// File with the key that signs the server's tokens, byte for byte as the server has it. With it the sidecar reads the
    /// adapters while its login is refused, repairs its user, and resets the administrator's password when asked.
    #[arg(long, env = "DITTOFS_SIDECAR_SIGNING_KEY")]
    pub signing_key: Option<PathBuf>,

    /// Address on which /livez and /readyz are answered.
    #[arg(long, env = "DITTOFS_SIDECAR_LISTEN", default_value = "0.0.0.0:8081")]
    pub listen: SocketAddr,

    /// Format of the log.
    #[arg(
        long,
        env = "DITTOFS_SIDECAR_LOG_FORMAT",
        value_enum,
        default_value = "auto"
    )]
    pub log_format: LogFormat,
}

impl Args {
    /// The files for TLS, if the address asks for it.
    ///
    /// # Errors
    /// When the address and the files do not go together.
    pub fn tls(&self) -> Result<Option<TlsFiles>, clap::Error> {
        let wrong = |message| Err(Self::command().error(ErrorKind::ArgumentConflict, message));
        match (self.api_url.scheme_str(), &self.api_ca) {
            (Some("https"), Some(ca)) => Ok(Some(TlsFiles {
                trusted: ca.clone(),
                server_name: self.api_server_name.clone(),
                client: self
                    .api_client_cert
                    .clone()
                    .zip(self.api_client_key.clone())
                    .map(|(certificate, key)| ClientFiles { certificate, key }),
            })),
            (Some("https"), None) => {
                wrong("--api-url begins with https://: --api-ca must say which server is believed")
            }
            _ if self.api_ca.is_some()
                || self.api_server_name.is_some()
                || self.api_client_cert.is_some() =>
            {
                wrong(
                    "--api-ca, --api-server-name and --api-client-cert are for an --api-url that begins with https://",
                )
            }
            _ => Ok(None),
        }
    }
}

fn http_url(text: &str) -> Result<Uri, String> {
    let uri: Uri = text.parse().map_err(|error| format!("{error}"))?;
    match (uri.scheme_str(), uri.authority()) {
        (Some("http" | "https"), Some(_)) => Ok(uri),
        _ => Err("it must be like http://127.0.0.1:8080 or https://127.0.0.1:8080".to_owned()),
    }
}

fn server_name(text: &str) -> Result<ServerName<'static>, String> {
    ServerName::try_from(text.to_owned())
        .map_err(|error| format!("{error}: it must be a DNS name or an IP address"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(more: &[&str]) -> Result<Option<TlsFiles>, clap::Error> {
        let always = [
            "sidecar",
            "--instance=a",
            "--namespace=b",
            "--credentials-dir=/c",
        ];
        Args::try_parse_from(always.iter().chain(more))?.tls()
    }

    #[test]
    fn the_command_line_is_sound() {
        Args::command().debug_assert();
        for good in ["http://127.0.0.1:8080", "https://127.0.0.1:8080"] {
            assert!(http_url(good).is_ok(), "{good}");
        }
        for odd in ["127.0.0.1:8080", "ftp://127.0.0.1", "/x", "http://"] {
            assert!(http_url(odd).is_err(), "{odd}");
        }
    }

    #[test]
    fn tls_is_asked_for_by_the_address_and_needs_to_know_whom_to_believe() {
        let url = "--api-url=https://127.0.0.1:8080";
        assert!(parse(&[]).unwrap().is_none());
        let files = parse(&[url, "--api-ca=/ca.crt"]).unwrap().unwrap();
        assert!(files.client.is_none() && files.server_name.is_none());
        let both = ["--api-client-cert=/tls.crt", "--api-client-key=/tls.key"];
        let files = parse(&[
            url,
            "--api-ca=/ca.crt",
            both[0],
            both[1],
            "--api-server-name=files",
        ])
        .unwrap()
        .unwrap();
        assert_eq!(files.client.unwrap().key, PathBuf::from("/tls.key"));
        assert!(files.server_name.is_some());
        for wrong in [
            &[url][..],
            &["--api-ca=/ca.crt"],
            &["--api-server-name=files"],
            &[both[0], both[1]],
            &[url, "--api-ca=/ca.crt", both[0]],
            &[url, "--api-ca=/ca.crt", both[1]],
            &[url, "--api-ca=/ca.crt", "--api-server-name=a b"],
            &[url, "--api-ca="],
        ] {
            assert!(parse(wrong).is_err(), "{wrong:?}");
        }
    }
}
