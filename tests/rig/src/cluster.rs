//! One cluster: options, life and end.

pub(crate) mod access;
pub mod admission;
pub(crate) mod api_server;
pub mod audit;
pub(crate) mod cloud;
pub(crate) mod control_plane;
pub mod jitter;
pub mod network;
mod outage;
pub(crate) mod pki;
mod readiness;
mod start;
pub(crate) mod state;

use crate::build::binaries;
use crate::cluster::access::{Access, Caller};
use crate::cluster::audit::AuditLog;
use crate::cluster::cloud::Cloud;
use crate::cluster::network::Families;
use crate::files;
use crate::node::cri;
use crate::node::requirements::Unavailable;
use crate::process::cgroup;
use crate::process::command::CommandError;
use crate::process::launch::{self, Program, Running};
use crate::process::namespaces;
use crate::process::reaper::{self, Reaper};
use crate::wait::TimedOut;
use kube::Client;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How much of a cluster is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Mode {
    /// etcd, the API server and the controllers, on loopback; nothing runs pods. Needs no root.
    #[default]
    ControlPlane,
    /// One node that runs pods, in a network namespace of its own. Needs root.
    Node,
}

/// What to start.
#[derive(Clone, Debug, Default)]
pub struct ClusterOptions {
    /// How much.
    pub mode: Mode,
    /// The addresses that nodes, pods and Services have.
    pub families: Families,
    /// Whether etcd waits for the disk, as in production. Off: faster, for all but latency figures.
    pub durable_etcd: bool,
    /// Part of the state folder's name, for people who look at it.
    pub name: String,
    /// Keep the state folder with its logs afterwards, as the variable `DITTOFS_RIG_KEEP_STATE` does.
    pub keep_state: bool,
}

impl ClusterOptions {
    /// A cluster without nodes.
    pub fn control_plane(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            ..Self::default()
        }
    }

    /// A cluster with one node.
    pub fn node(name: impl Into<String>) -> Self {
        Self {
            mode: Mode::Node,
            ..Self::control_plane(name)
        }
    }
}

