//! The floor: a program that makes the same objects as the operator, as fast as it can, and decides nothing.
//!
//! It is a process of its own, with the account of the operator: what RBAC costs is part of the floor.

use super::Error;
use super::added;
use super::ground::Ground;
use super::instances::{self, Place};
use super::mould::{Mould, Owner};
use super::sidecars::SMB;
use crate::Outcome;
use dittofs_rig::installation::OPERATOR;
use dittofs_rig::{beside, wait_for};
use futures::{StreamExt as _, TryStreamExt as _};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{DynamicObject, WatchEvent, WatchParams};
use kube::{Api, Client, Config, ResourceExt as _};
use std::fs;
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::time::Duration;

/// Its user agent.
pub const AGENT: &str = "dittofs-floor/1";
const SIDE_BY_SIDE: usize = 32;
const PATIENCE: Duration = Duration::from_secs(30);

/// What the floor waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Work {
    /// A `DittoServer`: makes all its objects.
    Make,
    /// A published state: moves the Service and the NetworkPolicy of SMB to its port.
    Follow,
}

/// The options of the process.
#[derive(clap::Args)]
pub struct Arguments {
    /// File with the objects.
    #[arg(long)]
    moulds: PathBuf,
    /// What it waits for.
    #[arg(long)]
    work: Work,
}

/// The process, from outside. It ends when this is dropped.
pub struct Floor(Child);

impl Floor {
    /// Starts it and waits until it watches.
    ///
    /// # Errors
    /// It does not start.
    pub async fn start(ground: &Ground<'_>, moulds: &[Mould], work: Work) -> Result<Self, Error> {
        let path = ground.cluster.state_dir().join("moulds.json");
        fs::write(&path, serde_json::to_vec(moulds)?)?;
        let argument = match work {
            Work::Make => "--work=make",
            Work::Follow => "--work=follow",
        };
        let mark = ground.audit().mark()?;
        let child = ground
            .cluster
            .program(&std::env::current_exe()?)
            .args(["floor", argument, "--moulds"])
            .arg(&path)
            .env(
                "KUBECONFIG",
                beside::kubeconfig(ground.cluster, OPERATOR, "floor")?,
            )
            .stdin(Stdio::null())
            .spawn()?;
        let floor = Self(child);
        wait_for("the floor to watch", PATIENCE, || async {
            let entries = ground.requests(AGENT, mark);
            let entries = entries.map_err(|error| error.to_string())?;
            let watches = entries.iter().any(|entry| entry.verb == "watch");
            watches.then_some(()).ok_or("it does not".to_owned())
        })
        .await?;
        Ok(floor)
    }
}

impl Drop for Floor {
    fn drop(&mut self) {
        // Both fail only if it has ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The process itself. Ends when it is killed, or with the API server.
pub fn run(arguments: &Arguments) -> Outcome {
    let moulds: Vec<Mould> = serde_json::from_slice(&fs::read(&arguments.moulds)?)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let mut config = Config::infer().await?;
        let agent = http::HeaderValue::from_static(AGENT);
        config.headers.push((http::header::USER_AGENT, agent));
        let client = Client::try_from(config)?;
        match arguments.work {
            Work::Make => make(&client, &moulds).await,
            Work::Follow => follow(&client, &moulds).await,
        }
    })
}

async fn make(client: &Client, moulds: &[Mould]) -> Outcome {
    let servers: Api<DynamicObject> = Api::all_with(client.clone(), &instances::resource());
    let made = added::each(&servers, "", SIDE_BY_SIDE, |server| async move {
        let owner = owner(&server);
        let writes = moulds.iter().map(|mould| async {
            let request = mould.request(&owner, SMB)?;
            client.request_text(request).await?;
            Ok::<_, Error>(())
        });
        // One after the other: side by side are the instances.
        futures::stream::iter(writes)
            .then(|write| write)
            .try_collect()
            .await
    });
    match made.await? {}
}

fn owner(server: &DynamicObject) -> Owner {
    Owner {
        place: Place {
            namespace: server.namespace().unwrap_or_default(),
            name: server.name_any(),
        },
        uid: server.uid().unwrap_or_default(),
    }
}

async fn follow(client: &Client, moulds: &[Mould]) -> Outcome {
    // The API server ends every watch after some minutes.
    loop {
        follow_one_watch(client, moulds).await?;
    }
}

async fn follow_one_watch(client: &Client, moulds: &[Mould]) -> Outcome {
    let maps: Api<ConfigMap> = Api::all(client.clone());
    let managed = WatchParams::default().labels("app.kubernetes.io/managed-by=dittofs-operator");
    let events = maps.watch(&managed, "0").await?;
    let changed = events.try_filter_map(|event| async {
        let WatchEvent::Modified(map) = event else {
            return Ok(None);
        };
        let name = map.name_any();
        let place = name.strip_suffix("-adapters").map(|name| Place {
            namespace: map.namespace().unwrap_or_default(),
            name: name.to_owned(),
        });
        let owner = map
            .owner_references()
            .first()
            .map(|owner| owner.uid.clone());
        let Some((place, uid)) = place.zip(owner) else {
            return Ok(None);
        };
        let data = map.data.unwrap_or_default();
        Ok(data
            .get("adapters")
            .and_then(|adapters| smb_port(adapters))
            .map(|port| (Owner { place, uid }, port)))
    });
    changed
        .map_err(Error::from)
        .try_for_each_concurrent(SIDE_BY_SIDE, |(owner, port)| async move {
            let followers = moulds.iter().filter(|mould| mould.follows());
            let writes = followers.map(|mould| async {
                let request = mould.request(&owner, port)?;
                client.request_text(request).await?;
                Ok::<_, Error>(())
            });
            futures::future::try_join_all(writes).await.map(drop)
        })
        .await
}

fn smb_port(adapters: &str) -> Option<u16> {
    let adapters: serde_json::Value = serde_json::from_str(adapters).ok()?;
    let smb = adapters
        .as_array()?
        .iter()
        .find(|one| one["type"] == "smb")?;
    smb["port"].as_u64()?.try_into().ok()
}
