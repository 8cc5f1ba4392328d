//! Booting and stopping a simulator, as a program or within a test.

mod boot;

use std::{
    io,
    net::{Ipv6Addr, SocketAddr},
    path::Path,
    sync::Arc,
};

use thiserror::Error;
use tokio::{net::TcpListener, task::JoinHandle, time::sleep};
use tracing::{error, info, warn};

use crate::{
    config::{ConfigError, ServerConfig, Settings},
    control::{Control, Shared},
    faults::Faults,
    metrics::Metrics,
    server,
    state::adapters::KNOWN_TYPES,
    state_file::{StateFile, StateFileError},
    stop::{self, Stopper},
    tls::{self, Renewal},
    token::Signer,
};

/// The server refuses to sign tokens with less.
const SHORTEST_SECRET: usize = 32;

/// What the environment gives the real server, and what only a simulator can be told.
#[derive(Debug, Clone)]
pub struct SimulatorOptions {
    /// Signs the tokens; at least 32 characters. Without it, the configuration must have one.
    pub secret: Option<String>,
    /// The first user's password. Without it one is made up and logged, and must be changed.
    pub admin_password: Option<String>,
    /// The adapters of the first boot: types and ports.
    pub initial_adapters: Vec<(String, u16)>,
    /// Misbehaviour from the first request on.
    pub faults: Faults,
}

impl Default for SimulatorOptions {
    /// What the real server does at its first boot, with the secrets of [`Simulator::SECRET`] and
    /// [`Simulator::ADMIN_PASSWORD`].
    fn default() -> Self {
        let adapters = KNOWN_TYPES
            .iter()
            .map(|(kind, port)| ((*kind).to_owned(), *port));
        Self {
            secret: Some(Simulator::SECRET.to_owned()),
            admin_password: Some(Simulator::ADMIN_PASSWORD.to_owned()),
            initial_adapters: adapters.collect(),
            faults: Faults::default(),
        }
    }
}

/// Why a simulator did not start.
#[derive(Debug, Error)]
pub enum StartError {
    /// The configuration is not the server's.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Tokens cannot be signed safely.
    #[error(
        "the control plane secret has {length} bytes but must be at least 32 characters long; \
         set DITTOFS_CONTROLPLANE_SECRET to a longer one"
    )]
    SecretTooShort {
        /// How long it is; 0 if there is none.
        length: usize,
    },
    /// The password of the first user.
    #[error(
        "the initial password of user admin must have 8 to 72 characters; set DITTOFS_ADMIN_INITIAL_PASSWORD to such a one"
    )]
    InitialPassword,
    /// The state of an earlier run.
    #[error(transparent)]
    StateFile(#[from] StateFileError),
    /// A metadata store, which may have been changed to anything.
    #[error(
        "failed to load metadata stores: failed to create metadata store {name:?}: {reason}; \
         put the store right in the state file"
    )]
    MetadataStore {
        /// Its name.
        name: String,
        /// What the server says of it.
        reason: String,
    },
    /// The keytab that was set up through the API.
    #[error(
        "failed to load adapters: load keytab {path}: {source}; \
         mount it, or disable Kerberos in the state file"
    )]
    Keytab {
        /// Where it should be.
        path: String,
        /// What the system said.
        source: io::Error,
    },
    /// The API's own port, or that of metrics.
    #[error("cannot listen on {host}:{port}: {source}; free the port or change {key}")]
    Listen {
        /// The key of the configuration with the port.
        key: &'static str,
        /// The address.
        host: String,
        /// The port.
        port: u16,
        /// What the system said.
        source: io::Error,
    },
}

/// A running simulator. Dropping it stops it without waiting for anything.
pub struct Simulator {
    addr: SocketAddr,
    control: Shared,
    stop: Stopper,
    server: JoinHandle<()>,
    scheme: &'static str,
    /// The metrics port, if there is one.
    metrics: Option<(SocketAddr, JoinHandle<()>)>,
}

impl Simulator {
    /// The secret of simulators that are told none.
    pub const SECRET: &'static str = "a-secret-that-only-signs-test-tokens";
    /// The first user's password where none is told.
    pub const ADMIN_PASSWORD: &'static str = "admin-Passw0rd-1";

