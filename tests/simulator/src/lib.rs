//! Plays the control plane of the DittoFS file server, exactly as the real one was measured.
//!
//! Tests of what talks to the server need one that starts in milliseconds, needs no data, and can
//! be told to misbehave. This is it: the REST API for users, tokens, adapters, health, and the
//! management of stores, shares and identities, with the real server's status codes, content types
//! and bodies; adapters that really listen; state that outlives a restart. [`replay`] compares it, or
//! a real server, with a recording; [`script`] plays the same requests against it and a real server.
//! A [`Front`] misbehaves in front of a real server.
//!
//! ```text
//!   config ──▶ simulator ──▶ server ──▶ api ──▶ control ──▶ state (pure) , state_file
//!                  │            │        └──▶ engines (the folders of stores)
//!                  │            ├─ faults           └─────▶ listeners (the adapters' ports) ──▶ clients
//!                  │            └─ transport ─ tls                                             │
//!                  └───────▶ metrics ──┘ ◀─────────────────────────────────────────────────────┘
//! ```
//!
//! # The program
//!
//! `dfs start --foreground --config /config/config.yaml`, as in the real image. It keeps
//! `simulator.json` beside the database that `database.sqlite.path` names. A configuration key that
//! the server does not know ends it with exit code 1; the real server only warns.
//!
//! Every key can also come from the environment, which counts more than the file:
//! `DITTOFS_LOGGING_LEVEL` is `logging.level`. The signing key has the short name
//! `DITTOFS_CONTROLPLANE_SECRET` (at least 32 characters). `DITTOFS_ADMIN_INITIAL_PASSWORD` is
//! no key, but read as well.
//!
//! What the configuration promises must be there, or the program ends with exit code 1 and says
//! which key it is about: the files of TLS, Kerberos and LDAP, the token of the metrics port, the
//! connection to PostgreSQL, the passwords that come from Secrets. `GET /simulator/config` (as an
//! admin) shows what is configured, without secrets.
//!
//! The API speaks TLS with `controlplane.tls`, and wants client certificates with its `client_ca`.
//! The metrics port answers with a small page of true numbers, to those with the right token.
//!
//! # Misbehaviour
//!
//! `PUT /simulator/faults` (as an admin), or `DITTOFS_SIMULATOR_FAULTS` for the time from boot on:
//!
//! ```json
//! {"rules": [
//!   {"path": "/api/v1/adapters/ports", "method": "GET", "count": 3,
//!    "fault": {"kind": "status", "code": 503, "body": "no", "content_type": "text/plain"}},
//!   {"path": "/api/v1/auth", "fault": {"kind": "delay", "ms": 2000}},
//!   {"path": "/api/v1/adapters", "fault": {"kind": "list", "adapters": [
//!      {"type": "nfs", "port": 8080, "enabled": true, "running": true}]}}
//! ]}
//! ```
//!
//! `path` is a prefix; `method` and `count` may be left out. The first rule that matches and is not
//! used up applies. The kinds: `status` (`code`, `body`, `content_type`), `hang` (take the request,
//! never answer), `delay` (`ms`), `close` (drop the connection), `half` (after half of the body),
//! `done_unanswered` (do what is asked, and drop the connection after `ms`: so ends what takes the
//! server longer than its `controlplane.write_timeout`), `garbage` (200 that is no JSON), `empty` (200
//! without a body), and `list` (`adapters`: sent unchecked to readers of the adapter list whose token
//! would have got them the true one). `GET` shows what is left of the rules, `DELETE` lifts them all.
//! `{"rules": [], "start_delay_ms": 20000}` in the variable makes the start take that much longer.
//!
//! `GET /simulator/requests` (as an admin) answers `{"requests": {"GET /health": 2, …}}`; `DELETE`
//! begins anew. Nothing under `/simulator` is counted or misbehaves.
//!
//! # Adapters
//!
//! Every enabled adapter listens on all addresses; see the module `listeners` for what it says to
//! clients. Like the real server, it says `running: true` of an adapter whose port is taken, and gives
//! one with port 0 or a negative one another port without a word.
//!
//! # Shares
//!
//! What is managed is stored, and what the server does wrong with it is done wrong: a share that does
//! not load is made all the same, one that is deleted by its id stays loaded, one metadata store that
//! was changed to nonsense ends the next boot. The folders of stores are made where their
//! configuration says; a share loads if its own folder can be made there, so a file in its way is a
//! share that does not load.
//!
//! # What is not played
//!
//! Files: every share and its bin are empty. Snapshots: a policy runs when it is told to, at any time,
//! also while another snapshot is being made, and leaves nothing but its time; no policy runs by
//! itself. Uploads, the settings of the server and changes of those of adapters, clients, mounts,
//! mappings of identities: such a path answers 501 and says so.
//!
//! Races: changes come one after the other. The real server reads a share, changes it and writes the
//! whole row, so of two changes at the same time one can be lost.
//!
//! Encryption and compression of block stores: what a configuration says of encryption is kept and
//! not judged, and no block is ever written.
//!
//! A password that is given as a bcrypt hash, and everything behind Kerberos, LDAP, a machine account
//! and `database.type: postgres`: what they need is checked, and nothing is connected to (the state is
//! a file all the same). So a test of an identity provider says what is wrong with what it is given,
//! and answers 501 where it would have to read a keytab or reach a directory. Kerberos and LDAP of the
//! configuration are not among the identity providers that the API shows; the real server copies them
//! there at its first boot.
//!
//! PostgreSQL and S3 as stores are taken to be there: a real server waits seconds for those that are
//! not, and loads no share on a bucket that it cannot reach. Names of S3 endpoints are not resolved:
//! those that are usual inside a cluster count as private, all others as public and known.
//!
//! Headers but for those of content and of what comes into force: the real server says where a
//! snapshot is found that it began.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod api;
mod clients;
mod config;
mod control;
mod engines;
mod faults;
mod front;
mod ids;
mod listeners;
mod metrics;
mod ports;
mod refusal;
pub mod replay;
pub mod script;
mod sent;
mod server;
mod simulator;
mod state;
mod state_file;
mod stop;
mod tls;
mod token;
mod transport;

pub use config::{
    ConfigError, Environment, LogFormat, MetricsSettings, ServerConfig, Settings, TlsSettings,
};
pub use faults::{Fault, FaultRule, Faults};
pub use front::Front;
pub use ports::free_ports;
pub use simulator::{Simulator, SimulatorOptions, StartError};
pub use state_file::StateFileError;
