//! The operator in a cluster, installed from the manifests as a user would, under its real rights.

pub mod beside;
pub mod dittofs;
pub mod shard;

use crate::build::programs::Programs;
use crate::build::progress::Step;
use crate::cluster::{Cluster, Mode};
use crate::files::FileError;
use crate::images;
use crate::process::command::{self, CommandError};
use crate::process::launch::{self, Running};
use nix::sys::signal::Signal;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Namespace that the manifests make.
pub const NAMESPACE: &str = "dittofs-system";
/// Account, Deployment and Lease of the operator.
pub const OPERATOR: &str = "dittofs-operator";
/// The tests share an operator, and must not wait for each other's servers to become ready.
const UNLIMITED: &str = "DITTOFS_OPERATOR_MAX_RESTARTS=100%";
/// How long a published server image may take to arrive before the simulator is used.
const PULL_DEADLINE: Duration = Duration::from_secs(10);

/// Which DittoFS server runs in the pods.
#[derive(Clone, Debug, Default)]
pub enum Server {
    /// The simulator of this workspace.
    #[default]
    Simulator,
    /// A server program of this machine.
    Program(PathBuf),
    /// A published image. Where it cannot be pulled, the simulator.
    Image(String),
}

/// What is installed in a cluster.
#[derive(Debug)]
pub struct Installation {
    /// Image for `spec.image`.
    pub server_image: String,
    /// What that image is, in words.
    pub server: String,
    operator: Option<Running>,
}

/// The operator could not be installed.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs)]
pub enum Error {
    #[error(transparent)]
    Images(#[from] images::Error),
    #[error(transparent)]
    Cluster(#[from] crate::cluster::Error),
    #[error(transparent)]
    Command(#[from] CommandError),
    #[error(transparent)]
    File(#[from] FileError),
    #[error(transparent)]
    Launch(#[from] launch::Error),
}

/// Installs the operator and, where there is a node, loads the images.
///
/// Without a node the operator runs beside the API server, with the token of its own account: the same program, the
/// same rights.
///
/// # Errors
/// An image, the manifests or the operator do not come up.
pub fn install(
    cluster: &Cluster,
    programs: &Programs,
    server: &Server,
) -> Result<Installation, Error> {
    let (server_image, words) = match cluster.mode() {
        Mode::Node => load_images(cluster, programs, server)?,
        Mode::ControlPlane => (
            images::SERVER.to_owned(),
            "nothing: there is no node".to_owned(),
        ),
    };
    let step = Step::begin("installing the operator");
    apply_manifests(cluster)?;
    let operator = match cluster.mode() {
        Mode::Node => {
            let deployment = format!("deployment/{OPERATOR}");
            let told = ["-n", NAMESPACE, "set", "env", &deployment, UNLIMITED];
            command::run(&mut cluster.kubectl(told))?;
            command::run(&mut cluster.kubectl([
                "-n",
                NAMESPACE,
                "rollout",
                "status",
                "--timeout=90s",
                &deployment,
            ]))?;
            None
        }
        Mode::ControlPlane => Some(start_unlimited(cluster, programs)?),
    };
    step.done();
    Ok(Installation {
        server_image,
        server: words,
        operator,
    })
}

/// Applies the manifests and waits until `DittoServers` are served.
///
/// # Errors
/// The API server refuses.
pub fn apply_manifests(cluster: &Cluster) -> Result<(), Error> {
    let base = manifests().join("base");
    command::run(cluster.kubectl(["apply", "--server-side", "-k"]).arg(&base))?;
    command::run(&mut cluster.kubectl([
        "wait",
        "--for=condition=Established",
        "--timeout=30s",
        "crd",
        "dittoservers.dittofs.dittofs.com",
    ]))?;
    Ok(())
}

impl Installation {
    /// Stops an operator that runs beside the API server, with SIGTERM or SIGKILL. In a cluster with a node the
    /// operator is a Deployment, and scaling it is the way.
    pub fn stop_operator(&mut self, gently: bool) {
        let Some(mut operator) = self.operator.take() else {
            return;
        };
        if gently {
            operator.signal(Signal::SIGTERM);
            operator.reap();
        } else {
            operator.kill();
        }
    }

    /// Starts it again.
    ///
    /// # Errors
    /// It does not start.
    pub fn start_operator(&mut self, cluster: &Cluster, programs: &Programs) -> Result<(), Error> {
        if cluster.mode() == Mode::ControlPlane && self.operator.is_none() {
            self.operator = Some(start_unlimited(cluster, programs)?);
        }
        Ok(())
    }

    /// Starts it again with this environment and nothing else, beside the API server.
    ///
    /// # Errors
    /// It does not start.
    pub fn start_operator_with(
        &mut self,
        cluster: &Cluster,
        programs: &Programs,
        environment: &[&str],
    ) -> Result<(), Error> {
        let environment: Vec<_> = environment.iter().map(|&one| one.to_owned()).collect();
        self.operator = Some(beside::start(
            cluster,
            programs,
            OPERATOR,
            OPERATOR,
            &environment,
        )?);
        Ok(())
    }
}

/// The manifests of this workspace.
pub fn manifests() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../manifests")
}

fn load_images(
    cluster: &Cluster,
    programs: &Programs,
    server: &Server,
) -> Result<(String, String), Error> {
    let (program, image, words) = match server {
        Server::Simulator => (
            &programs.simulator,
            images::SERVER.to_owned(),
            "the simulator".to_owned(),
        ),
        Server::Program(path) => (
            path,
            images::SERVER.to_owned(),
            format!("the server program {}", path.display()),
        ),
        Server::Image(reference) => match cluster.pull(reference, PULL_DEADLINE) {
            Ok(()) => (
                &programs.simulator,
                reference.clone(),
                format!("the published image {reference}"),
            ),
            Err(error) => {
                let why = error.to_string();
                let why = why.lines().last().unwrap_or_default();
                (
                    &programs.simulator,
                    images::SERVER.to_owned(),
                    format!("the simulator, because {reference} cannot be pulled here ({why})"),
                )
            }
        },
    };
    let step = Step::begin("making and loading the images");
    let all = [
        images::client()?,
        images::operator(&programs.operator),
        images::sidecar(&programs.sidecar),
        images::other_sidecar(&programs.sidecar),
        images::server(program)?,
    ];
    for tar in images::write_all(&cluster.state_dir().join("images"), &all)? {
        cluster.load_image(&tar)?;
    }
    step.done();
    Ok((image, words))
}

fn start_unlimited(cluster: &Cluster, programs: &Programs) -> Result<Running, Error> {
    beside::start(
        cluster,
        programs,
        OPERATOR,
        OPERATOR,
        &[UNLIMITED.to_owned()],
    )
}
