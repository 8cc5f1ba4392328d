//! Operators that run beside the API server of a cluster without a node, with the token of their own account.

use crate::build::programs::Programs;
use crate::cluster::Cluster;
use crate::files;
use crate::images;
use crate::installation::{Error, NAMESPACE, OPERATOR};
use crate::process::command;
use crate::process::launch::{Program, Running};
use crate::proxy::Proxy;
use nix::sys::signal::Signal;
use std::path::{Path, PathBuf};

/// One operator of the Deployment's account, started and stopped at will. It ends when this is dropped.
#[derive(Debug)]
pub struct Operator {
    running: Option<Running>,
    program: Program,
    id: u32,
}

impl Operator {
    /// Starts it. `name` is that of its log, and unique among the programs of the cluster. The environment,
    /// `NAME=value`, is all that it is told besides where it runs.
    ///
    /// # Errors
    /// The manifests are not applied, or it does not start.
    pub fn start(
        cluster: &Cluster,
        programs: &Programs,
        name: &'static str,
        environment: &[String],
    ) -> Result<Self, Error> {
        let kubeconfig = kubeconfig(cluster, OPERATOR, name)?;
        Self::start_at(cluster, programs, name, &kubeconfig, environment)
    }

    /// The same for one that reaches the API server through a proxy only.
    ///
    /// # Errors
    /// There is no token, or it does not start.
    pub fn start_behind(
        cluster: &Cluster,
        programs: &Programs,
        proxy: &Proxy,
        name: &'static str,
        environment: &[String],
    ) -> Result<Self, Error> {
        let kubeconfig = kubeconfig_behind(cluster, proxy, name)?;
        Self::start_at(cluster, programs, name, &kubeconfig, environment)
    }

    /// The same with a kubeconfig that is there already.
    ///
    /// # Errors
    /// It does not start.
    pub fn start_at(
        cluster: &Cluster,
        programs: &Programs,
        name: &'static str,
        kubeconfig: &Path,
        environment: &[String],
    ) -> Result<Self, Error> {
        let program = program(programs, name, kubeconfig, environment);
        let running = cluster.launcher.start(&program)?;
        Ok(Self {
            id: running.pid(),
            running: Some(running),
            program,
        })
    }

    /// Kills it, if it still runs, and starts it anew with the same token.
    ///
    /// # Errors
    /// It does not start.
    pub fn again(&mut self, cluster: &Cluster) -> Result<(), Error> {
        self.kill();
        let running = cluster.launcher.start(&self.program)?;
        self.id = running.pid();
        self.running = Some(running);
        Ok(())
    }

    /// Kills it, until [`Operator::again`].
    pub fn kill(&mut self) {
        if let Some(running) = self.running.take() {
            running.kill();
        }
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.id
    }

    /// Sends SIGTERM and does not wait.
    pub fn terminate(&mut self) {
        if let Some(running) = &mut self.running {
            running.signal(Signal::SIGTERM);
        }
    }

    /// Stops all its threads, until [`Operator::resume`].
    pub fn pause(&mut self) {
        if let Some(running) = &mut self.running {
            running.pause();
        }
    }

    /// Lets it go on.
    pub fn resume(&mut self) {
        if let Some(running) = &mut self.running {
            running.signal(Signal::SIGCONT);
        }
    }

    /// Whether it still runs.
    pub fn is_running(&mut self) -> bool {
        self.running.as_mut().is_some_and(|one| one.check().is_ok())
    }
}

