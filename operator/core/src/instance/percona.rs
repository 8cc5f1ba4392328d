//! Pure: the PostgreSQL cluster that Percona's operator runs, and whether the server can be started with it.

use dittofs_shared::names;
use k8s_openapi::api::apps::v1::StatefulSet;
use kube::core::DynamicObject;

use crate::digest::digest;
use crate::observed::Observed;
use crate::optional::{Absence, OptionalKind};
use crate::ownership::Claimant;
use crate::secrets::SecretFacts;

/// A PerconaPGCluster that an instance uses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PerconaCluster {
    /// Its name.
    pub name: String,
    /// Secret with the connection to it.
    pub secret: String,
    /// Whether it is ours. One that is not is never changed.
    pub is_ours: bool,
    /// How far it is.
    pub progress: Progress,
    /// The connection in that Secret.
    pub connection: ClusterConnection,
    /// Whether the server already runs with it.
    pub in_use: bool,
}

/// The connection to a PerconaPGCluster, as its Secret has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClusterConnection {
    /// There is no Secret.
    NoSecret,
    /// The Secret lacks this key, or has no value for it.
    NoKey(&'static str),
    /// The Secret is complete.
    Complete {
        /// Digest of the connection.
        digest: String,
    },
}

impl ClusterConnection {
    /// Digest of the connection, if the Secret is complete.
    pub fn digest(&self) -> Option<&str> {
        match self {
            Self::Complete { digest } => Some(digest),
            Self::NoSecret | Self::NoKey(_) => None,
        }
    }
}

/// How far a PerconaPGCluster is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// The Kubernetes cluster does not serve the kind.
    KindMissing(Absence),
    /// It does not exist yet.
    Missing,
    /// It is being deleted.
    Terminating,
    /// It is not ready: what Percona's operator reports.
    NotReady(String),
    /// It is ready.
    Ready,
}

/// Why no server is started with a PerconaPGCluster.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs)]
pub enum DatabaseProblem {
    /// It is not ready, and no server runs with it yet.
    #[error("PerconaPGCluster {cluster} is not ready; the server starts once it is")]
    NotReady { cluster: String },
    /// There is no Secret with the connection.
    #[error("Secret {secret} does not exist yet; Percona's operator creates it")]
    SecretMissing { secret: String },
    /// The Secret lacks a key.
    #[error("Secret {secret}, created by Percona's operator, has no key {key}")]
    NoKey { secret: String, key: &'static str },
}

/// The cluster of an instance with percona enabled.
pub(super) fn evaluate(instance: &str, observed: &Observed) -> Option<PerconaCluster> {
    observed.server.spec.percona()?;
    let name = names::percona_cluster(instance);
    let secret = names::percona_secret(instance);
    let found = observed.optional.percona.as_deref();
    let absence = observed
        .optional
        .absent
        .get(&OptionalKind::PerconaPGCluster);
    let stateful_set = observed.stateful_set.as_deref();
    // One that is to outlive its DittoServer has no owner, and is known by its labels.
    let claimant = Claimant {
        name: instance,
        uid: observed.server.metadata.uid.as_deref().unwrap_or_default(),
    };
    let in_use = uses(stateful_set, &secret);
    Some(PerconaCluster {
        is_ours: found.is_none_or(|found| claimant.has(&found.metadata)),
        progress: match (absence, found) {
            (Some(absence), _) => Progress::KindMissing(*absence),
            (None, None) => Progress::Missing,
            (None, Some(found)) => progress(found),
        },
        connection: connection(observed.secrets.get(&secret)),
        in_use,
        name,
        secret,
    })
}

impl PerconaCluster {
    /// Whether only the Secret is missing. It is not watched, so it has to be read again from time to time.
    pub fn waits_for_secret(&self) -> bool {
        self.progress == Progress::Ready && self.connection.digest().is_none()
    }

