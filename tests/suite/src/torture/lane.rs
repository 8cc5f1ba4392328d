//! One operator behind a proxy, and one instance after another, each in a namespace of its own.

use dittofs_rig::beside::{self, Operator};
use dittofs_rig::proxy::plan::{Plan, Written};
use dittofs_rig::proxy::{Proxy, Rule};
use dittofs_rig::wait_for;
use dittofs_suite::dump::{self, Dump};
use dittofs_suite::instance::{API_DEADLINE, Instance};
use dittofs_suite::kubelet::Kubelet;
use dittofs_suite::world::Scene;
use dittofs_suite::{Outcome, grounds};
use k8s_openapi::api::core::v1::{Namespace, Service};
use kube::Api;
use kube::api::DeleteParams;
use std::path::PathBuf;
use std::time::{Duration, Instant};
use tokio::time::sleep;

use super::judge;
use super::scenarios::{Scenario, base, create};
use crate::api::seen::Failed;

/// Lanes side by side: their names are those of their logs.
pub const NAMES: [&str; 4] = ["torture-0", "torture-1", "torture-2", "torture-3"];

/// How long an instance may take to be as it would be without faults.
const CONVERGED: Duration = Duration::from_mins(1);
/// How long nothing must be written before a scenario begins.
const QUIET: Duration = Duration::from_millis(900);
/// The same for an instance that is judged: longer than the operator waits after a failure, after a watch that broke off, and before
/// it goes on with what follows from its own writes.
const AT_REST: Duration = Duration::from_millis(2500);
const LOOK: Duration = Duration::from_millis(150);

/// What happens to the operator while a scenario is played.
#[derive(Clone, Debug, Default)]
pub struct Adversity {
    /// What its requests and events meet.
    pub plan: Plan,
    /// After the scenario it starts again, and is shown the lists of before of these kinds, such as `/services?`.
    pub past: Vec<String>,
}

/// What came of a run.
#[derive(Clone, Debug)]
pub struct Ended {
    /// The objects, as they are in the end.
    pub dump: Dump,
    /// What the operator has asked to change.
    pub writes: Vec<Written>,
    /// How many events it has got.
    pub events: usize,
    /// How many faults it has met.
    pub met: usize,
}

/// A place to run plans in, one after the other.
pub struct Lane {
    scene: Scene,
    name: &'static str,
    proxy: Proxy,
    kubeconfig: PathBuf,
    runs: usize,
}

impl Lane {
    pub async fn open(scene: &Scene, name: &'static str) -> Result<Self, Failed> {
        let cluster = &scene.world.cluster;
        let proxy = Proxy::start(cluster).await?;
        let kubeconfig = beside::kubeconfig_behind(cluster, &proxy, name)?;
        Ok(Self {
            scene: scene.clone(),
            name,
            proxy,
            kubeconfig,
            runs: 0,
        })
    }

    /// One for each name.
    pub async fn open_all(scene: &Scene) -> Result<Vec<Self>, Failed> {
        let mut lanes = Vec::new();
        for name in NAMES {
            lanes.push(Self::open(scene, name).await?);
        }
        Ok(lanes)
    }

    /// Plays a scenario. With `expected` it waits until the objects are the same; without, until nothing changes.
    pub async fn run(
        &mut self,
        scenario: &Scenario,
        adversity: &Adversity,
        expected: Option<&Dump>,
    ) -> Result<Ended, Failed> {
        self.runs += 1;
        let number = self.name.rsplit('-').next().unwrap_or_default();
        let suffix = format!("{number}-{}", self.runs);
        let files = if scenario.makes_secrets {
            grounds::without_secrets(&self.scene, &suffix).await?
        } else {
            grounds::instance(&self.scene, &suffix).await?
        };
        let mut run = self.begin(files)?;
        let outcome = run.play(scenario, adversity, expected).await;
        run.clean_up().await?;
        outcome.map_err(|error| format!("namespace {}: {error}", run.files.scene.namespace).into())
    }