impl Drop for Operator {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A sidecar beside the API server, for a server that is no pod. It ends when this is dropped.
#[derive(Debug)]
pub struct Sidecar(Option<Running>);

impl Sidecar {
    /// Starts it with the rights of the sidecar of an instance. `name` is that of its log, and unique among the programs of the
    /// cluster; the environment, `NAME=value`, says where the server is and with which credentials.
    ///
    /// # Errors
    /// The instance has no account for it yet, or it does not start.
    pub fn start(
        cluster: &Cluster,
        programs: &Programs,
        name: &'static str,
        (namespace, instance): (&str, &str),
        environment: &[String],
    ) -> Result<Self, Error> {
        let account = format!("{instance}-sidecar");
        let token = token(cluster, namespace, &account)?;
        let kubeconfig = write_kubeconfig(cluster, cluster.url(), &token, name)?;
        let mut arguments = vec![
            format!("KUBECONFIG={}", kubeconfig.display()),
            "DITTOFS_SIDECAR_LISTEN=127.0.0.1:0".to_owned(),
            format!("DITTOFS_SIDECAR_NAMESPACE={namespace}"),
            format!("DITTOFS_SIDECAR_INSTANCE={instance}"),
        ];
        arguments.extend_from_slice(environment);
        arguments.push(programs.sidecar.display().to_string());
        let program = Program {
            name,
            executable: PathBuf::from("/usr/bin/env"),
            arguments,
        };
        Ok(Self(Some(cluster.launcher.start(&program)?)))
    }
}

impl Drop for Sidecar {
    fn drop(&mut self) {
        if let Some(running) = self.0.take() {
            running.kill();
        }
    }
}

/// A DittoFS server beside the API server, in no pod. It ends when this is dropped.
#[derive(Debug)]
pub struct Server(Option<Running>);

impl Server {
    /// Starts a program that is given as `dfs` is, with this configuration and environment, `NAME=value`.
    ///
    /// # Errors
    /// It does not start.
    pub fn start(
        cluster: &Cluster,
        program: &Path,
        config: &Path,
        environment: &[String],
    ) -> Result<Self, Error> {
        let mut arguments = environment.to_vec();
        arguments.push(program.display().to_string());
        arguments.extend(["start", "--foreground", "--config"].map(str::to_owned));
        arguments.push(config.display().to_string());
        let program = Program {
            name: "dittofs",
            executable: PathBuf::from("/usr/bin/env"),
            arguments,
        };
        Ok(Self(Some(cluster.launcher.start(&program)?)))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(running) = self.0.take() {
            running.kill();
        }
    }
}

/// Starts an operator with the rights of an account.
pub(crate) fn start(
    cluster: &Cluster,
    programs: &Programs,
    account: &str,
    name: &'static str,
    environment: &[String],
) -> Result<Running, Error> {
    let kubeconfig = kubeconfig(cluster, account, name)?;
    let program = program(programs, name, &kubeconfig, environment);
    Ok(cluster.launcher.start(&program)?)
}

fn program(
    programs: &Programs,
    name: &'static str,
    kubeconfig: &Path,
    environment: &[String],
) -> Program {
    let mut arguments = vec![
        format!("KUBECONFIG={}", kubeconfig.display()),
        // Before the rest, which may say otherwise.
        "DITTOFS_OPERATOR_LISTEN=127.0.0.1:0".to_owned(),
    ];
    arguments.extend_from_slice(environment);
    arguments.extend([
        programs.operator.display().to_string(),
        "run".to_owned(),
        format!("--lease-namespace={NAMESPACE}"),
        format!("--sidecar-image={}", images::SIDECAR),
    ]);
    Program {
        name,
        executable: PathBuf::from("/usr/bin/env"),
        arguments,
    }
}

/// Writes a kubeconfig with a token of an account of the manifests, and gives its path.
///
/// # Errors
/// The manifests are not applied.
pub fn kubeconfig(cluster: &Cluster, account: &str, name: &str) -> Result<PathBuf, Error> {
    let token = token(cluster, NAMESPACE, account)?;
    write_kubeconfig(cluster, cluster.url(), &token, name)
}

/// The same for an operator that reaches the API server through a proxy only. `name` is that of the operator.
///
/// # Errors
/// The manifests are not applied.
pub fn kubeconfig_behind(cluster: &Cluster, proxy: &Proxy, name: &str) -> Result<PathBuf, Error> {
    let token = token(cluster, NAMESPACE, OPERATOR)?;
    write_kubeconfig(cluster, &proxy.url(), &token, &format!("{name}-proxy"))
}

fn token(cluster: &Cluster, namespace: &str, account: &str) -> Result<String, Error> {
    Ok(command::run(&mut cluster.kubectl([
        "-n",
        namespace,
        "create",
        "token",
        account,
        "--duration=24h",
    ]))?)
}

fn write_kubeconfig(
    cluster: &Cluster,
    url: &str,
    token: &str,
    name: &str,
) -> Result<PathBuf, Error> {
    let kubeconfig = cluster.state_dir().join(format!("{name}.kubeconfig"));
    let authority = cluster.access.state.pki().join("ca.crt");
    files::write(&kubeconfig, kubeconfig_with(url, &authority, token.trim()))?;
    Ok(kubeconfig)
}

fn kubeconfig_with(url: &str, authority: &Path, token: &str) -> String {
    serde_json::json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "rig", "cluster": {"server": url, "certificate-authority": authority}}],
        "users": [{"name": OPERATOR, "user": {"token": token}}],
        "contexts": [{"name": "rig", "context": {"cluster": "rig", "user": OPERATOR, "namespace": NAMESPACE}}],
        "current-context": "rig",
    })
    .to_string()
}