/// A cluster could not be started, used or ended.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Its programs could not be built.
    #[error(transparent)]
    Binaries(#[from] binaries::Error),
    /// This machine runs no nodes.
    #[error(transparent)]
    NoNode(#[from] Unavailable),
    /// No control group for the node.
    #[error(transparent)]
    ControlGroup(#[from] cgroup::Error),
    /// No namespaces for the node.
    #[error(transparent)]
    Namespaces(#[from] namespaces::Error),
    /// No certificates.
    #[error(transparent)]
    Pki(#[from] pki::Error),
    /// A file.
    #[error(transparent)]
    File(#[from] files::FileError),
    /// An image.
    #[error(transparent)]
    Image(#[from] crate::images::Error),
    /// The pause image, or another.
    #[error(transparent)]
    Command(#[from] CommandError),
    /// A program did not start.
    #[error(transparent)]
    Launch(#[from] launch::Error),
    /// A program started and ended by itself.
    #[error("{0}")]
    Died(String),
    /// Something took too long.
    #[error("{timed_out}\n{log_tail}")]
    TooLong {
        /// What.
        timed_out: TimedOut,
        /// The end of the log of the program that was waited for.
        log_tail: String,
    },
    /// No free port on loopback.
    #[error("no free port on loopback: {0}")]
    NoPort(#[source] std::io::Error),
    /// No way in.
    #[error(transparent)]
    Access(#[from] access::Error),
    /// The API server refused what every cluster gets.
    #[error("cannot {doing}: {source}")]
    Setup {
        /// What was tried.
        doing: &'static str,
        /// The answer.
        source: Box<kube::Error>,
    },
    /// The end.
    #[error(transparent)]
    Reaper(#[from] reaper::Error),
    /// Something that only clusters with a node have.
    #[error("this cluster has no node to load images on")]
    NodeNeeded,
}

/// A running cluster. Dropping it ends it; [`Cluster::shutdown`] does the same and tells how it went.
#[derive(Debug)]
pub struct Cluster {
    pub(crate) access: Access,
    pub(crate) launcher: launch::Launcher,
    pub(crate) api_server: Program,
    pub(crate) running_api_server: Mutex<Option<Running>>,
    pub(crate) etcd: Program,
    pub(crate) running_etcd: Mutex<Option<Running>>,
    pub(crate) others: Vec<Running>,
    pub(crate) cloud: Option<Cloud>,
    /// Bound, never listening: nobody else gets the port while the API server is away.
    pub(crate) _port: Option<tokio::net::TcpSocket>,
    pub(crate) reaper: Reaper,
    pub(crate) mode: Mode,
    pub(crate) families: Families,
}

impl Cluster {
    /// Starts a cluster and waits until it can be used.
    ///
    /// Blocks; must not be called from async code.
    pub fn start(options: &ClusterOptions) -> Result<Self, Error> {
        start::start(options)
    }

    /// What this cluster consists of.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// The addresses that it has.
    pub fn families(&self) -> Families {
        self.families
    }

    /// A client with all rights. To be made and used within [`block_on_in`].
    pub fn client(&self) -> Result<Client, Error> {
        self.client_as(&Caller::admin())
    }

    /// A client that speaks as somebody else, or under a user agent.
    pub fn client_as(&self, caller: &Caller) -> Result<Client, Error> {
        Ok(self.access.client(caller)?)
    }

    /// The configuration such a client is made of, for those that add layers.
    pub fn client_config(&self, caller: &Caller) -> Result<kube::Config, Error> {
        Ok(self.access.config(caller, "admin")?)
    }

    /// The administrator's kubeconfig. Its address is reachable from the cluster's network only.
    pub fn kubeconfig(&self) -> PathBuf {
        self.access.state.kubeconfig("admin")
    }

    /// The API server's address.
    pub fn url(&self) -> &str {
        &self.access.url
    }

    /// `kubectl` as administrator; it enters the cluster's network by itself.
    pub fn kubectl<Word: AsRef<OsStr>>(
        &self,
        arguments: impl IntoIterator<Item = Word>,
    ) -> Command {
        self.access.kubectl(arguments)
    }

    /// A program of ours as administrator; it enters the cluster's network by itself.
    pub fn program(&self, program: &Path) -> Command {
        self.access.program(program)
    }

    /// Writes a script that is `kubectl` for this cluster, and gives its path.
    pub fn write_kubectl_script(&self) -> Result<PathBuf, Error> {
        Ok(self.access.write_kubectl_script()?)
    }

    /// The API server's record of all requests.
    pub fn audit(&self) -> AuditLog {
        AuditLog::at(crate::cluster::api_server::audit_log(&self.access.state))
    }

    /// Everything the cluster writes is below this folder.
    pub fn state_dir(&self) -> &Path {
        self.access.state.path()
    }

    /// The log of one of the cluster's programs, such as `kubelet`.
    pub fn log(&self, program: &str) -> PathBuf {
        self.access.state.log(program)
    }

    /// Makes an image tar usable for pods.
    pub fn load_image(&self, tar: &Path) -> Result<(), Error> {
        self.need_node()?;
        Ok(cri::import(&self.access.binaries, &self.access.state, tar)?)
    }

    /// Pulls a published image, over the machine's own network, and gives up after `deadline`.
    pub fn pull(&self, reference: &str, deadline: Duration) -> Result<(), Error> {
        self.need_node()?;
        Ok(cri::pull(
            &self.access.binaries,
            &self.access.state,
            reference,
            deadline,
        )?)
    }

    /// Ends the cluster and waits until nothing is left of it.
    pub fn shutdown(mut self) -> Result<(), Error> {
        self.end()
    }

    /// Runs a future on a thread in the cluster's network. See [`block_on_in`].
    pub fn in_network<F: Future>(
        &self,
        make_future: impl FnOnce() -> F + Send,
    ) -> Result<F::Output, Error>
    where
        F::Output: Send,
    {
        Ok(self.access.block_on(make_future)?)
    }

    fn end(&mut self) -> Result<(), Error> {
        drop(self.cloud.take());
        let outcome = self.reaper.finish();
        let api_server = self.lock_api_server().take();
        let etcd = self.lock_etcd().take();
        for running in self.others.drain(..).chain(api_server).chain(etcd) {
            running.reap();
        }
        Ok(outcome?)
    }

    fn need_node(&self) -> Result<(), Error> {
        match self.mode {
            Mode::Node => Ok(()),
            Mode::ControlPlane => Err(Error::NodeNeeded),
        }
    }

    pub(crate) fn lock_etcd(&self) -> MutexGuard<'_, Option<Running>> {
        self.running_etcd
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// A test that panicked while it held the API server must not keep the cluster from ending.
    pub(crate) fn lock_api_server(&self) -> MutexGuard<'_, Option<Running>> {
        self.running_api_server
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if let Err(error) = self.end() {
            eprintln!("rig: {error}");
        }
    }
}

/// Runs a future on a thread in the cluster's network, with a runtime of its own, and gives back what
/// it gave. A panic passes through.
///
/// Sockets belong to the network of the thread that makes them, so whatever talks to the cluster,
/// clients included, must be made within. Several clusters are used from one process this way.
///
/// # Errors
/// The network or the runtime could not be had; the future was not run then.
pub fn block_on_in<F: Future>(
    cluster: &Cluster,
    make_future: impl FnOnce() -> F + Send,
) -> Result<F::Output, Error>
where
    F::Output: Send,
{
    cluster.in_network(make_future)
}
