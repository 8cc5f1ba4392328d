//! Adapters.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{Answer, Answered, Call};
use crate::{
    control::{Changed, Shared},
    refusal::Refusal,
    state::adapters::{Adapter, AdapterPatch, NewAdapter},
};

pub(super) fn ports(control: &Shared) -> Answer {
    control.read(|state| Answer::json(200, &state.adapters.ports()))
}

pub(super) fn list(control: &Shared) -> Answer {
    let all: Vec<Adapter> = control.read(|state| state.adapters.iter().cloned().collect());
    let views: Vec<_> = all
        .iter()
        .map(|adapter| control.view(adapter, false))
        .collect();
    Answer::json(200, &views)
}

pub(super) fn get(control: &Shared, kind: &str) -> Result<Answer, Refusal> {
    let adapter = control.read(|state| state.adapters.get(kind).cloned())?;
    Ok(Answer::json(200, &control.view(&adapter, false)))
}

pub(super) async fn create(control: &Shared, call: &Call) -> Answered {
    let new: NewAdapter = call.json()?;
    let control = Arc::clone(control);
    finish(201, async move { control.create_adapter(new).await }).await
}

pub(super) async fn update(control: &Shared, call: &Call, kind: &str) -> Answered {
    let patch: AdapterPatch = call.json()?;
    let (control, kind) = (Arc::clone(control), kind.to_owned());
    finish(
        200,
        async move { control.update_adapter(&kind, patch).await },
    )
    .await
}

pub(super) async fn delete(control: &Shared, kind: &str) -> Answered {
    let (control, kind) = (Arc::clone(control), kind.to_owned());
    let done = tokio::spawn(async move { control.delete_adapter(&kind).await }).await;
    done.map_err(|_| Answer::empty(500))??;
    Ok(Answer::empty(204))
}

/// Carries a change to its end even if the client hangs up: half a change would leave an adapter
/// stopped for good.
async fn finish(
    status: u16,
    change: impl Future<Output = Result<Changed, Refusal>> + Send + 'static,
) -> Answered {
    match tokio::spawn(change)
        .await
        .map_err(|_| Answer::empty(500))??
    {
        Changed::Done(view) => Ok(Answer::json(status, &view)),
        Changed::Crashed => Err(Answer::empty(500)),
    }
}

/// The settings of a fresh server. As measured.
pub(super) fn settings(control: &Shared, kind: &str) -> Result<Answer, Refusal> {
    control.read(|state| state.adapters.get(kind).map(|_| ()))?;
    let settings = if kind == "nfs" {
        nfs_settings()
    } else {
        smb_settings()
    };
    Ok(Answer::json(200, &settings))
}

fn nfs_settings() -> Value {
    json!({
        "min_version": "3",
        "max_version": "4.1",
        "lease_time": 90,
        "grace_period": 90,
        "delegation_recall_timeout": 90,
        "callback_timeout": 5,
        "lease_break_timeout": 35,
        "max_connections": 0,
        "max_clients": 10000,
        "max_compound_ops": 50,
        "max_read_size": 1_048_576,
        "max_write_size": 1_048_576,
        "preferred_transfer_size": 1_048_576,
        "delegations_enabled": true,
        "max_delegations": 10000,
        "dir_deleg_batch_window_ms": 50,
        "v4_min_minor_version": 0,
        "v4_max_minor_version": 2,
        "v4_max_connections_per_session": 16,
        "blocked_operations": [],
        "portmapper_enabled": false,
        "portmapper_port": 10111,
        "portmapper_register_with_system": false,
        "udp_enabled": false,
        "mdns_enabled": false,
        "version": 1,
    })
}

fn smb_settings() -> Value {
    json!({
        "min_dialect": "SMB2.0",
        "max_dialect": "SMB3.1.1",
        "session_timeout": 900,
        "oplock_break_timeout": 35,
        "max_connections": 0,
        "max_sessions": 10000,
        "signing": "",
        "enable_encryption": false,
        "directory_leasing_enabled": true,
        "blocked_operations": [],
        "mdns_enabled": false,
        "wsdiscovery_enabled": false,
        "version": 1,
    })
}