    /// Starts an operator for an instance that is yet to be made. One at a time.
    pub fn begin(&self, files: Instance) -> Result<Run<'_>, Failed> {
        self.proxy.reset();
        Ok(Run {
            proxy: &self.proxy,
            operator: self.operator(&files)?,
            files,
        })
    }

    /// Starts one for an instance that has both adapters exposed, and waits until nothing is left to do.
    pub async fn exposed(&self, suffix: &str) -> Result<Run<'_>, Failed> {
        let files = grounds::instance(&self.scene, suffix).await?;
        let mut run = self.begin(files.clone())?;
        create(&files, base()).await?;
        files
            .wait_services(&[("files-nfs", 12049), ("files-smb", 1445)], API_DEADLINE)
            .await?;
        run.rest().await?;
        Ok(run)
    }

    fn operator(&self, files: &Instance) -> Result<Operator, Failed> {
        let environment = [
            format!("DITTOFS_OPERATOR_NAMESPACES={}", files.scene.namespace),
            "DITTOFS_OPERATOR_LEADER_ELECTION=false".to_owned(),
            "DITTOFS_OPERATOR_KEEP_UNUSED_CONFIG=0s".to_owned(),
        ];
        let world = &self.scene.world;
        Ok(Operator::start_at(
            &world.cluster,
            &world.programs,
            self.name,
            &self.kubeconfig,
            &environment,
        )?)
    }
}

/// An operator and its instance.
pub struct Run<'a> {
    proxy: &'a Proxy,
    operator: Operator,
    files: Instance,
}

