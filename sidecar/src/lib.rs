//! The sidecar of a DittoFS server: reads the server's adapters over localhost and publishes them in one ConfigMap.
//!
//! ```text
//! DittoFS ◀─http── session ◀── poll ──▶ state (pure) ──▶ publish ──▶ ConfigMap {name}-adapters
//!                              ▲  rounds.rs turns the wheel  ▲
//!        ConfigMap {name}-sidecar ──▶ settings ──────────────┘          probes: /livez, /readyz
//! ```
//!
//! In the order of the flow:
//!
//! * [`http`]: one kept connection to the REST API; a deadline and a size limit on every call.
//! * [`tls`]: who is believed, and what is shown, where the REST API speaks TLS.
//! * [`password`], [`credentials`]: user names and passwords from mounted Secrets.
//! * [`signing_key`]: the key of the server's tokens, and tokens that the sidecar signs with it.
//! * [`administration`]: the few calls that the sidecar makes as an administrator.
//! * [`session`]: a token for every poll, with as few logins as possible; repairs the sidecar's own user.
//! * [`outcome`]: what a poll can say; the only words between reading and judging.
//! * [`ports`]: pure parser of the list of adapters.
//! * [`listening`]: whether something listens on a port.
//! * [`poll`]: all of the above, once.
//! * [`state`]: pure fold over outcomes; the hold, and what counts only when seen twice.
//! * [`story`]: pure; the difference of two states in words, for the log.
//! * [`rounds`]: the loop.
//! * [`publish`]: writes what is wanted, when it differs from what stands there.
//! * [`cluster`]: the Kubernetes API; the ConfigMap that is written.
//! * [`reset`]: sets the administrator's password to what a Secret holds, when that is asked for.
//! * [`settings`]: follows the ConfigMap with the settings.
//! * [`run`]: the loop and the publisher side by side, and the last words at a stop.
//! * [`probes`]: liveness and readiness.
//! * [`logging`]: level of the log.
//! * [`complaints`], [`clock`]: how often a failure is told, what time it is.
//!
//! `poll` never touches Kubernetes and `publish` never talks to DittoFS. `reset` is handed the password and has a client for
//! neither. Nothing in here ends the process.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

pub mod administration;
pub mod clock;
pub mod cluster;
pub mod complaints;
pub mod credentials;
pub mod http;
pub mod listening;
pub mod logging;
pub mod outcome;
pub mod password;
pub mod poll;
pub mod ports;
pub mod probes;
pub mod publish;
pub mod reset;
pub mod rounds;
pub mod run;
pub mod session;
pub mod settings;
pub mod signing_key;
pub mod state;
pub mod story;
pub mod tls;

#[cfg(test)]
mod fake;
