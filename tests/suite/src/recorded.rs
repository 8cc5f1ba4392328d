//! The simulator answers as the real server did, and as it does: recorded exchanges are replayed against it, and a list of
//! requests is played against both.

use dittofs_rig::installation::Server;
use dittofs_simulator::free_ports;
use dittofs_simulator::replay::{Mismatch, Target, replay};
use dittofs_simulator::script;
use dittofs_suite::registry::{plain, skipped};
use dittofs_suite::world::server_from_environment;
use dittofs_suite::{Outcome, ensure};
use libtest_mimic::Trial;
use std::fs;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use dittofs_golden::given;

const RECORDED: &str = "recorded::the_simulator_answers_as_recorded";
const MANAGED: &str = "recorded::the_simulator_is_managed_like_the_real_server";
const PASSWORD: &str = "admin-Passw0rd-1";
const SECRET: &str = "a-secret-that-only-signs-test-tokens";
/// How long the real server may take to start.
const START: Duration = Duration::from_secs(30);

pub fn trials() -> Vec<Trial> {
    let recording = given("DITTOFS_RECORDING", "../shared/dittofs/recorded-api.jsonl");
    let recorded = match recording {
        Ok(path) => plain(RECORDED, move || check(&path)),
        Err(reason) => skipped(RECORDED, &reason),
    };
    let managed = match server_from_environment() {
        Server::Program(program) => plain(MANAGED, move || check_management(&program)),
        Server::Simulator | Server::Image(_) => skipped(
            MANAGED,
            "it needs the program of a real server: `cargo xtask test --dittofs PROGRAM`",
        ),
    };
    vec![recorded, managed]
}

fn check(recording: &Path) -> Outcome {
    let report = runtime()?.block_on(replay(recording, Target::Fresh))?;
    ensure!(
        report.replayed > 0 && report.mismatches.is_empty(),
        "{report}"
    );
    Ok(())
}

fn check_management(program: &Path) -> Outcome {
    let server = RealServer::start(program)?;
    let runtime = runtime()?;
    let stores = server.folder.join("stores");
    let real = runtime.block_on(script::play(&server.url(), PASSWORD, &stores))?;
    let simulated = runtime.block_on(script::play_simulator())?;
    let found = script::compare(&real, &simulated);
    ensure!(
        found.is_empty(),
        "{} of {} are different\n{}",
        found.len(),
        real.len(),
        listed(&found)
    );
    Ok(())
}

fn listed(mismatches: &[Mismatch]) -> String {
    let lines = mismatches.iter().map(|mismatch| {
        let differences = mismatch.differences.join("\n  ");
        format!(
            "line {}, {}:\n  {differences}",
            mismatch.line, mismatch.case
        )
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn runtime() -> Result<tokio::runtime::Runtime, std::io::Error> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
}

/// A real server in a folder of its own, until it is dropped.
struct RealServer {
    process: Child,
    folder: PathBuf,
    port: u16,
}

impl RealServer {
    fn start(program: &Path) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        let port = free_ports(1)?[0];
        let folder =
            std::env::temp_dir().join(format!("dittofs-real-{}-{port}", std::process::id()));
        fs::create_dir_all(folder.join("controlplane"))?;
        let config = folder.join("config.yaml");
        let database = folder.join("controlplane/controlplane.db");
        fs::write(
            &config,
            format!(
                "database: {{type: sqlite, sqlite: {{path: {}}}}}\ncontrolplane: {{host: 127.0.0.1, port: {port}}}\n",
                database.display()
            ),
        )?;
        // Without what else is in the environment: certificates of its own change what it says of S3.
        let process = Command::new(program)
            .args(["start", "--foreground", "--config"])
            .arg(&config)
            .env_clear()
            .env("HOME", &folder)
            .env("DITTOFS_CONTROLPLANE_SECRET", SECRET)
            .env("DITTOFS_ADMIN_INITIAL_PASSWORD", PASSWORD)
            .current_dir(&folder)
            .stdout(Stdio::null())
            .stderr(fs::File::create(folder.join("log"))?)
            .spawn()?;
        let mut server = Self {
            process,
            folder,
            port,
        };
        server.wait()?;
        Ok(server)
    }

    fn wait(&mut self) -> Outcome {
        let began = Instant::now();
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            let log = || fs::read_to_string(self.folder.join("log")).unwrap_or_default();
            if let Some(status) = self.process.try_wait()? {
                return Err(format!("the server ended with {status}: {}", log()).into());
            }
            ensure!(
                began.elapsed() < START,
                "the server does not listen: {}",
                log()
            );
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

impl Drop for RealServer {
    fn drop(&mut self) {
        // It may have ended, and what is left lies among the temporary files of the system.
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}
