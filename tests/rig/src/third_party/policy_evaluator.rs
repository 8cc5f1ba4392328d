//! What NetworkPolicies let through, as judged by cyclonus: a program of others that knows nothing of ours.
//!
//! No NetworkPolicy is enforced in the rig's clusters, whose CNI plugin has no engine for them. So the policies are judged
//! and the rest, such as an API that listens on loopback only, is tried out.

use crate::build::binaries;
use crate::build::modules::CYCLONUS;
use crate::files::{self, FileError};
use crate::process::command::{self, CommandError};
use k8s_openapi::List;
use k8s_openapi::api::networking::v1::NetworkPolicy;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

/// One side of a connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Party {
    /// The pod that it is. `None`: somebody outside the cluster.
    #[serde(rename = "Internal")]
    pub pod: Option<PodIdentity>,
    /// Its address.
    #[serde(rename = "IP")]
    pub address: String,
}

/// What selectors look at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct PodIdentity {
    /// Namespace of the pod.
    pub namespace: String,
    /// Labels of the namespace.
    pub namespace_labels: BTreeMap<String, String>,
    /// Labels of the pod.
    pub pod_labels: BTreeMap<String, String>,
}

/// A connection that somebody tries to open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Attempt {
    /// Who opens it.
    pub source: Party,
    /// To whom.
    pub destination: Party,
    /// `TCP`, `UDP` or `SCTP`.
    pub protocol: String,
    /// Port of the destination.
    #[serde(rename = "ResolvedPort")]
    pub port: u16,
    /// Name that the destination has for the port; may be empty.
    #[serde(rename = "ResolvedPortName")]
    pub port_name: String,
}

/// Nothing was judged.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The program could not be built.
    #[error(transparent)]
    Binaries(#[from] binaries::Error),
    /// The program has not been built yet.
    #[error("cyclonus has not been built yet; `cargo xtask test` builds it")]
    NotBuilt,
    /// A file.
    #[error(transparent)]
    File(#[from] FileError),
    /// What is asked cannot be written down.
    #[error("cannot write the question down: {0}")]
    Question(#[from] serde_json::Error),
    /// The program refuses.
    #[error(transparent)]
    Command(#[from] CommandError),
    /// The program has said something else.
    #[error("cyclonus was asked about {asked} connections and has judged {judged}: {said}")]
    Answer {
        /// Connections.
        asked: usize,
        /// Judgements.
        judged: usize,
        /// All of it.
        said: String,
    },
}

/// The program.
#[derive(Clone, Debug)]
pub struct PolicyEvaluator {
    program: PathBuf,
}

impl PolicyEvaluator {
    /// Builds it, unless it is in the cache.
    ///
    /// # Errors
    /// Go is missing or refuses.
    pub fn build() -> Result<Self, Error> {
        let folder = binaries::ensure_module(&CYCLONUS)?;
        Ok(Self::within(&folder))
    }

    /// Finds it in the cache.
    ///
    /// # Errors
    /// It is not there, or Go is missing, by whose version the cache goes.
    pub fn find() -> Result<Self, Error> {
        let folder = binaries::module_folder(&binaries::cache()?, &CYCLONUS)?;
        let found = Self::within(&folder);
        if found.program.exists() {
            Ok(found)
        } else {
            Err(Error::NotBuilt)
        }
    }

    fn within(folder: &Path) -> Self {
        Self {
            program: folder.join("cyclonus"),
        }
    }

    /// Which of the connections come about, where these policies and no others hold.
    ///
    /// # Errors
    /// The program does not understand the policies, or is not understood.
    pub fn judge(
        &self,
        policies: Vec<NetworkPolicy>,
        attempts: &[Attempt],
    ) -> Result<Vec<bool>, Error> {
        let question = Question::write(policies, attempts)?;
        let mut command = Command::new(&self.program);
        command
            .args(["analyze", "--mode", "query-traffic", "--policy-path"])
            .arg(question.policies())
            .arg("--traffic-path")
            .arg(question.traffic())
            // As they stand: merging policies is a job of its own, in which more can go wrong.
            .args(["--simplify-policies=false", "--verbosity=error"]);
        let said = command::run(&mut command)?;
        let judged: Vec<bool> = said.lines().filter_map(judgement).collect();
        if judged.len() == attempts.len() {
            Ok(judged)
        } else {
            Err(Error::Answer {
                asked: attempts.len(),
                judged: judged.len(),
                said,
            })
        }
    }
}

/// The last line of each table: `| IS ALLOWED? |  TRUE  |`.
fn judgement(line: &str) -> Option<bool> {
    let mut cells = line.split('|').map(str::trim).skip(1);
    match (cells.next()?, cells.next()?) {
        ("IS ALLOWED?", "TRUE") => Some(true),
        ("IS ALLOWED?", "FALSE") => Some(false),
        _ => None,
    }
}

/// A folder with what the program reads, for as long as it is asked.
struct Question(PathBuf);

impl Question {
    fn write(policies: Vec<NetworkPolicy>, attempts: &[Attempt]) -> Result<Self, Error> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("dittofs-rig-policies-{}-{number}", std::process::id());
        let question = Self(std::env::temp_dir().join(name));
        files::create_folder(&question.0)?;
        let list = List {
            items: policies,
            ..List::default()
        };
        files::write(&question.policies(), serde_json::to_vec(&list)?)?;
        files::write(&question.traffic(), serde_json::to_vec(attempts)?)?;
        Ok(question)
    }

    fn policies(&self) -> PathBuf {
        self.0.join("policies.yaml")
    }

    fn traffic(&self) -> PathBuf {
        self.0.join("traffic.json")
    }
}

impl Drop for Question {
    fn drop(&mut self) {
        // What is left lies in the machine's folder for such things.
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn judgements_are_found_among_the_rest() {
        let said = "\
            | Ingress     | Allow  | namespace: storage    |\n\
            | IS ALLOWED? |  TRUE  |                        \n\
            Is traffic allowed?\n\
            | IS ALLOWED? | FALSE  |                        \n";
        let judged: Vec<_> = said.lines().filter_map(judgement).collect();
        assert_eq!(judged, [true, false]);
    }

    #[test]
    fn a_question_is_cleared_away() {
        let question = Question::write(Vec::new(), &[]).unwrap();
        let (folder, policies) = (question.0.clone(), question.policies());
        assert!(
            fs::read_to_string(policies)
                .unwrap()
                .contains("NetworkPolicyList")
        );
        drop(question);
        assert!(!folder.exists());
    }
}
