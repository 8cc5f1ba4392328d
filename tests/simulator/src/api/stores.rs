//! Metadata stores and block stores.

use jiff::Timestamp;

use super::{Answer, Answered, Call};
use crate::{
    control::Shared,
    engines,
    refusal::Refusal,
    state::{
        health::{Legacy, Report},
        stores::{Kind, NewStore, StorePatch, StoreRow, block, engine::Engine},
    },
};

const NO_METADATA_STORE: Refusal = Refusal::NotThere("Metadata store not found");
const NO_BLOCK_STORE: Refusal = Refusal::NotThere("Block store not found");

pub(super) fn answer(control: &Shared, call: &Call, segments: &[&str]) -> Answered {
    match segments {
        ["metadata", rest @ ..] => metadata(control, call, rest),
        ["block", kind, rest @ ..] => {
            let known = matches!(rest, [] | [_] | [_, "health" | "status"]);
            match Kind::parse(kind) {
                Ok(kind) => blocks(control, call, kind, rest),
                Err(refusal) if known => Err(refusal.into()),
                Err(_) => Err(Answer::no_such_path()),
            }
        }
        _ => Err(Answer::no_such_path()),
    }
}

fn metadata(control: &Shared, call: &Call, rest: &[&str]) -> Answered {
    let found = |name: &str| {
        let found = control.read(|state| state.metadata_stores.find(name, None).cloned());
        found.ok_or(NO_METADATA_STORE)
    };
    match (call.method.as_str(), rest) {
        ("GET", []) => {
            let all: Vec<StoreRow> =
                control.read(|state| state.metadata_stores.iter().cloned().collect());
            let status = |store: &StoreRow| store.view(metadata_status(control, &store.name));
            let views: Vec<_> = all.iter().map(status).collect();
            Ok(Answer::json(200, &views))
        }
        ("POST", []) => Ok(create_metadata(control, call)?),
        // Health is looked up by what the path says, so an id does not find it.
        ("GET", [name]) => {
            let view = found(name)?.view(metadata_status(control, name));
            Ok(Answer::json(200, &view))
        }
        ("PUT", [name]) => {
            let patch: StorePatch = call.json()?;
            let changed = found(name)?.changed(patch);
            control.change(|state| {
                state.metadata_stores.replace(&changed);
                Ok(())
            })?;
            let view = changed.view(metadata_status(control, name));
            Ok(Answer::json(200, &view))
        }
        ("DELETE", [name]) => Ok(delete_metadata(control, name, &found(name)?)?),
        ("GET", [name, "status"]) => {
            found(name)?;
            Ok(Answer::json(200, &metadata_status(control, name)))
        }
        ("GET", [name, "health"]) => {
            found(name)?;
            Ok(Answer::json(200, &metadata_health(control, name)))
        }
        (_, [] | [_] | [_, "health" | "status"]) => Err(Answer::no_such_method()),
        _ => Err(Answer::no_such_path()),
    }
}

fn create_metadata(control: &Shared, call: &Call) -> Result<Answer, Refusal> {
    let new: NewStore = call.json()?;
    new.check()?;
    let unfit = |why| Refusal::unfit(format!("Failed to create metadata store: {why}"));
    let engine = Engine::of(&new.engine, &new.config).map_err(unfit)?;
    // Before the name is looked at, and for good.
    control
        .note(|state| engines::open(&engine, &mut state.engines))
        .map_err(unfit)?;
    let made = control.change(|state| {
        let made = state.metadata_stores.create(new, None, Timestamp::now());
        let made = made.ok_or(Refusal::Taken("Metadata store already exists"))?;
        state.engines.register(&made.name, engine);
        Ok(made)
    })?;
    let view = made.view(metadata_status(control, &made.name));
    Ok(Answer::json(201, &view))
}

fn delete_metadata(control: &Shared, name: &str, store: &StoreRow) -> Result<Answer, Refusal> {
    control.change(|state| {
        let mut shares = state.shares.iter();
        if shares.any(|share| share.metadata_store_id == store.id) {
            return Err(Refusal::Taken(
                "Cannot delete metadata store: it is in use by one or more shares",
            ));
        }
        state.metadata_stores.remove(&store.id);
        Ok(())
    })?;
    control.forget_health(&metadata_key(name));
    Ok(Answer::empty(204))
}

fn metadata_key(name: &str) -> String {
    format!("metadata {name}")
}

fn metadata_status(control: &Shared, name: &str) -> Report {
    let is_open = control.read(|state| state.engines.is_registered(name));
    control.repeated(&metadata_key(name), || {
        let found = if is_open {
            Ok(None)
        } else {
            Err(format!("metadata store {name} not loaded"))
        };
        Report::of(found, Timestamp::now())
    })
}

/// Whole seconds, as the server writes this one.
fn metadata_health(control: &Shared, name: &str) -> Legacy {
    let healthy = control.read(|state| state.engines.is_registered(name));
    let details = if healthy {
        "store is healthy"
    } else {
        "store not loaded in runtime"
    };
    Legacy {
        healthy,
        latency_ms: 0,
        checked_at: super::whole(Timestamp::now()),
        details: details.to_owned(),
    }
}

