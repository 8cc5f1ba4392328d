//! The command line.

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser};
use dittofs_runtime::listen::everywhere;
use dittofs_runtime::logging::LogFormat;
use dittofs_shared::names;
use dittofs_sidecar::tls::{ClientFiles, TlsFiles};
use hyper::Uri;
use rustls::pki_types::ServerName;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Watches which protocol adapters of a DittoFS server are enabled, and publishes them in a ConfigMap.
#[derive(Debug, Parser)]
#[command(name = "dittofs-sidecar", version)]
pub struct Args {
    /// Name of the DittoServer.
    #[arg(long, env = "DITTOFS_SIDECAR_INSTANCE")]
    pub instance: String,

    /// Namespace of the DittoServer.
    #[arg(long, env = "DITTOFS_SIDECAR_NAMESPACE")]
    pub namespace: String,

    /// Address of the server's REST API. An https:// address requires --api-ca.
    #[arg(long, env = "DITTOFS_SIDECAR_API_URL", default_value = "http://127.0.0.1:8080", value_parser = http_url)]
    pub api_url: Uri,

    /// PEM file with the trusted certificates: CAs, or the server's certificate itself. It is read again for every new
    /// connection.
    #[arg(long, env = "DITTOFS_SIDECAR_API_CA")]
    pub api_ca: Option<PathBuf>,

    /// Name that the server's certificate must have, and that is sent to the server (SNI). Without it the name is not
    /// checked, since the certificate is usually issued for names outside of the pod.
    #[arg(long, env = "DITTOFS_SIDECAR_API_SERVER_NAME", value_parser = server_name)]
    pub api_server_name: Option<ServerName<'static>>,

    /// PEM file with the client certificate, for servers that require one. Read like --api-ca.
    #[arg(
        long,
        env = "DITTOFS_SIDECAR_API_CLIENT_CERT",
        requires = "api_client_key"
    )]
    pub api_client_cert: Option<PathBuf>,

    /// PEM file with the private key of the client certificate.
    #[arg(
        long,
        env = "DITTOFS_SIDECAR_API_CLIENT_KEY",
        requires = "api_client_cert"
    )]
    pub api_client_key: Option<PathBuf>,

    /// Directory with the files `username` and `password` of the sidecar's own user.
    #[arg(long, env = "DITTOFS_SIDECAR_CREDENTIALS_DIR")]
    pub credentials_dir: PathBuf,

    /// File with the key that signs the server's tokens, byte for byte as the server has it. The sidecar uses it to
    /// read the adapters while its login is refused, to repair its user, and to reset the administrator's password on
    /// request.
    #[arg(long, env = "DITTOFS_SIDECAR_SIGNING_KEY")]
    pub signing_key: Option<PathBuf>,

    /// Address that serves /livez and /readyz. `[::]` is every address of both families, or of IPv4 where the kernel has
    /// no IPv6; `0.0.0.0` is every address of IPv4.
    #[arg(long, env = "DITTOFS_SIDECAR_LISTEN", default_value_t = everywhere(names::SIDECAR_PORT))]
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
    /// The files for TLS, if the address is an https:// one.
    ///
    /// # Errors
    /// When the address and the files contradict each other.
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
            (Some("https"), None) => wrong("an https:// address in --api-url requires --api-ca"),
            _ if self.api_ca.is_some()
                || self.api_server_name.is_some()
                || self.api_client_cert.is_some() =>
            {
                wrong(
                    "--api-ca, --api-server-name and --api-client-cert require an https:// address in --api-url",
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
        _ => {
            Err("must be a URL such as http://127.0.0.1:8080 or https://127.0.0.1:8080".to_owned())
        }
    }
}

fn server_name(text: &str) -> Result<ServerName<'static>, String> {
    ServerName::try_from(text.to_owned())
        .map_err(|error| format!("{error}: must be a DNS name or an IP address"))
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
    fn the_command_line_is_valid() {
        Args::command().debug_assert();
        for good in ["http://127.0.0.1:8080", "https://127.0.0.1:8080"] {
            assert!(http_url(good).is_ok(), "{good}");
        }
        for invalid in ["127.0.0.1:8080", "ftp://127.0.0.1", "/x", "http://"] {
            assert!(http_url(invalid).is_err(), "{invalid}");
        }
    }

    #[test]
    fn an_https_address_requires_a_trusted_certificate() {
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
