//! The order of a start.

use crate::build::binaries::{Binaries, Part};
use crate::cluster::access::Access;
use crate::cluster::api_server::{self, Endpoint};
use crate::cluster::cloud::Cloud;
use crate::cluster::control_plane;
use crate::cluster::pki::Pki;
use crate::cluster::readiness;
use crate::cluster::state::StateDir;
use crate::cluster::{Cluster, ClusterOptions, Error, Mode};
use crate::files;
use crate::images;
use crate::node::containerd;
use crate::node::cri;
use crate::node::kubelet;
use crate::node::requirements::{self, NodeSupport};
use crate::process::cgroup::Group;
use crate::process::cleanup;
use crate::process::launch::{Launcher, Program, Running};
use crate::process::namespaces::Namespaces;
use crate::process::reaper::{KEEP_STATE, Reaper};
use crate::wait::{wait_blocking, wait_for};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::net::TcpSocket;

const PATIENCE: Duration = Duration::from_secs(90);

pub(crate) fn start(options: &ClusterOptions) -> Result<Cluster, Error> {
    let part = match options.mode {
        Mode::ControlPlane => Part::ControlPlane,
        Mode::Node => Part::Node,
    };
    if let NodeSupport::Unavailable(reason) = support(options) {
        return Err(reason.into());
    }
    let binaries = Binaries::ensure(part)?;
    let state = StateDir::create(&options.name)?;
    let keep = options.keep_state || std::env::var_os(KEEP_STATE).is_some_and(|v| !v.is_empty());
    // From here on whatever fails, the reaper cleans up after it.
    let reaper = Reaper::start(&state, keep)?;
    let environment = Environment::prepare(options, &binaries, &state)?;
    let url = environment.endpoint.url(options.families);
    let pki = Pki::create(&state, &url)?;
    files::write(
        &api_server::audit_policy_file(&state),
        api_server::audit_policy(),
    )?;

    let etcd = control_plane::etcd(&binaries, &state, options.durable_etcd);
    let running_etcd = environment.launcher.start(&etcd)?;
    let api_server = api_server::program(
        &binaries,
        &state,
        &pki,
        environment.endpoint,
        options.families,
    );
    let running_api_server = environment.launcher.start(&api_server)?;
    let access = Access {
        url,
        namespaces: environment.launcher.namespaces.clone(),
        resident: running_etcd.pid(),
        state,
        pki,
        binaries,
    };
    let mut cluster = Cluster {
        access,
        launcher: environment.launcher,
        api_server,
        running_api_server: Mutex::new(Some(running_api_server)),
        etcd,
        running_etcd: Mutex::new(Some(running_etcd)),
        others: Vec::new(),
        cloud: None,
        _port: environment.port,
        reaper,
        mode: options.mode,
        families: options.families,
    };
    cluster.complete(environment.group.as_ref())?;
    Ok(cluster)
}

fn support(options: &ClusterOptions) -> NodeSupport {
    match options.mode {
        Mode::ControlPlane => NodeSupport::Available,
        Mode::Node => NodeSupport::check_for(options.families),
    }
}

/// Where the programs will run: control group, namespaces, address.
struct Environment {
    launcher: Launcher,
    group: Option<Group>,
    endpoint: Endpoint,
    port: Option<TcpSocket>,
}

impl Environment {
    fn prepare(
        options: &ClusterOptions,
        binaries: &Binaries,
        state: &StateDir,
    ) -> Result<Self, Error> {
        let group = match options.mode {
            Mode::Node => Some(make_group(state)?),
            // Without root the records of the programs have to do.
            Mode::ControlPlane => make_group(state).ok(),
        };
        let (endpoint, port, namespaces) = match options.mode {
            Mode::ControlPlane => {
                let (socket, port) = free_port().map_err(Error::NoPort)?;
                (Endpoint::Loopback(port), Some(socket), None)
            }
            Mode::Node => {
                let namespaces =
                    Namespaces::create(&kubelet::bind_mounts(state)?, options.families)?;
                (Endpoint::Node, None, Some(Arc::new(namespaces)))
            }
        };
        Ok(Self {
            launcher: Launcher {
                state: state.clone(),
                group: group.clone(),
                namespaces,
                path: requirements::path_variable(&[&binaries.containerd, &binaries.cni]),
            },
            group,
            endpoint,
            port,
        })
    }
}

fn make_group(state: &StateDir) -> Result<Group, Error> {
    let group = Group::named(&state.name())?;
    let folders = group
        .folders()
        .iter()
        .map(|folder| folder.to_string_lossy());
    let list: Vec<_> = folders.collect();
    // Written first: the reaper removes what this may leave half made.
    files::write(
        &state.pid_files().join(cleanup::CONTROL_GROUP),
        list.join("\n"),
    )?;
    group.create()?;
    Ok(group)
}

