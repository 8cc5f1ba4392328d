//! Whatever the server answers, and whatever is done to the published state: no Service is deleted or changed, the state says what
//! is wrong, and all is well again by itself. With the real sidecar, and a simulator or a real server beside it.

mod played;
mod troubles;

use dittofs_model::random::Random;
use dittofs_rig::wait_for;
use dittofs_shared::published_state::{PublishedState, ServerStatus};
use dittofs_shared::{labels, names};
use dittofs_simulator::{FaultRule, Faults};
use dittofs_suite::instance::{API_DEADLINE, Instance};
use dittofs_suite::world::Scene;
use dittofs_suite::{Outcome, grounds};
use futures::future::join_all;
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{ConfigMap, Service};
use kube::ResourceExt as _;
use kube::api::{DeleteParams, PostParams};
use serde_json::{Value, json};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::lane::{Lane, Run};
use super::scenarios::{Step, with};
use super::settings::{self, Tally};
use crate::api::seen::{Failed, write};
use played::Played;
use troubles::{Damage, PORTS, Trouble, troubles};

/// Longer than it takes a poll to fail, one after the other, until that is published.
const NOTICED: Duration = Duration::from_mins(1);

/// An instance with a server, a sidecar and an operator, none of them in a pod.
struct Ground<'a> {
    run: Run<'a>,
    played: Played,
    folder: PathBuf,
    services: Vec<Value>,
}

