//! The `config.yaml` of the server. Only keys that the server knows: it ignores others with no more than a warning.

use dittofs_shared::Duration;
use dittofs_shared::server::{DatabaseType, Exposure, LogFormat};
use dittofs_shared::settings::log_level_name;
use serde::Serialize;

use crate::instance::Instance;

/// Time that the server gives each stage of its shutdown.
const SHUTDOWN_TIMEOUT: &str = "30s";

#[derive(Serialize)]
struct Config<'a> {
    logging: Logging<'a>,
    shutdown_timeout: &'a str,
    database: Database<'a>,
    controlplane: ControlPlane<'a>,
    admin: Admin<'a>,
}

#[derive(Serialize)]
struct Logging<'a> {
    level: &'a str,
    format: &'a str,
    output: &'a str,
}

#[derive(Serialize)]
struct Database<'a> {
    r#type: &'a str,
    sqlite: Sqlite<'a>,
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
}

#[derive(Serialize)]
struct Jwt<'a> {
    access_token_duration: &'a Duration,
    refresh_token_duration: &'a Duration,
}

#[derive(Serialize)]
struct Admin<'a> {
    username: &'a str,
}

/// The text of `config.yaml`.
pub fn render(instance: &Instance) -> String {
    let spec = &instance.spec;
    let config = Config {
        logging: Logging {
            level: log_level_name(spec.logging.level),
            format: match spec.logging.format {
                LogFormat::Text => "text",
                LogFormat::Json => "json",
            },
            output: &spec.logging.output,
        },
        shutdown_timeout: SHUTDOWN_TIMEOUT,
        database: Database {
            r#type: match spec.database.r#type {
                DatabaseType::Sqlite => "sqlite",
                DatabaseType::Postgres => "postgres",
            },
            sqlite: Sqlite {
                path: &spec.database.sqlite.path,
            },
        },
        controlplane: ControlPlane {
            host: match spec.control_plane.exposure {
                Exposure::Loopback => "127.0.0.1",
                Exposure::Cluster => "0.0.0.0",
            },
            port: spec.control_plane.port,
            jwt: Jwt {
                access_token_duration: &spec.identity.jwt.access_token_duration,
                refresh_token_duration: &spec.identity.jwt.refresh_token_duration,
            },
        },
        admin: Admin {
            username: &spec.identity.admin.username,
        },
    };
    // Strings and numbers in structs: there is nothing that could fail to serialise.
    serde_saphyr::to_string(&config).unwrap_or_default()
}
