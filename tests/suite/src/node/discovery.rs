//! How the sidecar learns of changes inside DittoFS: by ports that open and close, and otherwise by its resync.

use dittofs_rig::dittofs::Administrator;
use dittofs_rig::wait_for;
use dittofs_shared::names;
use dittofs_shared::published_state::{Adapter, PublishedState};
use dittofs_suite::instance::{API_DEADLINE, Instance, POD_DEADLINE};
use dittofs_suite::world::Scene;
use dittofs_suite::{Outcome, ensure};
use hyper::Method;
use k8s_openapi::api::core::v1::ConfigMap;
use serde_json::{Value, json};
use std::cell::Cell;
use std::time::{Duration, Instant};

type Error = Box<dyn std::error::Error + Send + Sync>;

const BOTH: [(&str, i32); 2] = [("files-nfs", 12049), ("files-smb", 1445)];
/// Ten times what a poll takes in motion.
const QUIET: Duration = Duration::from_secs(5);

pub async fn at_rest_the_server_is_not_polled_and_ports_are_noticed(scene: Scene) -> Outcome {
    let spec = json!({"adapterDiscovery": {"resyncInterval": "1h"}});
    let files = Instance::create(&scene, "files", spec).await?;
    files.wait_ready().await?;
    files.wait_services(&BOTH, API_DEADLINE).await?;
    let administrator = files.administrator().await?;
    let last = Cell::new((0, Instant::now()));
    wait_for("the sidecar to poll no more", POD_DEADLINE, || async {
        let count = polls(&administrator)
            .await
            .map_err(|error| error.to_string())?;
        let (before, since) = last.get();
        if count != before {
            last.set((count, Instant::now()));
        } else if since.elapsed() >= QUIET {
            return Ok(());
        }
        Err(format!("{count} polls"))
    })
    .await?;
    administrator
        .set_adapter("smb", &json!({"port": 1446}))
        .await?;
    files
        .wait_services(&[BOTH[0], ("files-smb", 1446)], API_DEADLINE)
        .await?;
    Ok(())
}

pub async fn changes_that_open_and_close_no_port_are_seen_with_the_resync(scene: Scene) -> Outcome {
    let spec = json!({"adapterDiscovery": {"resyncInterval": "5s", "removalHold": "1s"}});
    let files = Instance::create(&scene, "files", spec).await?;
    files.wait_ready().await?;
    files.wait_services(&BOTH, API_DEADLINE).await?;
    let administrator = files.administrator().await?;
    administrator
        .set_adapter("smb", &json!({"enabled": false}))
        .await?;
    files.wait_services(&BOTH[..1], API_DEADLINE).await?;

    // The sidecar itself listens there, so the server cannot: no port opens.
    let taken = json!({"enabled": true, "port": names::SIDECAR_PORT});
    administrator.set_adapter("smb", &taken).await?;
    let port = i64::from(names::SIDECAR_PORT);
    let is_on = |smb: Option<&Adapter>| smb.is_some_and(|smb| smb.enabled && smb.port == port);
    wait_smb(&files, "enabled", is_on).await?;
    administrator
        .set_adapter("smb", &json!({"enabled": false}))
        .await?;
    let is_off = |smb: Option<&Adapter>| smb.is_some_and(|smb| !smb.enabled);
    wait_smb(&files, "disabled", is_off).await?;
    administrator
        .ask(Method::DELETE, "/api/v1/adapters/smb", None)
        .await?
        .accepted("the deletion of the adapter")?;
    wait_smb(&files, "gone", |smb| smb.is_none()).await?;
    let services = files.wait_services(&BOTH[..1], API_DEADLINE).await?;
    ensure!(services.len() == 1, "there are {} Services", services.len());
    Ok(())
}

/// How often the server was asked for its adapters.
async fn polls(administrator: &Administrator) -> Result<u64, Error> {
    let path = "/simulator/requests";
    let answer = administrator.ask(Method::GET, path, None).await?;
    let body: Value = answer.accepted(path)?.body;
    let count = &body["requests"]["GET /api/v1/adapters/ports"];
    Ok(count.as_u64().ok_or_else(|| format!("{body}"))?)
}

/// Waits until the sidecar has published SMB as expected.
async fn wait_smb(
    files: &Instance,
    what: &str,
    expected: impl Fn(Option<&Adapter>) -> bool,
) -> Outcome {
    let config_maps = files.api::<ConfigMap>();
    let name = names::adapters("files");
    let what = format!("SMB to be published as {what}");
    wait_for(&what, API_DEADLINE, || async {
        let found = config_maps.get(&name).await;
        let data = found.map_err(|error| error.to_string())?.data;
        let state = PublishedState::decode(&data.unwrap_or_default());
        let adapters = state.map_err(|error| error.to_string())?.adapters;
        let adapters = adapters.unwrap_or_default();
        let smb = adapters.iter().find(|adapter| adapter.r#type == "smb");
        if expected(smb) {
            Ok(())
        } else {
            Err(format!("{smb:?}"))
        }
    })
    .await?;
    Ok(())
}
