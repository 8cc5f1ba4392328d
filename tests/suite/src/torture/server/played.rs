//! A server and its sidecar, neither of them in a pod, and between them something that answers wrongly on demand.

use dittofs_rig::beside::{Server, Sidecar};
use dittofs_rig::wait_for;
use dittofs_simulator::{Front, ServerConfig, Simulator, SimulatorOptions, free_ports};
use dittofs_suite::instance::{API_DEADLINE, Instance};
use std::fs;
use std::path::Path;
use tokio::net::TcpStream;

use crate::api::seen::Failed;
use crate::torture::settings;

const SIDECARS: [&str; 4] = [
    "torture-sidecar-0",
    "torture-sidecar-1",
    "torture-sidecar-2",
    "torture-sidecar-3",
];

/// They end when this is dropped.
pub struct Played {
    pub front: Front,
    _server: Running,
    _sidecar: Sidecar,
}

/// What is behind the front. It is only kept running.
enum Running {
    Simulator { _it: Simulator },
    Real { _it: Server },
}

fn signing_key() -> String {
    "k".repeat(64)
}

impl Played {
    /// Starts the server that was asked for, or a simulator, with its files in a folder, and then the sidecar.
    pub async fn start(files: &Instance, number: usize, folder: &Path) -> Result<Self, Failed> {
        let (server, address) = match settings::server() {
            Some(program) => real(files, Path::new(&program), folder).await?,
            None => simulator(folder).await?,
        };
        let front = Front::start(address).await?;
        let sidecar = sidecar(files, number, folder, &front.base_url())?;
        Ok(Self {
            front,
            _server: server,
            _sidecar: sidecar,
        })
    }
}

async fn simulator(folder: &Path) -> Result<(Running, String), Failed> {
    let config = ServerConfig::from_yaml("controlplane: {port: 0}\nshutdown_timeout: 1s")?;
    let ports = free_ports(2)?;
    let adapters = ["nfs", "smb"].into_iter().map(str::to_owned).zip(ports);
    let options = SimulatorOptions {
        secret: Some(signing_key()),
        initial_adapters: adapters.collect(),
        ..SimulatorOptions::default()
    };
    let simulator = Simulator::start(&config, &folder.join("server"), options).await?;
    let address = simulator.base_url().replace("http://", "");
    Ok((Running::Simulator { _it: simulator }, address))
}

/// A server at its first boot, with the adapters that it makes then.
async fn real(
    files: &Instance,
    program: &Path,
    folder: &Path,
) -> Result<(Running, String), Failed> {
    let data = folder.join("server");
    let port = free_ports(1)?.first().copied().unwrap_or_default();
    let config = folder.join("config.yaml");
    let database = data.join("controlplane.db");
    fs::write(
        &config,
        format!(
            "database: {{type: sqlite, sqlite: {{path: {}}}}}\ncontrolplane: {{port: {port}}}\n",
            database.display()
        ),
    )?;
    let environment = [
        format!("DITTOFS_CONTROLPLANE_SECRET={}", signing_key()),
        "DITTOFS_ADMIN_INITIAL_PASSWORD=of-the-administrator".to_owned(),
    ];
    let server = Server::start(&files.scene.world.cluster, program, &config, &environment)?;
    let address = format!("127.0.0.1:{port}");
    wait_for("the server to listen", API_DEADLINE, || async {
        let connected = TcpStream::connect(&address).await;
        connected.map(drop).map_err(|error| error.to_string())
    })
    .await?;
    Ok((Running::Real { _it: server }, address))
}

fn sidecar(files: &Instance, number: usize, folder: &Path, api: &str) -> Result<Sidecar, Failed> {
    let credentials = folder.join("credentials");
    fs::create_dir_all(&credentials)?;
    fs::write(credentials.join("username"), "dittofs-sidecar")?;
    fs::write(credentials.join("password"), "s".repeat(32))?;
    let key = folder.join("key");
    fs::write(&key, signing_key())?;
    let environment = [
        format!("DITTOFS_SIDECAR_API_URL={api}"),
        format!("DITTOFS_SIDECAR_CREDENTIALS_DIR={}", credentials.display()),
        format!("DITTOFS_SIDECAR_SIGNING_KEY={}", key.display()),
    ];
    let world = &files.scene.world;
    let place = (files.scene.namespace.as_str(), files.name.as_str());
    Ok(Sidecar::start(
        &world.cluster,
        &world.programs,
        SIDECARS[number],
        place,
        &environment,
    )?)
}
