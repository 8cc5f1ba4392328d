//! Addresses stay: whatever users, sidecars and others do in whatever order, a Service of an adapter that nobody has switched off remains
//! the one that clients know.

use dittofs_model::random::Random;
use dittofs_rig::wait_for;
use dittofs_shared::names;
use dittofs_suite::instance::{API_DEADLINE, Instance, adapter, merge};
use dittofs_suite::world::Scene;
use dittofs_suite::{Outcome, grounds};
use futures::future::join_all;
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{ConfigMap, Service};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use kube::ResourceExt as _;
use kube::api::DeleteParams;
use serde_json::{Value, json};
use std::time::Instant;

use super::lane::{Lane, NAMES, Run};
use super::scenarios::{Step, create, with};
use super::settings::{self, Tally};
use crate::api::seen::{Failed, write};

/// What is done in all, with enough time.
const OPERATIONS: usize = 10_000;
/// After so many, the Services are looked at.
const LOOK: usize = 10;

/// An instance whose adapters have load balancers.
struct Ground<'a> {
    run: Run<'a>,
    random: Random,
    /// What clients know of the Services.
    known: Vec<Value>,
    /// How often somebody else has noted something on them.
    notes: usize,
}

fn base() -> Value {
    with(json!({"adapterServices": {"type": "LoadBalancer"}}))
}

/// What clients know, and what others have written.
async fn facts(files: &Instance) -> Result<Vec<Value>, Failed> {
    let services = files.adapter_services().await?;
    let facts = |service: &Service| {
        let spec = service.spec.clone().unwrap_or_default();
        let ports = spec.ports.iter().flatten();
        let node_ports: Vec<_> = ports.map(|port| (&port.name, port.node_port)).collect();
        let foreign = service.annotations().iter();
        let foreign: Vec<_> = foreign
            .filter(|(key, _)| key.starts_with("somebody.example/"))
            .collect();
        json!({
            "name": service.name_any(), "uid": service.uid(), "address": spec.cluster_ip,
            "nodePorts": node_ports, "balancer": service.status, "finalizers": service.finalizers(),
            "foreign": foreign,
        })
    };
    Ok(services.iter().map(facts).collect())
}

impl<'a> Ground<'a> {
    async fn open(scene: &Scene, lane: &'a Lane, number: usize) -> Result<Self, Failed> {
        let files = grounds::instance(scene, &format!("addresses-{number}")).await?;
        let run = lane.begin(files.clone())?;
        create(&files, base()).await?;
        let known = wait_for(
            "both load balancers to have addresses",
            API_DEADLINE,
            || async {
                let facts = facts(&files).await.map_err(|error| error.to_string())?;
                let has_address =
                    |fact: &Value| fact.pointer("/balancer/loadBalancer/ingress").is_some();
                if facts.len() == 2 && facts.iter().all(has_address) {
                    Ok(facts)
                } else {
                    Err(format!("{facts:?}"))
                }
            },
        );
        Ok(Self {
            known: known.await?,
            run,
            random: Random::of(settings::seed(), &format!("addresses {number}")),
            notes: 0,
        })
    }

    fn pick<T: Clone>(&mut self, all: &[T]) -> T {
        all[self.random.below(all.len())].clone()
    }

    async fn operate(&mut self) -> Outcome {
        let files = self.run.files().clone();
        match self.random.below(20) {
            0..=5 => self.publish(&files).await,
            6 => {
                let data = [
                    json!({"schema": "v0"}),
                    json!({"adapters": "[]"}),
                    json!({}),
                ];
                files.publish_data(self.pick(&data)).await
            }
            7 => gone(
                files
                    .api::<ConfigMap>()
                    .delete(&names::adapters("files"), &DeleteParams::background())
                    .await,
            ),
            8..=10 => self.specify(&files).await,
            11..=13 => self.write_foreign(&files).await,
            14 | 15 => self.spoil(&files).await,
            16 => gone(
                files
                    .api::<NetworkPolicy>()
                    .delete("files-smb", &DeleteParams::background())
                    .await,
            ),
            17 => gone(
                files
                    .api::<StatefulSet>()
                    .delete("files", &DeleteParams::background())
                    .await,
            ),
            _ => self.run.restart(),
        }
    }

    /// Both adapters are on, wherever they listen and whether they run.
    async fn publish(&mut self, files: &Instance) -> Outcome {
        let nfs = self.pick(&[12049, 12050, 2049, 8080]);
        let smb = self.pick(&[1445, 1446, 445, 0]);
        let mut adapters = vec![adapter("nfs", nfs), adapter("smb", smb)];
        for adapter in &mut adapters {
            adapter.running = self.random.below(3) > 0;
        }
        files.publish(adapters).await
    }