    /// Boots a simulator with its state in `data_dir`: adapters first, then the API, like the real
    /// server. So an adapter that was given the API's port takes it, and the boot fails.
    pub async fn start(
        config: &ServerConfig,
        data_dir: &Path,
        options: SimulatorOptions,
    ) -> Result<Self, StartError> {
        let settings = Settings::new(config)?;
        config.check_requirements()?;
        let tls = settings.tls.as_ref();
        let tls = tls
            .map(|settings| tls::acceptor("controlplane.tls", settings, Renewal::EachHandshake))
            .transpose()?;
        let signer = signer(options.secret.as_ref().or(settings.secret.as_ref()))?;
        let file = StateFile::in_folder(data_dir)?;
        let mut state = match file.load()? {
            Some(state) => state,
            None => boot::first(&settings, &options)?,
        };
        file.save(&state)?;
        boot::open_stores(&mut state)?;
        boot::check_keytab(&state)?;
        let (stop, stopping) = stop::channel();
        let control = Arc::new(Control::new(settings, signer, file, state, stopping));
        *control.faults() = options.faults;
        // What is set up wrong ends the server; a port that is taken costs the metrics and nothing else.
        let metrics = match &control.settings.metrics {
            Some(settings) => match Metrics::open(settings, &control).await {
                Err(StartError::Config(error)) => return Err(error.into()),
                opened => opened
                    .inspect_err(|error| error!(%error, "no metrics"))
                    .ok(),
            },
            None => None,
        };
        let delay = control.faults().start_delay();
        sleep(delay).await;
        control.start_adapters().await;
        let settings = &control.settings;
        let (listener, addr) = listen("controlplane.port", &settings.host, settings.port).await?;
        let scheme = if tls.is_some() { "https" } else { "http" };
        info!(%addr, scheme, "the API listens");
        let server = tokio::spawn(server::serve(listener, tls, Arc::clone(&control)));
        let metrics = metrics.map(|metrics| (metrics.addr, tokio::spawn(metrics.serve())));
        Ok(Self {
            addr,
            control,
            stop,
            server,
            scheme,
            metrics,
        })
    }

    /// Where the API listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Where the API listens, as the beginning of a URL.
    pub fn base_url(&self) -> String {
        format!("{}://{}", self.scheme, self.addr)
    }

    /// Where metrics are served, if they are.
    pub fn metrics_addr(&self) -> Option<SocketAddr> {
        self.metrics.as_ref().map(|(addr, _)| *addr)
    }

    /// Puts faults in force instead of the present ones.
    pub fn set_faults(&self, faults: Faults) {
        *self.control.faults() = faults;
    }

    /// How often a method and path was asked for since the start, wrongly answered or not.
    pub fn requests(&self, method: &str, path: &str) -> u64 {
        self.control
            .requests()
            .get(&format!("{method} {path}"))
            .copied()
            .unwrap_or(0)
    }

    /// Stops as the server does: no new requests, and 5 s for those in flight; meanwhile the adapters,
    /// one after the other, each with at most `shutdown_timeout` for its clients.
    pub async fn stop(self) {
        info!("stopping");
        self.stop.stop();
        let metrics = async {
            if let Some((_, serving)) = self.metrics
                && serving.await.is_err()
            {
                warn!("the metrics port had ended on its own");
            }
        };
        let (served, (), ()) = tokio::join!(self.server, self.control.stop_adapters(), metrics);
        if served.is_err() {
            warn!("the API had ended on its own");
        }
        info!("stopped");
    }
}

fn signer(secret: Option<&String>) -> Result<Signer, StartError> {
    let secret = secret.map(String::as_str).unwrap_or_default();
    if secret.len() < SHORTEST_SECRET {
        return Err(StartError::SecretTooShort {
            length: secret.len(),
        });
    }
    Ok(Signer::new(secret))
}

/// Opens a port; `key` is what the configuration calls it.
pub(crate) async fn listen(
    key: &'static str,
    host: &str,
    port: u16,
) -> Result<(TcpListener, SocketAddr), StartError> {
    // Without a resolver, which a static binary in an empty image may not have.
    let address = if host == "localhost" {
        "127.0.0.1"
    } else {
        host
    };
    let bound = async {
        let listener = bind(address, port).await?;
        let addr = listener.local_addr()?;
        Ok((listener, addr))
    };
    bound.await.map_err(|source| StartError::Listen {
        key,
        host: host.to_owned(),
        port,
        source,
    })
}

/// As Go does: `0.0.0.0` is every address of both families, where the kernel has both.
pub(crate) async fn bind(host: &str, port: u16) -> io::Result<TcpListener> {
    let everywhere = ["0.0.0.0", "::"].contains(&host);
    if everywhere && let Ok(listener) = TcpListener::bind((Ipv6Addr::UNSPECIFIED, port)).await {
        return Ok(listener);
    }
    TcpListener::bind((host, port)).await
}

#[cfg(test)]
mod tests;
