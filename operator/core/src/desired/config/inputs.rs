//! The inputs of `config.yaml`. The roll hash is over these, so that another rendering of the same inputs restarts no
//! server.
//!
//! LDAP and Kerberos are not here: see `roll/directory.rs`. New fields must be left out while they are not set.

use dittofs_shared::crd::LogFormat;
use dittofs_shared::quantity;
use dittofs_shared::settings::log_level_name;
use serde::Serialize;
use serde_json::{Map, Value};
use std::time::Duration;

use crate::desired::pod::files;
use crate::instance::Instance;

/// In a canonical form: two spellings of one value are equal.
#[derive(Serialize)]
pub struct Inputs<'a> {
    log: (&'a str, &'a str, &'a str),
    /// `None`: PostgreSQL, whose connection is among the Secrets.
    sqlite: Option<&'a str>,
    api: Api,
    token_lives: [u128; 2],
    metrics: Option<(i32, &'a str, bool)>,
    cache: Option<u64>,
    overrides: Option<&'a Map<String, Value>>,
}

#[derive(Serialize)]
struct Api {
    exposed: bool,
    port: i32,
    certificate: bool,
    client_authority: bool,
}

pub fn inputs(instance: &Instance) -> Inputs<'_> {
    let spec = &instance.spec;
    let logging = &spec.logging;
    let (jwt, control_plane) = (&spec.identity.jwt, &spec.control_plane);
    let sqlite = spec.database.sqlite.path.as_str();
    let token = files::METRICS_TOKEN.given(instance).is_some();
    let life = |life: &dittofs_shared::Duration| Duration::from(*life).as_millis();
    let overrides = spec.config_overrides.as_ref();
    let overrides = overrides.map(|overrides| &overrides.0);
    let cache = spec.storage.cache_size.as_deref();
    Inputs {
        log: (
            log_level_name(logging.level),
            match logging.format {
                LogFormat::Text => "text",
                LogFormat::Json => "json",
            },
            &logging.output,
        ),
        sqlite: (!instance.uses_postgres()).then_some(sqlite),
        api: Api {
            exposed: instance.api_is_exposed(),
            port: control_plane.port,
            certificate: control_plane.certificate().is_some(),
            client_authority: control_plane.client_ca().is_some(),
        },
        token_lives: [
            life(&jwt.access_token_duration),
            life(&jwt.refresh_token_duration),
        ],
        metrics: spec
            .metrics()
            .map(|metrics| (metrics.port, metrics.path.as_str(), token)),
        cache: cache.and_then(quantity::bytes),
        overrides: overrides.filter(|overrides| !overrides.is_empty()),
    }
}