    /// Digest of the connection, if the server can be started with it. A running server is not stopped because its
    /// database is not ready, which may pass in a moment.
    ///
    /// # Errors
    /// Why it cannot be started.
    pub fn usable(&self) -> Result<&str, DatabaseProblem> {
        if self.progress != Progress::Ready && !self.in_use {
            return Err(DatabaseProblem::NotReady {
                cluster: self.name.clone(),
            });
        }
        match &self.connection {
            ClusterConnection::Complete { digest } => Ok(digest),
            ClusterConnection::NoSecret => Err(DatabaseProblem::SecretMissing {
                secret: self.secret.clone(),
            }),
            ClusterConnection::NoKey(key) => Err(DatabaseProblem::NoKey {
                secret: self.secret.clone(),
                key,
            }),
        }
    }
}

fn progress(found: &DynamicObject) -> Progress {
    if found.metadata.deletion_timestamp.is_some() {
        return Progress::Terminating;
    }
    let status = found.data.get("status").unwrap_or(&serde_json::Value::Null);
    let state = match status["state"].as_str() {
        Some("ready") => return Progress::Ready,
        Some(state) if !state.is_empty() => format!("its state is {state}"),
        _ => "Percona's operator has not reported its state yet".to_owned(),
    };
    let postgres = &status["postgres"];
    let ready = match (postgres["ready"].as_i64(), postgres["size"].as_i64()) {
        (Some(ready), Some(size)) => format!(", with {ready} of {size} PostgreSQL instances ready"),
        _ => String::new(),
    };
    let conditions = status["conditions"].as_array().into_iter().flatten();
    let wrong = conditions
        .filter(|condition| condition["status"] == "False")
        .filter_map(|condition| condition["message"].as_str())
        .find(|message| !message.is_empty());
    let wrong = wrong
        .map(|message| format!(": {message}"))
        .unwrap_or_default();
    Progress::NotReady(format!("{state}{ready}{wrong}"))
}

fn connection(secret: Option<&SecretFacts>) -> ClusterConnection {
    let Some(secret) = secret else {
        return ClusterConnection::NoSecret;
    };
    let mut digests = Vec::new();
    for key in names::PERCONA_KEYS {
        let value = secret.keys.get(key).filter(|value| value.length > 0);
        let Some(value) = value else {
            return ClusterConnection::NoKey(key);
        };
        digests.push(value.digest.as_str());
    }
    ClusterConnection::Complete {
        digest: digest(digests.join(" ").as_bytes()),
    }
}

/// Whether the template reads the Secret.
fn uses(stateful_set: Option<&StatefulSet>, secret: &str) -> bool {
    let template = stateful_set
        .and_then(|set| set.spec.as_ref())
        .and_then(|spec| spec.template.spec.as_ref());
    let containers = template.iter().flat_map(|pod| &pod.containers);
    let mut variables = containers.flat_map(|container| container.env.iter().flatten());
    variables.any(|variable| {
        let source = variable.value_from.as_ref();
        let key = source.and_then(|source| source.secret_key_ref.as_ref());
        key.is_some_and(|key| key.name == secret)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secrets::KeyFacts;
    use serde_json::{Value, json};
    use std::collections::BTreeMap;

    fn cluster(status: &Value) -> DynamicObject {
        serde_json::from_value(json!({
            "apiVersion": "pgv2.percona.com/v2", "kind": "PerconaPGCluster",
            "metadata": {"name": "files-postgres"}, "status": status,
        }))
        .unwrap()
    }

    #[test]
    fn only_the_state_ready_is_ready_and_all_others_are_reported() {
        assert_eq!(
            progress(&cluster(&json!({"state": "ready"}))),
            Progress::Ready
        );
        for (status, words) in [
            (json!(null), "not reported"),
            (json!({"state": ""}), "not reported"),
            (json!({"state": "initializing"}), "initializing"),
            (
                json!({"state": "paused", "postgres": {"ready": 1, "size": 3}}),
                "1 of 3",
            ),
            (
                json!({"state": "stopping", "conditions": [
                    {"type": "A", "status": "True", "message": "fine"},
                    {"type": "B", "status": "False", "message": "no repository"},
                ]}),
                "no repository",
            ),
        ] {
            match progress(&cluster(&status)) {
                Progress::NotReady(text) => assert!(text.contains(words), "{text}"),
                other => panic!("{status} is {other:?}"),
            }
        }
    }

    #[test]
    fn a_connection_needs_all_its_keys() {
        let fact = |key: &str, value: &[u8]| (key.to_owned(), KeyFacts::of(value));
        let whole: BTreeMap<_, _> = names::PERCONA_KEYS.map(|key| fact(key, b"x")).into();
        let of = |keys: BTreeMap<_, _>| {
            connection(Some(&SecretFacts {
                keys,
                ..SecretFacts::default()
            }))
        };
        assert!(of(whole.clone()).digest().is_some());
        assert_eq!(connection(None), ClusterConnection::NoSecret);
        for key in names::PERCONA_KEYS {
            let mut less = whole.clone();
            less.remove(key);
            assert_eq!(of(less.clone()), ClusterConnection::NoKey(key));
            less.extend([fact(key, b"")]);
            assert_eq!(of(less), ClusterConnection::NoKey(key));
        }
    }

    #[test]
    fn a_server_that_runs_is_not_stopped_for_a_database_that_is_not_ready() {
        let mut cluster = PerconaCluster {
            name: "files-postgres".to_owned(),
            secret: "files-postgres-pguser-dittofs".to_owned(),
            is_ours: true,
            progress: Progress::NotReady("its state is stopping".to_owned()),
            connection: ClusterConnection::Complete {
                digest: "digest".to_owned(),
            },
            in_use: false,
        };
        assert!(cluster.usable().is_err());
        cluster.in_use = true;
        assert_eq!(cluster.usable(), Ok("digest"));
        cluster.connection = ClusterConnection::NoSecret;
        assert!(cluster.usable().is_err());
    }
}