    /// The user changes something that needs no other Service.
    async fn specify(&mut self, files: &Instance) -> Outcome {
        let changes = [
            json!({"adapterServices": {"labels": {"example.com/a": "b"}}}),
            json!({"adapterServices": {"annotations": {"example.com/a": "b"}}}),
            json!({"adapterServices": {"loadBalancerSourceRanges": ["192.0.2.0/24"]}}),
            json!({"adapterServices": {"externalTrafficPolicy": "Cluster"}}),
            json!({"adapterServices": {"overrides": {"smb": {"port": 445}}}}),
            json!({"networkPolicy": {"enabled": false}}),
            json!({"controlPlane": {"exposure": "Cluster"}}),
            json!({"metrics": {"enabled": true}}),
            json!({"logging": {"level": "DEBUG"}}),
            json!({}),
        ];
        let mut spec = base();
        merge(&mut spec, self.pick(&changes));
        merge(&mut spec, self.pick(&changes));
        Step::Spec(spec).take(files).await
    }

    /// Somebody else notes something on both Services.
    async fn write_foreign(&mut self, files: &Instance) -> Outcome {
        self.notes += 1;
        let value = self.notes.to_string();
        let patch = json!({"metadata": {"annotations": {"somebody.example/note": value}}});
        for fact in &mut self.known {
            let name = fact["name"].as_str().unwrap_or_default().to_owned();
            write::<Service>(files, "somebody", &name, patch.clone()).await?;
            fact["foreign"] = json!([["somebody.example/note", value]]);
        }
        Ok(())
    }

    /// Somebody else changes what is ours, but not so much that nothing shows any more that it is.
    async fn spoil(&mut self, files: &Instance) -> Outcome {
        let patches = [
            json!({"spec": {"selector": {"somebody": "else"}}}),
            json!({"metadata": {"labels": {"app": "other"}}}),
            json!({"metadata": {"annotations": {"dittofs.dittofs.com/applied-hash": "0"}}}),
            json!({"metadata": {"labels": {"app.kubernetes.io/managed-by": null}}}),
        ];
        let patch = self.pick(&patches);
        let name = self.pick(&["files-nfs", "files-smb"]);
        write::<Service>(files, "somebody", name, patch).await?;
        Ok(())
    }

    async fn walk(&mut self, until: Instant, done: &mut usize) -> Outcome {
        while Instant::now() < until && *done < OPERATIONS / NAMES.len() {
            self.operate().await?;
            *done += 1;
            if done.is_multiple_of(LOOK) {
                self.look().await?;
            }
        }
        self.end().await
    }

    async fn look(&self) -> Outcome {
        let files = self.run.files();
        let now = facts(files).await?;
        if now == self.known {
            return Ok(());
        }
        Err(format!("what clients know was\n{:#?}\nand is\n{now:#?}", self.known).into())
    }

    /// In the end all is well, and the Services are the same.
    async fn end(&mut self) -> Outcome {
        let files = self.run.files().clone();
        Step::Spec(base()).take(&files).await?;
        files
            .publish(vec![adapter("nfs", 12050), adapter("smb", 1446)])
            .await?;
        self.run.revive()?;
        wait_for("both Services to follow", API_DEADLINE, || async {
            let services = files
                .adapter_services()
                .await
                .map_err(|error| error.to_string())?;
            let target = |service: &Service| {
                let port = service.spec.as_ref()?.ports.as_ref()?.first()?;
                port.target_port.clone()
            };
            let targets: Vec<_> = services.iter().filter_map(target).collect();
            let wanted =
                [12050, 1446].map(k8s_openapi::apimachinery::pkg::util::intstr::IntOrString::Int);
            if targets == wanted {
                Ok(())
            } else {
                Err(format!("{targets:?}"))
            }
        })
        .await?;
        self.look().await
    }
}

/// Somebody may have been faster.
fn gone<T>(deleted: kube::Result<T>) -> Outcome {
    match deleted {
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
        Err(error) => Err(error.into()),
        Ok(_) => Ok(()),
    }
}

/// Operates until the time is over. What was wrong is in the tally.
async fn walk(scene: &Scene, lane: &Lane, number: usize) -> Result<Tally, Failed> {
    let mut ground = Ground::open(scene, lane, number).await?;
    let until = settings::deadline(0.1);
    let mut done = 0;
    let walked = ground.walk(until, &mut done).await;
    ground.run.clean_up().await?;
    let told = |error| format!("lane {number}, after {done} operations: {error}");
    Ok(Tally {
        plans: done,
        violations: walked.err().map(told).into_iter().collect(),
        ..Tally::default()
    })
}

pub async fn addresses_stay(scene: Scene) -> Outcome {
    let lanes = Lane::open_all(&scene).await?;
    let walks = lanes.iter().enumerate();
    let walks = walks.map(|(number, lane)| walk(&scene, lane, number));
    let mut tally = Tally {
        of: Some(OPERATIONS),
        ..Tally::default()
    };
    tally.gather(join_all(walks).await);
    tally.tell("addresses stay, whatever is done", "")
}
