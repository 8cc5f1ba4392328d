//! Operators that run beside the API server of a cluster without a node, with the token of their own account.

use crate::build::programs::Programs;
use crate::cluster::Cluster;
use crate::files;
use crate::images;
use crate::installation::{Error, NAMESPACE, OPERATOR};
use crate::process::command;
use crate::process::launch::{Program, Running};
use nix::sys::signal::Signal;
use std::path::{Path, PathBuf};

/// One operator of the Deployment's account, started and stopped at will. It ends when this is dropped.
#[derive(Debug)]
pub struct Operator {
    running: Option<Running>,
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
        let running = start(cluster, programs, OPERATOR, name, environment)?;
        Ok(Self {
            id: running.pid(),
            running: Some(running),
        })
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
        if let Some(running) = self.running.take() {
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
    let program = Program {
        name,
        executable: PathBuf::from("/usr/bin/env"),
        arguments,
    };
    Ok(cluster.launcher.start(&program)?)
}

/// Writes a kubeconfig with a token of an account of the manifests, and gives its path.
///
/// # Errors
/// The manifests are not applied.
pub fn kubeconfig(cluster: &Cluster, account: &str, name: &str) -> Result<PathBuf, Error> {
    kubeconfig_at(cluster, cluster.url(), account, name)
}

/// The same for another address of the API server, such as that of a proxy.
///
/// # Errors
/// The manifests are not applied.
pub fn kubeconfig_at(
    cluster: &Cluster,
    url: &str,
    account: &str,
    name: &str,
) -> Result<PathBuf, Error> {
    let token = command::run(&mut cluster.kubectl([
        "-n",
        NAMESPACE,
        "create",
        "token",
        account,
        "--duration=24h",
    ]))?;
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
