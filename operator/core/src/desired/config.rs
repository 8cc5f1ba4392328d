//! The `config.yaml` of the server. It has only keys that the server supports, because the server ignores others with
//! a warning.
//!
//! Sections that the spec does not enable are left out.

mod directory;
mod inputs;
mod kerberos;
mod merge;
mod observability;

use dittofs_shared::{Duration, names, quantity};
use serde::Serialize;

use super::pod::files;
use crate::instance::{Instance, shutdown};
pub use inputs::inputs;
pub use observability::metrics_url;

#[derive(Serialize)]
struct Config<'a> {
    logging: observability::Logging<'a>,
    shutdown_timeout: String,
    database: Database<'a>,
    controlplane: ControlPlane<'a>,
    admin: Admin<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    metrics: Option<observability::Metrics<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ldap: Option<directory::Ldap<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kerberos: Option<kerberos::Kerberos<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    blockstore: Option<BlockStore>,
}

/// The connection to PostgreSQL is in the environment, because it holds a password.
#[derive(Serialize)]
struct Database<'a> {
    r#type: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    sqlite: Option<Sqlite<'a>>,
}

#[derive(Serialize)]
struct Sqlite<'a> {
    path: &'a str,
}

#[derive(Serialize)]
struct ControlPlane<'a> {
    host: &'a str,
    port: i32,
    jwt: Jwt<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tls: Option<Tls>,
}

#[derive(Serialize)]
struct Jwt<'a> {
    access_token_duration: &'a Duration,
    refresh_token_duration: &'a Duration,
}

#[derive(Serialize)]
struct Tls {
    cert_file: String,
    key_file: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_ca: Option<String>,
}

#[derive(Serialize)]
struct Admin<'a> {
    username: &'a str,
}

#[derive(Serialize)]
struct BlockStore {
    local: LocalBlockStore,
}

#[derive(Serialize)]
struct LocalBlockStore {
    default_remote_cache_size: u64,
}

/// The text of `config.yaml`.
pub fn render(instance: &Instance) -> String {
    let stage = shutdown::Shutdown::of(&instance.spec).stage;
    let metrics = observability::metrics(instance);
    text(instance, names::ADMIN_USER, stage, metrics)
}

/// The text of the first releases, over which they computed their roll hash. It differs in what no running server has
/// to be restarted for: the name of the administrator, which the server does not read, the time of a stage of the
/// shutdown, which follows from the grace period, and the metrics that only the sidecar reads.
pub fn first_form(instance: &Instance) -> String {
    let admin = &instance.spec.identity.admin.username;
    let metrics = observability::for_others(instance);
    text(instance, admin, shutdown::DEFAULT_STAGE, metrics)
}

fn text<'a>(
    instance: &'a Instance,
    admin: &'a str,
    stage: std::time::Duration,
    metrics: Option<observability::Metrics<'a>>,
) -> String {
    let spec = &instance.spec;
    let config = Config {
        logging: observability::logging(spec),
        shutdown_timeout: format!("{}s", stage.as_secs()),
        database: database(instance),
        controlplane: control_plane(instance),
        // Version 0.29.0 does not read it; it documents the name.
        admin: Admin { username: admin },
        metrics,
        ldap: directory::ldap(instance),
        kerberos: kerberos::kerberos(instance),
        blockstore: block_store(instance),
    };
    let overrides = spec.config_overrides.as_ref();
    let merged = overrides.and_then(|overrides| merge::changed(&config, &overrides.0));
    // Structs of strings and numbers cannot fail to serialise.
    match merged {
        Some(merged) => serde_saphyr::to_string(&merged),
        None => serde_saphyr::to_string(&config),
    }
    .unwrap_or_default()
}

fn database(instance: &Instance) -> Database<'_> {
    if instance.uses_postgres() {
        return Database {
            r#type: "postgres",
            sqlite: None,
        };
    }
    Database {
        r#type: "sqlite",
        sqlite: Some(Sqlite {
            path: &instance.spec.database.sqlite.path,
        }),
    }
}

fn control_plane(instance: &Instance) -> ControlPlane<'_> {
    let spec = &instance.spec;
    ControlPlane {
        host: if instance.api_is_exposed() {
            // To Go, these are the addresses of both families.
            "0.0.0.0"
        } else {
            "127.0.0.1"
        },
        port: spec.control_plane.port,
        jwt: Jwt {
            access_token_duration: &spec.identity.jwt.access_token_duration,
            refresh_token_duration: &spec.identity.jwt.refresh_token_duration,
        },
        tls: spec.control_plane.certificate().map(|_| Tls {
            cert_file: files::TLS.path(files::CERTIFICATE),
            key_file: files::TLS.path(files::PRIVATE_KEY),
            client_ca: spec
                .control_plane
                .client_ca()
                .map(|_| files::CLIENT_CA.path(files::AUTHORITY)),
        }),
    }
}

fn block_store(instance: &Instance) -> Option<BlockStore> {
    let size = instance.spec.storage.cache_size.as_deref()?;
    Some(BlockStore {
        local: LocalBlockStore {
            default_remote_cache_size: quantity::bytes(size)?,
        },
    })
}

/// An empty text counts as unset, as in the Go operator.
fn set(text: Option<&str>) -> Option<&str> {
    text.filter(|text| !text.is_empty())
}
