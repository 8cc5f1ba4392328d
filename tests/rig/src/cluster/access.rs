//! Ways into a running cluster: clients, kubectl, its network.

use crate::build::binaries::Binaries;
use crate::cluster::jitter;
use crate::cluster::pki::Pki;
use crate::cluster::state::StateDir;
use crate::files::{self, FileError};
use crate::process::namespaces::{self, Namespaces};
use http::header::{HeaderName, HeaderValue, InvalidHeaderValue, USER_AGENT};
use kube::Client;
use kube::config::Config;
use std::ffi::OsStr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

/// No way in.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// kube refuses the configuration.
    #[error("cannot make a client for the cluster: {0}")]
    Client(#[from] kube::Error),
    /// The address, which the rig itself made.
    #[error("the API server's address is no URL: {0}")]
    Url(#[from] http::uri::InvalidUri),
    /// The user agent.
    #[error("not usable as a user agent: {0}")]
    UserAgent(#[from] InvalidHeaderValue),
    /// The network.
    #[error(transparent)]
    Network(#[from] namespaces::Error),
    /// The runtime of the thread inside.
    #[error("cannot start an async runtime in the cluster's network: {0}")]
    Runtime(#[source] std::io::Error),
}

/// As whom a client speaks. The default is the administrator, without a user agent.
#[derive(Clone, Debug, Default)]
pub struct Caller {
    user_agent: Option<String>,
    impersonated: Option<(String, Vec<String>)>,
    token: Option<String>,
}

impl Caller {
    /// The administrator (member of `system:masters`).
    pub fn admin() -> Self {
        Self::default()
    }

    /// The administrator in the shoes of somebody else: RBAC judges that somebody, and the audit log
    /// of the rig names that somebody.
    pub fn impersonating(user: impl Into<String>, groups: &[&str]) -> Self {
        Self {
            impersonated: Some((user.into(), groups.iter().map(|&g| g.to_owned()).collect())),
            ..Self::default()
        }
    }

    /// A ServiceAccount, by impersonation, in the groups its tokens carry.
    pub fn service_account(namespace: &str, name: &str) -> Self {
        Self::impersonating(
            format!("system:serviceaccount:{namespace}:{name}"),
            &[
                "system:serviceaccounts",
                &format!("system:serviceaccounts:{namespace}"),
                "system:authenticated",
            ],
        )
    }

    /// Whoever the bearer token says.
    pub fn token(token: impl Into<String>) -> Self {
        Self {
            token: Some(token.into()),
            ..Self::default()
        }
    }

    /// Sets the user agent, by which the audit log is filtered.
    #[must_use]
    pub fn user_agent(mut self, user_agent: impl Into<String>) -> Self {
        self.user_agent = Some(user_agent.into());
        self
    }
}

/// Everything needed to reach one cluster; the cluster's own threads hold it as well.
#[derive(Clone, Debug)]
pub(crate) struct Access {
    pub(crate) state: StateDir,
    pub(crate) pki: Pki,
    pub(crate) url: String,
    pub(crate) namespaces: Option<Arc<Namespaces>>,
    /// A process in the cluster's network that lives as long as the cluster.
    pub(crate) resident: u32,
    pub(crate) binaries: Binaries,
}

impl Access {
    pub(crate) fn config(&self, caller: &Caller, certificate: &str) -> Result<Config, Error> {
        let mut config = Config::new(self.url.parse()?);
        config.root_cert = Some(vec![self.pki.authority.clone()]);
        let path = |path: PathBuf| Some(path.to_string_lossy().into_owned());
        if let Some(token) = &caller.token {
            config.auth_info.token = Some(token.clone().into());
        } else {
            config.auth_info.client_certificate = path(self.pki.certificate(certificate));
            config.auth_info.client_key = path(self.pki.key(certificate));
        }
        if let Some((user, groups)) = &caller.impersonated {
            config.auth_info.impersonate = Some(user.clone());
            config.auth_info.impersonate_groups = Some(groups.clone());
        }
        if let Some(user_agent) = &caller.user_agent {
            let header: (HeaderName, _) = (USER_AGENT, HeaderValue::from_str(user_agent)?);
            config.headers.push(header);
        }
        Ok(config)
    }

    pub(crate) fn client(&self, caller: &Caller) -> Result<Client, Error> {
        Ok(jitter::client(self.config(caller, "admin")?)?)
    }

    /// A client of the rig's own tasks, with an identity of its own so that the audit log of the
    /// tests can leave it out.
    pub(crate) fn rig_client(&self) -> Result<Client, Error> {
        let caller = Caller::admin().user_agent("dittofs-rig");
        Ok(Client::try_from(self.config(&caller, "cloud")?)?)
    }

    /// The command `kubectl`, in the cluster's network, whichever thread starts it.
    pub(crate) fn kubectl<Word: AsRef<OsStr>>(
        &self,
        arguments: impl IntoIterator<Item = Word>,
    ) -> Command {
        let mut words = self.kubectl_words().into_iter();
        let mut command = Command::new(words.next().unwrap_or_default());
        command.args(words).args(arguments);
        // Its cache of the API's shape belongs to this cluster alone.
        command.env("HOME", self.state.path());
        command
    }

    /// A program of ours in the cluster's network, with the administrator's kubeconfig.
    pub(crate) fn program(&self, program: &Path) -> Command {
        let mut words = self.entering();
        words.push(program.display().to_string());
        let mut words = words.into_iter();
        let mut command = Command::new(words.next().unwrap_or_default());
        command.args(words);
        command.env("KUBECONFIG", self.state.kubeconfig("admin"));
        command
    }

    /// What puts a command into the cluster's network.
    fn entering(&self) -> Vec<String> {
        if self.namespaces.is_none() {
            return Vec::new();
        }
        let network = format!("--net=/proc/{}/ns/net", self.resident);
        vec!["nsenter".to_owned(), network, "--".to_owned()]
    }

    /// The same as words, for the wrapper script.
    pub(crate) fn kubectl_words(&self) -> Vec<String> {
        let mut words = self.entering();
        words.push(self.binaries.kubectl().to_string_lossy().into_owned());
        words.push(format!(
            "--kubeconfig={}",
            self.state.kubeconfig("admin").display()
        ));
        words
    }

    pub(crate) fn write_kubectl_script(&self) -> Result<PathBuf, FileError> {
        let path = self.state.join("kubectl");
        let words: Vec<String> = self
            .kubectl_words()
            .iter()
            .map(|word| quoted(word))
            .collect();
        files::write(
            &path,
            format!("#!/bin/sh\nexec {} \"$@\"\n", words.join(" ")),
        )?;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755))
            .map_err(|e| FileError::new("make executable", &path, e))?;
        Ok(path)
    }

    /// Runs a future to its end on a thread in the cluster's network.
    pub(crate) fn block_on<F: Future>(
        &self,
        make_future: impl FnOnce() -> F + Send,
    ) -> Result<F::Output, Error>
    where
        F::Output: Send,
    {
        let work = || -> Result<F::Output, Error> {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .map_err(Error::Runtime)?;
            // Made inside the runtime: a client wants one the moment it is made.
            Ok(runtime.block_on(async { make_future().await }))
        };
        match &self.namespaces {
            Some(namespaces) => namespaces.run_in_network(work)?,
            None => namespaces::on_a_thread(work),
        }
    }
}

/// A word as a shell reads it.
fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn access(namespaces: Option<Arc<Namespaces>>) -> Access {
        let state = StateDir::create("access").unwrap();
        let pki = Pki::create(&state, "https://127.0.0.1:1").unwrap();
        std::fs::remove_dir_all(state.path()).unwrap();
        Access {
            state,
            pki,
            url: "https://127.0.0.1:1".to_owned(),
            namespaces,
            resident: 7,
            binaries: Binaries {
                etcd: "/c/etcd".into(),
                kubernetes: "/c/kubernetes".into(),
                containerd: "/c/containerd".into(),
                cni: "/c/cni".into(),
            },
        }
    }

    #[test]
    fn a_token_replaces_the_certificate() {
        let config = access(None).config(&Caller::token("t"), "admin").unwrap();
        assert!(config.auth_info.client_certificate.is_none());
        assert!(config.auth_info.token.is_some());
    }

    #[test]
    fn a_service_account_is_impersonated_with_its_groups() {
        let caller = Caller::service_account("ns", "sidecar").user_agent("probe/1");
        let config = access(None).config(&caller, "admin").unwrap();
        assert_eq!(
            config.auth_info.impersonate.as_deref(),
            Some("system:serviceaccount:ns:sidecar")
        );
        let groups = config.auth_info.impersonate_groups.unwrap();
        assert!(groups.contains(&"system:serviceaccounts:ns".to_owned()));
        assert_eq!(config.headers[0].1, "probe/1");
    }

    #[test]
    fn futures_run_with_a_runtime_and_their_panics_come_out() {
        let access = access(None);
        assert_eq!(access.block_on(|| async { 42 }).unwrap(), 42);
        let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let _: Result<(), _> = access.block_on(|| async { panic!("seen outside") });
        }));
        assert!(panicked.is_err());
    }

    #[test]
    fn without_a_network_of_its_own_kubectl_is_started_directly() {
        let words = access(None).kubectl_words();
        assert_eq!(words[0], "/c/kubernetes/kubectl");
    }
}