impl Run<'_> {
    pub fn files(&self) -> &Instance {
        &self.files
    }

    /// What the operator has asked to change since [`Run::forget`].
    pub fn writes(&self) -> Vec<Written> {
        self.proxy.writes()
    }

    /// What the proxy does until it is told otherwise.
    pub fn rule(&self, rule: Rule) {
        self.proxy.rule(rule);
    }

    pub fn forget(&self) {
        self.proxy.arm(Plan::default());
    }

    /// Addresses of load balancers are few. All else may stay: it costs less than its removal.
    pub async fn clean_up(&self) -> Outcome {
        let services = self.files.adapter_services().await?;
        let is_balancer = |service: &Service| {
            let spec = service.spec.as_ref();
            spec.and_then(|spec| spec.type_.as_deref()) == Some("LoadBalancer")
        };
        if services.iter().any(is_balancer) {
            let namespaces: Api<Namespace> = Api::all(self.files.scene.client.clone());
            let name = &self.files.scene.namespace;
            namespaces.delete(name, &DeleteParams::background()).await?;
        }
        Ok(())
    }

    async fn play(
        &mut self,
        scenario: &Scenario,
        adversity: &Adversity,
        expected: Option<&Dump>,
    ) -> Result<Ended, Failed> {
        let _kubelet = scenario
            .has_pod()
            .then(|| Kubelet::play(&self.files.scene, Duration::ZERO, |_| true));
        scenario.begin(&self.files).await?;
        let began = self.files.scene.world.cluster.audit().mark()?;
        self.at_rest(QUIET, Instant::now() + CONVERGED).await?;
        let before = judge::identities(&self.files).await?;
        if !adversity.past.is_empty() {
            self.proxy.remember().await?;
        }
        self.proxy.arm(adversity.plan.clone());
        self.proxy.set_victim(self.operator.id());
        let files = self.files.clone();
        let act = async {
            scenario.act(&files).await?;
            scenario.wait_pod(&files, scenario.sidecar()).await
        };
        tokio::select! {
            done = act => done?,
            broken = self.keep_alive() => broken?,
        }
        let mut dump = self.converged(scenario, expected).await?;
        if !adversity.past.is_empty() {
            self.relive(&adversity.past).await?;
            dump = self.converged(scenario, expected).await?;
        }
        judge::services(&self.files, scenario, &before).await?;
        judge::deletions(&self.proxy.writes())?;
        judge::pod(&self.files, scenario, began).await?;
        judge::secrets(&self.files, scenario)?;
        Ok(Ended {
            dump,
            writes: self.proxy.writes(),
            events: self.proxy.events(),
            met: self.proxy.met(),
        })
    }

    /// Waits until the operator is at rest.
    pub async fn rest(&mut self) -> Outcome {
        self.at_rest(AT_REST, Instant::now() + CONVERGED).await
    }

    /// Kills the operator and starts it again.
    pub fn restart(&mut self) -> Outcome {
        self.operator.again(&self.files.scene.world.cluster)?;
        Ok(())
    }

    /// Kills the operator. [`Run::revive`] starts it again.
    pub fn kill(&mut self) {
        self.operator.kill();
    }

    /// Starts it again if it has ended.
    pub fn revive(&mut self) -> Outcome {
        if !self.operator.is_running() {
            self.operator.again(&self.files.scene.world.cluster)?;
            self.proxy.set_victim(self.operator.id());
        }
        Ok(())
    }

    /// Starts the operator again whenever it has ended, for ever.
    async fn keep_alive(&mut self) -> Outcome {
        loop {
            self.revive()?;
            sleep(LOOK).await;
        }
    }

    /// The operator starts, is shown what was before, and acts on that for some time.
    async fn relive(&mut self, past: &[String]) -> Outcome {
        self.proxy.rule(Rule::Past(past.to_vec()));
        self.operator.again(&self.files.scene.world.cluster)?;
        let proxy = self.proxy;
        let is_shown = |kind: &String| proxy.relived().iter().any(|list| list.contains(kind));
        wait_for(
            "the operator to read the lists of before",
            CONVERGED,
            || async {
                if past.iter().all(is_shown) {
                    Ok(())
                } else {
                    Err(format!("{:?} of {past:?}", proxy.relived()))
                }
            },
        )
        .await?;
        // It may have to write again and again, about what it does not see.
        let _ = self.at_rest(QUIET, Instant::now() + 4 * QUIET).await;
        self.proxy.rule(Rule::Pass);
        Ok(())
    }

    fn changes(&self) -> usize {
        let writes = self.proxy.writes();
        writes.iter().filter(|write| !write.is_report()).count()
    }

    /// Waits until nothing is written for some time.
    async fn at_rest(&mut self, quiet: Duration, deadline: Instant) -> Outcome {
        loop {
            self.revive()?;
            let before = self.changes();
            sleep(quiet).await;
            let after = self.changes();
            let is_still = before == after && self.proxy.unanswered() == 0;
            if is_still && self.operator.is_running() {
                return Ok(());
            }
            if Instant::now() > deadline {
                let writes = self.proxy.writes();
                let last = writes.last().map(|write| &write.target);
                return Err(format!("it writes on and on, in the end {last:?}").into());
            }
        }
    }

    async fn converged(
        &mut self,
        scenario: &Scenario,
        expected: Option<&Dump>,
    ) -> Result<Dump, Failed> {
        let deadline = Instant::now() + CONVERGED;
        let Some(expected) = expected else {
            return self.learned(scenario, deadline).await;
        };
        loop {
            self.revive()?;
            let found = judge::objects(&self.files, scenario).await?;
            let difference = dump::difference(expected, &found);
            if difference.is_ok() {
                self.at_rest(AT_REST, deadline).await?;
                let found = judge::objects(&self.files, scenario).await?;
                if dump::difference(expected, &found).is_ok() {
                    return Ok(found);
                }
            } else if let Err(difference) = difference
                && Instant::now() > deadline
            {
                return Err(format!(
                    "it is not as without faults (- without, + with):\n{difference}"
                )
                .into());
            }
            sleep(LOOK).await;
        }
    }

    /// Without faults: what is the same before and after a rest.
    async fn learned(&mut self, scenario: &Scenario, deadline: Instant) -> Result<Dump, Failed> {
        self.files.wait_complete().await?;
        loop {
            let before = judge::objects(&self.files, scenario).await?;
            // What is learned too early is wrong for all runs.
            self.at_rest(3 * AT_REST, deadline).await?;
            let after = judge::objects(&self.files, scenario).await?;
            match dump::difference(&before, &after) {
                Ok(()) => return Ok(after),
                Err(difference) if Instant::now() > deadline => {
                    return Err(
                        format!("without faults, it changes on and on:\n{difference}").into(),
                    );
                }
                Err(_) => {}
            }
        }
    }
}
