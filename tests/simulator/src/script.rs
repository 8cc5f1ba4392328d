//! Plays a list of requests of management against a simulator and against a real server, and
//! compares what comes back: stores, shares, permissions, NFS options, quotas, netgroups, groups,
//! users, snapshot policies and identity providers, with the requests that are refused and those
//! that succeed although they should not.
//!
//! # The list
//!
//! It is in the folder `script`, one exchange a line, as JSON: `do` is the method and the path,
//! `as` who asks (the first administrator where it is absent, `nobody` without a token), `body`
//! what is sent (a text as it is), `status` what the real server answered with when the line was
//! written, so that the list says something without one, too. `keep` gives the `id` of the answer a
//! name, which later lines write in braces; `{folder}` is a folder in which both servers may write,
//! `{long}` a body that is too long. `ignore` names fields that are not compared, and `any_order`
//! says that the answer is a list without an order.
//!
//! # What is compared
//!
//! Status, content type, the header that says when a change comes into force, and the body: value by
//! value. Tokens and the folder are only compared in kind, and how long a check took not at all.
//! Identifiers are compared by which are the same in the whole play, moments by which are the same
//! in one body and how they are written.
//!
//! # Assumptions
//!
//! The server has just had its first boot, and no certificates of its own for S3 in its environment.

mod exchange;
mod normal;

use std::{collections::BTreeMap, path::Path};

use serde_json::{Value, json};

use crate::{
    Simulator, SimulatorOptions,
    config::ServerConfig,
    ids,
    ports::free_ports,
    replay::{
        Mismatch, ReplayError, authority,
        client::{Reply, send},
        compare::walk,
        tokens::Wallet,
    },
};
use exchange::Exchange;
use normal::Former;

/// More than the server reads.
const LONG: usize = 1 << 20;

/// What came back for one line of the list, without what differs from run to run.
#[derive(Debug, Clone, PartialEq)]
pub struct Answered {
    /// The line's place in the list, from 1.
    pub line: usize,
    /// What the line is called.
    pub case: String,
    /// The method and the path.
    pub request: String,
    /// The HTTP status.
    pub status: u16,
    /// The status that the list says.
    pub expected: u16,
    /// The type of the body.
    pub content_type: Option<String>,
    /// When the change comes into force, where it is said.
    pub apply: Option<String>,
    /// The body: JSON, or a text.
    pub body: Value,
}

/// Plays the list against a server that has just had its first boot. `folder` is where its stores
/// will be.
pub async fn play(
    base_url: &str,
    admin_password: &str,
    folder: &Path,
) -> Result<Vec<Answered>, ReplayError> {
    let (address, _) = authority(base_url)?;
    let mut player = Player {
        address,
        wallet: Wallet::default(),
        words: BTreeMap::from([
            ("folder".to_owned(), folder.display().to_string()),
            (
                "long".to_owned(),
                format!("{{\"name\": \"{}\"}}", "x".repeat(LONG)),
            ),
        ]),
        former: Former::new(folder.display().to_string()),
    };
    player.log_in(admin_password).await?;
    let mut answers = Vec::new();
    for exchange in exchange::all()? {
        answers.push(player.play(&exchange).await?);
    }
    Ok(answers)
}

/// Plays the list against a simulator that is started for the occasion.
pub async fn play_simulator() -> Result<Vec<Answered>, ReplayError> {
    let ports = free_ports(2).map_err(ReplayError::Ports)?;
    let adapters = ["nfs", "smb"].into_iter().map(str::to_owned).zip(ports);
    let options = SimulatorOptions {
        initial_adapters: adapters.collect(),
        ..SimulatorOptions::default()
    };
    let config = ServerConfig::from_yaml("controlplane: {port: 0}")?;
    let folder = std::env::temp_dir().join(format!("dittofs-script-{}", ids::fresh()));
    let simulator = Simulator::start(&config, &folder, options).await?;
    let stores = folder.join("stores");
    let answers = play(&simulator.base_url(), Simulator::ADMIN_PASSWORD, &stores).await;
    simulator.stop().await;
    if let Err(error) = std::fs::remove_dir_all(&folder) {
        tracing::warn!(folder = %folder.display(), %error, "a temporary folder stays behind");
    }
    answers
}

/// Where the simulator's answers are not those of the real server, or those of the real server not
/// those of the list.
pub fn compare(real: &[Answered], simulated: &[Answered]) -> Vec<Mismatch> {
    let pairs = real.iter().zip(simulated);
    let mismatches = pairs.filter_map(|(real, simulated)| {
        let mut differences = Vec::new();
        let whole = |answer: &Answered| {
            json!({
                "status": answer.status,
                "content_type": answer.content_type,
                "apply": answer.apply,
                "body": answer.body,
            })
        };
        walk(&whole(real), &whole(simulated), "answer", &mut differences);
        if real.status != real.expected {
            let (is, said) = (real.status, real.expected);
            differences.push(format!("status: the list says {said}, the server {is}"));
        }
        (!differences.is_empty()).then(|| Mismatch {
            line: real.line,
            case: format!("{} ({})", real.case, real.request),
            differences,
        })
    });
    mismatches.collect()
}

/// One conversation with one server.
struct Player {
    address: String,
    wallet: Wallet,
    /// What lines write in braces.
    words: BTreeMap<String, String>,
    former: Former,
}

impl Player {
    async fn log_in(&mut self, password: &str) -> Result<(), ReplayError> {
        let login = json!({"username": "admin", "password": password}).to_string();
        let login = Exchange::unnamed("POST /api/v1/auth/login", "nobody", login);
        let reply = self.send(&login).await?;
        if reply.status != login.status {
            return Err(ReplayError::LoginRefused(reply.status));
        }
        self.wallet.remember(&reply);
        Ok(())
    }

    async fn play(&mut self, exchange: &Exchange) -> Result<Answered, ReplayError> {
        let reply = self.send(exchange).await?;
        self.wallet.remember(&reply);
        let text = || String::from_utf8_lossy(&reply.body).into();
        let body: Value = serde_json::from_slice(&reply.body).unwrap_or_else(|_| text());
        if let (Some(word), Some(id)) = (&exchange.keep, body["id"].as_str()) {
            self.words.insert(word.clone(), id.to_owned());
        }
        Ok(Answered {
            line: exchange.line,
            case: exchange.case.clone(),
            request: exchange.request.clone(),
            status: reply.status,
            expected: exchange.status,
            content_type: reply.content_type,
            apply: reply.apply,
            body: self.former.form(body, exchange),
        })
    }

    async fn send(&self, exchange: &Exchange) -> Result<Reply, ReplayError> {
        let (method, path) = exchange
            .request
            .split_once(' ')
            .unwrap_or(("GET", &exchange.request));
        let token = exchange.caller().map(|caller| self.wallet.access(caller));
        let path = self.filled(path);
        let body = self.filled(&exchange.sent()).into_bytes();
        let reply = send(&self.address, method, &path, token.as_deref(), body);
        reply.await.map_err(|error| ReplayError::NoAnswer {
            line: exchange.line,
            case: exchange.case.clone(),
            reason: error.to_string(),
        })
    }

    fn filled(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (word, value) in &self.words {
            text = text.replace(&format!("{{{word}}}"), value);
        }
        text
    }
}

#[cfg(test)]
mod tests;