fn blocks(control: &Shared, call: &Call, kind: Kind, rest: &[&str]) -> Answered {
    let found = |name: &str| {
        let found = control.read(|state| state.block_stores.find(name, Some(kind)).cloned());
        found.ok_or(NO_BLOCK_STORE)
    };
    let shown = |store: &StoreRow| store.view(block_status(store));
    match (call.method.as_str(), rest) {
        ("GET", []) => {
            let all: Vec<StoreRow> = control.read(|state| {
                let stores = state.block_stores.iter();
                let stores = stores.filter(|store| store.kind == Some(kind));
                stores.cloned().collect()
            });
            let views: Vec<_> = all.iter().map(shown).collect();
            Ok(Answer::json(200, &views))
        }
        ("POST", []) => Ok(create_block(control, call, kind)?),
        ("GET", [name]) => Ok(Answer::json(200, &shown(&found(name)?))),
        ("PUT", [name]) => {
            let patch: StorePatch = call.json()?;
            let changed = change_block(control, kind, patch, &found(name)?)?;
            Ok(Answer::json(200, &shown(&changed)))
        }
        ("DELETE", [name]) => Ok(delete_block(control, &found(name)?)?),
        ("GET", [name, "status"]) => Ok(Answer::json(200, &block_status(&found(name)?))),
        ("GET", [name, "health"]) => {
            let mut legacy = block_status(&found(name)?).legacy();
            legacy.checked_at = super::whole(legacy.checked_at);
            Ok(Answer::json(200, &legacy))
        }
        (_, [] | [_] | [_, "health" | "status"]) => Err(Answer::no_such_method()),
        _ => Err(Answer::no_such_path()),
    }
}

fn create_block(control: &Shared, call: &Call, kind: Kind) -> Result<Answer, Refusal> {
    let new: NewStore = call.json()?;
    new.check()?;
    check_block(kind, &new.engine, &new.config)?;
    let made = control.change(|state| {
        let made = state.block_stores.create(new, Some(kind), Timestamp::now());
        made.ok_or(Refusal::Taken("Block store already exists"))
    })?;
    let view = made.view(block_status(&made));
    Ok(Answer::json(201, &view))
}

fn change_block(
    control: &Shared,
    kind: Kind,
    patch: StorePatch,
    store: &StoreRow,
) -> Result<StoreRow, Refusal> {
    let says_nothing = patch.engine.is_none() && patch.config.is_none();
    let changed = store.changed(patch);
    if !says_nothing {
        check_block(kind, &changed.engine, &changed.config)?;
    }
    control.change(|state| {
        state.block_stores.replace(&changed);
        Ok(())
    })?;
    Ok(changed)
}

fn delete_block(control: &Shared, store: &StoreRow) -> Result<Answer, Refusal> {
    control.change(|state| {
        let uses = |id: &String| *id == store.id;
        let mut shares = state.shares.iter();
        if shares.any(|share| {
            uses(&share.local_block_store_id)
                || share.remote_block_store_id.as_ref().is_some_and(uses)
        }) {
            return Err(Refusal::Taken(
                "Cannot delete block store: it is in use by one or more shares",
            ));
        }
        state.block_stores.remove(&store.id);
        Ok(())
    })?;
    Ok(Answer::empty(204))
}

/// Judges a store, and makes the folder that it needs.
fn check_block(kind: Kind, engine: &str, config: &str) -> Result<(), Refusal> {
    if !block::is_type(kind, engine) {
        return Err(Refusal::unfit(format!(
            "Store type '{engine}' is not valid for kind '{}'",
            kind.name()
        )));
    }
    let unfit = |why| Refusal::unfit(format!("Invalid block store config: {why}"));
    let Some(folder) = block::check(engine, config).map_err(unfit)? else {
        return Ok(());
    };
    let folder = engines::expanded(&folder)
        .map_err(|why| unfit(format!("failed to expand path \"{folder}\": {why}")))?;
    engines::make_folder(&folder).map_err(|why| {
        unfit(format!(
            "failed to create block store directory \"{folder}\": {why}"
        ))
    })
}

/// Checked anew each time, unlike that of metadata stores.
fn block_status(store: &StoreRow) -> Report {
    let now = Timestamp::now();
    let folder = match store.engine.as_str() {
        "fs" => block::configured_folder(&store.config),
        // Taken to be there, because the simulator does not connect.
        "s3" => return Report::of(Ok(Some(&block::bucket(&store.config))), now),
        _ => return Report::of(Ok(Some("in-memory store is always healthy")), now),
    };
    match folder.as_deref().map(engines::probe_folder) {
        None => Report::unhealthy("no path configured", now),
        Some(Err(why)) => Report::unhealthy(why, now),
        Some(Ok(())) => Report::of(Ok(Some("path accessible and writable")), now),
    }
}