impl Drop for Ground<'_> {
    fn drop(&mut self) {
        // What is left lies among the temporary files of the system.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

impl<'a> Ground<'a> {
    async fn open(scene: &Scene, lane: &'a Lane, number: usize) -> Result<Self, Failed> {
        let files = grounds::instance(scene, &format!("server-{number}")).await?;
        let run = lane.begin(files.clone())?;
        // What is stopped on purpose says nothing of its server.
        let spec = json!({"replicas": 1, "adapterDiscovery": {"resyncInterval": "1s"}});
        Step::Spec(with(spec)).take(&files).await?;
        let folder = std::env::temp_dir().join(&files.scene.namespace);
        fs::create_dir_all(folder.join("server"))?;
        // It is made last.
        wait_for("the StatefulSet", API_DEADLINE, || async {
            let found = files.api::<StatefulSet>().get(&files.name).await;
            found.map(drop).map_err(|error| error.to_string())
        })
        .await?;
        let played = Played::start(&files, number, &folder).await?;
        let mut ground = Self {
            run,
            played,
            folder,
            services: Vec::new(),
        };
        let made = wait_for("both Services", API_DEADLINE, || async {
            let services = services(&files).await?;
            if services.len() == 2 {
                Ok(services)
            } else {
                Err(format!("{services:?}"))
            }
        });
        ground.services = made.await?;
        ground.run.forget();
        Ok(ground)
    }

    fn files(&self) -> &Instance {
        self.run.files()
    }

    /// One trouble, until it is noticed, and then until all is well.
    async fn meet(&self, trouble: &Trouble) -> Outcome {
        match trouble {
            Trouble::Answer(path, fault, is_wrong) => {
                let rule = FaultRule {
                    path: (*path).to_owned(),
                    method: None,
                    count: None,
                    fault: fault.clone(),
                };
                self.played.front.set_faults(Faults {
                    rules: vec![rule],
                    start_delay_ms: None,
                });
                if *is_wrong {
                    self.wait_state("the sidecar to say what is wrong", |status| {
                        status != Some(ServerStatus::Reachable)
                    })
                    .await?;
                } else {
                    self.polled().await?;
                }
                self.played.front.set_faults(Faults::default());
            }
            Trouble::State(damage) => {
                self.damage(*damage).await?;
                // What is published may still be valid, and what follows is yet to come.
                self.polled().await?;
            }
        }
        let well = |status| status == Some(ServerStatus::Reachable);
        self.wait_state("the sidecar to publish that all is well", well)
            .await?;
        self.is_unchanged().await
    }

    /// Two more answers, so that the sidecar has made of them what it makes.
    async fn polled(&self) -> Outcome {
        let asked = || self.played.front.requests("GET", PORTS);
        let before = asked();
        wait_for("two more polls", API_DEADLINE, || async {
            if asked() >= before + 2 {
                Ok(())
            } else {
                Err(format!("{} polls", asked()))
            }
        })
        .await?;
        Ok(())
    }

    async fn wait_state(
        &self,
        what: &str,
        is_asked: impl Fn(Option<ServerStatus>) -> bool,
    ) -> Outcome {
        let api = self.files().api::<ConfigMap>();
        let name = names::adapters(&self.files().name);
        wait_for(what, NOTICED, || async {
            let found = api
                .get_opt(&name)
                .await
                .map_err(|error| error.to_string())?;
            let data = found.and_then(|map| map.data).unwrap_or_default();
            let state = PublishedState::decode(&data);
            let status = state.as_ref().ok().map(|state| state.server.status);
            let adapters = state
                .as_ref()
                .ok()
                .and_then(|state| state.adapters.as_ref());
            // What was there before the trouble is all there.
            let is_whole =
                adapters.is_some_and(|all| all.iter().filter(|one| one.enabled).count() == 2);
            if is_asked(status) && (status != Some(ServerStatus::Reachable) || is_whole) {
                Ok(())
            } else {
                Err(format!("{state:?}"))
            }
        })
        .await?;
        Ok(())
    }

    async fn damage(&self, damage: Damage) -> Outcome {
        let api = self.files().api::<ConfigMap>();
        let name = names::adapters(&self.files().name);
        let gone = DeleteParams::background();
        let patch = match damage {
            Damage::Deleted => {
                api.delete(&name, &gone).await?;
                return Ok(());
            }
            Damage::MadeBySomebodyElse => {
                api.delete(&name, &gone).await?;
                let made: ConfigMap = serde_json::from_value(json!({
                    "metadata": {"name": name},
                    "data": {"schema": "v1", "adapters": "[]"},
                }))?;
                // The operator may have been faster.
                let _ = api.create(&PostParams::default(), &made).await;
                // It belongs to nobody: whoever made it has to take it away.
                let found = api.get(&name).await?;
                if found.owner_references().is_empty() {
                    self.stays_unchanged().await?;
                    api.delete(&name, &gone).await?;
                }
                return Ok(());
            }
            Damage::DataDeleted => json!({"data": null}),
            Damage::Emptied => json!({"data": {"adapters": "[]"}}),
            Damage::OtherSchema => json!({"data": {"schema": "v2"}}),
            Damage::WrongTypes => json!({"data": {"adapters": "{}", "server": "[]"}}),
            Damage::Oversize => json!({"data": {"adapters": " ".repeat(900_000)}}),
            Damage::Binary => json!({"binaryData": {"adapters2": "AAAA"}}),
            Damage::WithoutLabels => json!({"metadata": {"labels": null, "ownerReferences": null}}),
        };
        write::<ConfigMap>(self.files(), "somebody", &name, patch).await?;
        Ok(())
    }

    async fn stays_unchanged(&self) -> Outcome {
        self.polled().await?;
        self.is_unchanged().await
    }

    async fn is_unchanged(&self) -> Outcome {
        let after = services(self.files()).await?;
        if after != self.services {
            return Err(format!("the Services were {:?} and are {after:?}", self.services).into());
        }
        let writes = self.run.writes();
        let deleted = writes.iter().find(|write| write.method == "DELETE");
        match deleted {
            Some(deleted) => Err(format!("{} was deleted", deleted.target).into()),
            None => Ok(()),
        }
    }
}

/// What clients notice of them: who they are, and where they lead.
async fn services(files: &Instance) -> Result<Vec<Value>, String> {
    let found = files
        .adapter_services()
        .await
        .map_err(|error| error.to_string())?;
    let facts = |service: &Service| {
        let spec = service.spec.clone().unwrap_or_default();
        json!([
            service.name_any(),
            service.uid(),
            spec.cluster_ip,
            spec.ports,
            service.labels().get(labels::ADAPTER)
        ])
    };
    Ok(found.iter().map(facts).collect())
}

/// Meets one trouble after the other. After a violation nobody meets any more.
async fn meet_all(
    scene: &Scene,
    (lane, number): (&Lane, usize),
    waiting: &RefCell<VecDeque<Trouble>>,
) -> Result<Tally, Failed> {
    let ground = Ground::open(scene, lane, number).await?;
    let until = settings::deadline(0.12);
    let mut tally = Tally::default();
    while Instant::now() < until {
        let next = waiting.borrow_mut().pop_front();
        let Some(trouble) = next else { break };
        tally.plans += 1;
        tally.faults += 1;
        if let Err(error) = ground.meet(&trouble).await {
            tally
                .violations
                .push(format!("{}: {error}", shown(&trouble)));
            waiting.borrow_mut().clear();
        }
    }
    // What the last trouble leads to may come late.
    if let Err(error) = ground.stays_unchanged().await {
        tally.violations.push(error.to_string());
    }
    Ok(tally)
}

pub async fn whatever_the_server_answers(scene: Scene) -> Outcome {
    let all = Random::of(settings::seed(), "server").shuffled(troubles());
    let mut tally = Tally {
        of: Some(all.len()),
        ..Tally::default()
    };
    let waiting = RefCell::new(VecDeque::from(all));
    let lanes = Lane::open_all(&scene).await?;
    // The ports of a real server are the same for all.
    let side_by_side = settings::server().map_or(lanes.len(), |_| 1);
    let parts = lanes.iter().enumerate().take(side_by_side);
    let parts = parts.map(|(number, lane)| meet_all(&scene, (lane, number), &waiting));
    tally.gather(join_all(parts).await);
    tally.tell(
        "whatever the server answers, and whatever is done to the published state",
        "",
    )
}

/// A trouble on a short line: some are megabytes long.
fn shown(trouble: &Trouble) -> String {
    format!("{trouble:?}").chars().take(200).collect()
}
