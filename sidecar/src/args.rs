//! The command line.

use clap::{Parser, ValueEnum};
use dittofs_shared::server::LogFormat;
use hyper::Uri;
use std::io::IsTerminal;
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

    /// Address of the server's REST API.
    #[arg(long, env = "DITTOFS_SIDECAR_API_URL", default_value = "http://127.0.0.1:8080", value_parser = http_url)]
    pub api_url: Uri,

    /// Directory with the files `username` and `password` of the sidecar's own user.
    #[arg(long, env = "DITTOFS_SIDECAR_CREDENTIALS_DIR")]
    pub credentials_dir: PathBuf,

    /// Directory with the file `password` of the first administrator, and with `username` unless --admin-username is
    /// given, to make or repair the sidecar's user. Without it nothing is repaired.
    #[arg(long, env = "DITTOFS_SIDECAR_ADMIN_CREDENTIALS_DIR")]
    pub admin_credentials_dir: Option<PathBuf>,

    /// Name of the first administrator.
    #[arg(long, env = "DITTOFS_SIDECAR_ADMIN_USERNAME")]
    pub admin_username: Option<String>,

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
    pub log_format: Format,
}

/// Format of the log.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Format {
    /// Text on a terminal, JSON elsewhere.
    Auto,
    /// One JSON object a line.
    Json,
    /// Text.
    Text,
}

impl Format {
    /// The format that is meant.
    pub fn resolve(self) -> LogFormat {
        match self {
            Self::Text => LogFormat::Text,
            Self::Auto if std::io::stdout().is_terminal() => LogFormat::Text,
            Self::Auto | Self::Json => LogFormat::Json,
        }
    }
}

fn http_url(text: &str) -> Result<Uri, String> {
    let uri: Uri = text.parse().map_err(|error| format!("{error}"))?;
    match (uri.scheme_str(), uri.authority()) {
        (Some("http"), Some(_)) => Ok(uri),
        _ => Err("it must be like http://127.0.0.1:8080".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_sound() {
        Args::command().debug_assert();
        assert!(http_url("http://127.0.0.1:8080").is_ok());
        for odd in ["127.0.0.1:8080", "https://127.0.0.1", "/x", "http://"] {
            assert!(http_url(odd).is_err(), "{odd}");
        }
    }
}
