//! Pure: the PostgreSQL cluster that Percona's operator makes, and whether the server can be started with it.

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
    /// Whether it is made, or has been, by us. One that somebody else has made is never changed.
    pub is_ours: bool,
    /// How far it is.
    pub progress: Progress,
    /// Digest of the connection, or the key that its Secret lacks: `None` when there is no Secret.
    pub connection: Result<String, Option<&'static str>>,
    /// Whether the server already runs with it.
    pub in_use: bool,
}

/// How far a PerconaPGCluster is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// The cluster does not know of such objects.
    KindMissing(Absence),
    /// It has not been made yet.
    Missing,
    /// It is on its way out.
    Terminating,
    /// It is not ready: what Percona's operator says of it.
    NotReady(String),
    /// It is ready.
    Ready,
}

/// Why no server is started with a PerconaPGCluster.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DatabaseProblem {
    /// It is not ready, and no server runs with it yet.
    #[error("PerconaPGCluster {0} is not ready, and no server is started before")]
    NotReady(String),
    /// There is no Secret with the connection.
    #[error("Secret {0}, which Percona's operator makes, does not exist yet")]
    SecretMissing(String),
    /// The Secret is not what it should be.
    #[error("Secret {0}, which Percona's operator makes, has no key {1}")]
    NoKey(String, &'static str),
}

/// The cluster of an instance that asks for one.
pub(super) fn evaluate(instance: &str, observed: &Observed) -> Option<PerconaCluster> {
    observed
        .server
        .spec
        .percona
        .as_ref()
        .filter(|asked| asked.enabled)?;
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
    /// Whether all that is missing is the Secret. Nobody tells us when it comes.
    pub fn waits_for_secret(&self) -> bool {
        self.progress == Progress::Ready && self.connection.is_err()
    }

    /// Digest of the connection, if the server can be started with it. One that runs is not stopped for a database
    /// that is not ready: it may be again in a moment.
    ///
    /// # Errors
    /// Why it cannot be started.
    pub fn usable(&self) -> Result<&str, DatabaseProblem> {
        if self.progress != Progress::Ready && !self.in_use {
            return Err(DatabaseProblem::NotReady(self.name.clone()));
        }
        match &self.connection {
            Ok(digest) => Ok(digest),
            Err(None) => Err(DatabaseProblem::SecretMissing(self.secret.clone())),
            Err(Some(key)) => Err(DatabaseProblem::NoKey(self.secret.clone(), key)),
        }
    }
}

fn progress(found: &DynamicObject) -> Progress {
    if found.metadata.deletion_timestamp.is_some() {
        return Progress::Terminating;
    }
    let status = &found.data["status"];
    let state = match status["state"].as_str() {
        Some("ready") => return Progress::Ready,
        Some(state) if !state.is_empty() => format!("its state is {state}"),
        _ => "Percona's operator has not said anything of it yet".to_owned(),
    };
    let postgres = &status["postgres"];
    let ready = match (postgres["ready"].as_i64(), postgres["size"].as_i64()) {
        (Some(ready), Some(size)) => format!(", {ready} of {size} PostgreSQL servers are ready"),
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

fn connection(secret: Option<&SecretFacts>) -> Result<String, Option<&'static str>> {
    let secret = secret.ok_or(None)?;
    let mut digests = Vec::new();
    for key in names::PERCONA_KEYS {
        let (of_value, _) = secret
            .keys
            .get(key)
            .filter(|(_, length)| *length > 0)
            .ok_or(Some(key))?;
        digests.push(of_value.as_str());
    }
    Ok(digest(digests.join(" ").as_bytes()))
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
    fn only_the_state_ready_is_ready_and_all_else_is_told() {
        assert_eq!(
            progress(&cluster(&json!({"state": "ready"}))),
            Progress::Ready
        );
        for (status, words) in [
            (json!(null), "not said anything"),
            (json!({"state": ""}), "not said anything"),
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
        let fact = |key: &str, length| (key.to_owned(), (format!("digest of {key}"), length));
        let whole: BTreeMap<_, _> = names::PERCONA_KEYS.map(|key| fact(key, 1)).into();
        let of = |keys: BTreeMap<_, _>| {
            connection(Some(&SecretFacts {
                keys,
                ..SecretFacts::default()
            }))
        };
        assert!(of(whole.clone()).is_ok());
        assert_eq!(connection(None), Err(None));
        for key in names::PERCONA_KEYS {
            let mut less = whole.clone();
            less.remove(key);
            assert_eq!(of(less.clone()), Err(Some(key)));
            less.extend([fact(key, 0)]);
            assert_eq!(of(less), Err(Some(key)));
        }
    }

    #[test]
    fn a_server_that_runs_is_not_stopped_for_a_database_that_is_not_ready() {
        let mut cluster = PerconaCluster {
            name: "files-postgres".to_owned(),
            secret: "files-postgres-pguser-dittofs".to_owned(),
            is_ours: true,
            progress: Progress::NotReady("its state is stopping".to_owned()),
            connection: Ok("digest".to_owned()),
            in_use: false,
        };
        assert!(cluster.usable().is_err());
        cluster.in_use = true;
        assert_eq!(cluster.usable(), Ok("digest"));
        cluster.connection = Err(None);
        assert!(cluster.usable().is_err());
    }
}
