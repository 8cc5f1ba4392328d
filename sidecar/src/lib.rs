//! The sidecar of a DittoFS server: reads the server's adapters over localhost and publishes them in a ConfigMap.
//!
//! ```text
//! DittoFS ◀─ http ◀─ session ◀─ poll ─▶ state (pure) ─▶ publish ─▶ ConfigMap {name}-adapters
//!                                ▲                         ▲
//!        ConfigMap {name}-sidecar ──▶ settings ────────────┘           probes: /livez, /readyz
//! ```
//!
//! In the order of the flow:
//!
//! * [`http`]: the HTTP client of the REST API; one reused connection, a deadline and a size limit for every call.
//! * [`tls`]: TLS with the REST API: which server is trusted, and the client certificate.
//! * [`password`], [`credentials`]: user names and passwords from mounted Secrets.
//! * [`signing_key`]: the key of the server's tokens, and tokens that the sidecar signs with it.
//! * [`administration`]: the few calls that the sidecar makes as an administrator.
//! * [`session`]: a token for every poll, with as few logins as possible; repairs the sidecar's own user.
//! * [`outcome`]: the result of a poll, in types that know neither HTTP nor Kubernetes.
//! * [`ports`]: pure; parses the list of adapters.
//! * [`listening`]: which ports are listened on.
//! * [`schedule`]: pure; when the ports are read, and when the server is polled.
//! * [`version`]: reads the version of the server from its metrics.
//! * [`poll`]: reads the adapters with all of the above, and is the loop that does so.
//! * [`state`]: pure; folds outcomes into the state that is published.
//! * [`diff`]: pure; what changed between two states, for the log.
//! * [`publish`]: writes the state when it differs from what is published.
//! * [`cluster`]: the client of the Kubernetes API.
//! * [`reset`]: resets the administrator's password on request.
//! * [`settings`]: watches the ConfigMap with the settings.
//! * [`run`]: runs the poll loop, the publisher and the resets concurrently.
//! * [`probes`]: answers liveness and readiness probes.
//! * [`logging`]: level of the log.
//! * [`log_limit`], [`clock`]: how often a failure is logged, the current time.
//!
//! `poll` never touches Kubernetes, and `publish` never talks to DittoFS. `reset` reaches both only through what it is
//! given. No failure ends the process.
#![cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::string_slice))]
#![cfg_attr(
    test,
    allow(
        clippy::disallowed_methods,
        clippy::disallowed_types,
        clippy::expect_used,
        clippy::panic,
        clippy::too_many_lines,
        clippy::unwrap_used
    )
)]

pub mod administration;
mod channel;
pub mod clock;
pub mod cluster;
pub mod credentials;
pub mod diff;
pub mod http;
pub mod listening;
pub mod log_limit;
pub mod logging;
pub mod outcome;
pub mod password;
pub mod poll;
pub mod ports;
pub mod probes;
pub mod publish;
pub mod reset;
pub mod run;
pub mod schedule;
pub mod session;
pub mod settings;
pub mod signing_key;
pub mod state;
pub mod tls;
pub mod version;

#[cfg(test)]
mod fake;
