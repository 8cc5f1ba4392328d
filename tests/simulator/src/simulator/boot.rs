//! The state that a boot begins with.

use jiff::Timestamp;
use tracing::warn;

use super::{SimulatorOptions, StartError};
use crate::{
    config::Settings,
    engines, ids,
    state::{
        State,
        adapters::Adapters,
        groups::Groups,
        shares::Share,
        stores::{StoreRow, engine::Engine},
        users::{FirstAdmin, Users},
    },
};

/// The state after the first boot.
pub(super) fn first(settings: &Settings, options: &SimulatorOptions) -> Result<State, StartError> {
    let made_up = ids::fresh();
    if options.admin_password.is_none() {
        warn!(
            password = made_up,
            "no initial password was given; this one must be changed first"
        );
    }
    let admin = FirstAdmin {
        password: options.admin_password.as_deref().unwrap_or(&made_up),
        must_change_password: settings.initial_password_must_change
            && options.admin_password.is_none(),
    };
    let now = Timestamp::now();
    let users = Users::first_boot(admin, now).map_err(|_| StartError::InitialPassword)?;
    Ok(State {
        users,
        adapters: Adapters::first_boot(&options.initial_adapters, now),
        groups: Groups::first_boot(now),
        ..State::default()
    })
}

/// Opens all metadata stores, one of which is enough to end the server, and loads the shares that
/// can be loaded, of which none is.
pub(super) fn open_stores(state: &mut State) -> Result<(), StartError> {
    let stores: Vec<StoreRow> = state.metadata_stores.iter().cloned().collect();
    for store in stores {
        let opened = Engine::of(&store.engine, &store.config).and_then(|engine| {
            engines::open(&engine, &mut state.engines)?;
            state.engines.register(&store.name, engine);
            Ok(())
        });
        opened.map_err(|reason| StartError::MetadataStore {
            name: store.name,
            reason,
        })?;
    }
    let shares: Vec<Share> = state.shares.iter().cloned().collect();
    for share in &shares {
        engines::load(state, share);
    }
    Ok(())
}

/// Kerberos may have been set up with a keytab that is not there; then no adapter starts, and without
/// them the server does not.
pub(super) fn check_keytab(state: &State) -> Result<(), StartError> {
    match state.providers.keytab() {
        Some(path) => std::fs::read(path)
            .map(drop)
            .map_err(|source| StartError::Keytab {
                path: path.to_owned(),
                source,
            }),
        None => Ok(()),
    }
}