/// A port of loopback that stays ours: bound with the option that lets the API server, of the same
/// user, bind it as well.
fn free_port() -> Result<(TcpSocket, u16), std::io::Error> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseport(true)?;
    socket.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
    let port = socket.local_addr()?.port();
    Ok((socket, port))
}

impl Cluster {
    fn complete(&mut self, group: Option<&Group>) -> Result<(), Error> {
        if let (Mode::Node, Some(group)) = (self.mode, group) {
            self.start_containerd(group)?;
        }
        self.wait_until_api_server_is_ready()?;
        let access = &self.access;
        self.launch(&control_plane::controller_manager(
            &access.binaries,
            &access.state,
            &access.pki,
            self.families,
        ))?;
        if self.mode == Mode::Node {
            self.start_node()?;
        }
        self.cloud = Some(Cloud::start(&self.access)?);
        self.wait_until_usable()
    }

    fn launch(&mut self, program: &Program) -> Result<(), Error> {
        let running = self.launcher.start(program)?;
        self.others.push(running);
        Ok(())
    }

    /// While the API server is still waking up.
    fn start_containerd(&mut self, group: &Group) -> Result<(), Error> {
        let Access {
            binaries,
            state,
            pki,
            ..
        } = self.access.clone();
        let runc = requirements::find("runc").unwrap_or_else(|| PathBuf::from("runc"));
        containerd::configure(&binaries, &state, &runc, self.families)?;
        kubelet::configure(&state, &pki, &group.kubelet_root(), self.families)?;
        let mut running = self
            .launcher
            .start(&containerd::program(&binaries, &state))?;
        let tar = state.join("pause.tar");
        images::pause()?.write(&tar).map_err(images::Error::from)?;
        let answer = wait_blocking("containerd to answer", PATIENCE, || match running.check() {
            Err(died) => Ok(Err(Error::Died(died))),
            Ok(()) => cri::ping(&binaries, &state)
                .map(Ok)
                .map_err(|e| e.to_string()),
        });
        let outcome = answer.unwrap_or_else(|timed_out| {
            Err(Error::TooLong {
                timed_out,
                log_tail: running.log_tail(),
            })
        });
        self.others.push(running);
        outcome?;
        Ok(cri::import(&binaries, &state, &tar)?)
    }

    fn start_node(&mut self) -> Result<(), Error> {
        let Access {
            binaries, state, ..
        } = self.access.clone();
        self.access
            .block_on(|| readiness::admit_nodes(&self.access))??;
        self.launch(&control_plane::scheduler(&binaries, &state))?;
        self.launch(&kubelet::kubelet(&binaries, &state, self.families))?;
        self.launch(&kubelet::proxy(&binaries, &state))
    }

    /// Polls `/readyz`; notices at once if the API server has died instead.
    pub(crate) fn wait_until_api_server_is_ready(&self) -> Result<(), Error> {
        self.wait(
            "the API server to be ready",
            |cluster| {
                cluster
                    .lock_api_server()
                    .as_mut()
                    .map_or(Ok(()), Running::check)
            },
            |cluster| cluster.lock_api_server().as_ref().map(Running::log_tail),
            readiness::api_server,
        )
    }

    fn wait_until_usable(&mut self) -> Result<(), Error> {
        let others = Mutex::new(std::mem::take(&mut self.others));
        let lock = || {
            others
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner)
        };
        let outcome = self.wait(
            "the cluster to be usable",
            |cluster| {
                lock().iter_mut().try_for_each(Running::check)?;
                cluster.lock_etcd().as_mut().map_or(Ok(()), Running::check)
            },
            |_| lock().last().map(Running::log_tail),
            readiness::cluster,
        );
        self.others = others
            .into_inner()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        outcome
    }

    fn wait<Fut: Future<Output = Result<(), String>>>(
        &self,
        what: &str,
        check: impl Fn(&Self) -> Result<(), String> + Sync,
        log_tail: impl Fn(&Self) -> Option<String>,
        look: impl Fn(kube::Client, Mode) -> Fut + Sync,
    ) -> Result<(), Error> {
        let outcome = self.access.block_on(|| async {
            let client = self.access.rig_client()?;
            Ok::<_, Error>(
                wait_for(what, PATIENCE, || async {
                    match check(self) {
                        Err(died) => Ok(Err(Error::Died(died))),
                        Ok(()) => look(client.clone(), self.mode).await.map(Ok),
                    }
                })
                .await,
            )
        })??;
        outcome.unwrap_or_else(|timed_out| {
            Err(Error::TooLong {
                timed_out,
                log_tail: log_tail(self).unwrap_or_default(),
            })
        })
    }
}
