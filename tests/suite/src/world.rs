//! The world of the cluster tests: one real cluster with the operator installed, shared by all of them. Each test has
//! a namespace of its own.
//!
//! With root and all that it takes there is a node, the operator is a Deployment and pods run. Without, there is the
//! API server with its controllers, and the operator runs beside it; the node tests are then skipped with the reason.
//!
//! Kinds of others (Percona, Prometheus operator, Gateway API) belong to a whole cluster, and tests run side by side. So
//! there are two clusters with an operator. In the shared one all of them are installed before the operator starts, and stay. What
//! happens without them, and when they come and go, is tested in the bare one: a control plane with an operator of its
//! own and Services of both families, brought up by the first test that asks for it. Such tests run one at a time, and each begins without any of the
//! kinds; it installs and removes them with [`ForeignCrds`].
//!
//! A third one has no operator: tests that torture operators bring their own. The test that runs last reads from [`audits`] what has been
//! asked for in all three.

mod scenery;

use dittofs_rig::audit::{AuditLog, Mark};
use dittofs_rig::foreign_crds::{ForeignCrds, Kind};
use dittofs_rig::installation::{self, Installation, Server};
use dittofs_rig::network::Families;
use dittofs_rig::programs::Programs;
use dittofs_rig::{Cluster, ClusterOptions, Mode, NodeSupport};
use k8s_openapi::api::core::v1::Namespace;
use kube::api::{DeleteParams, ObjectMeta, PostParams};
use kube::{Api, Client};
use std::collections::BTreeMap;
use std::process::Command;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use crate::Outcome;

type Error = Box<dyn std::error::Error + Send + Sync>;

/// A cluster with the operator.
#[derive(Debug)]
pub struct World {
    /// The cluster.
    pub cluster: Cluster,
    /// The operator in it.
    pub installation: Mutex<Installation>,
    /// Our programs.
    pub programs: Programs,
    /// Image of the server in it.
    pub server_image: String,
}

/// What a cluster test gets.
#[derive(Clone)]
pub struct Scene {
    /// The cluster with the operator.
    pub world: Arc<World>,
    /// An administrator's client, for use inside the test.
    pub client: Client,
    /// A namespace of the test's own.
    pub namespace: String,
    /// The end of the audit log when the test began.
    pub began: Mark,
}

impl Scene {
    /// `kubectl` in the namespace of the test.
    pub fn kubectl(&self, words: &[&str]) -> Command {
        let namespace = ["-n", self.namespace.as_str()];
        self.world.cluster.kubectl(namespace.iter().chain(words))
    }
}

impl World {
    /// Brings everything up, with these kinds of others.
    ///
    /// # Errors
    /// Something does not come up.
    pub fn start(options: &ClusterOptions, kinds: &[Kind], server: &Server) -> Result<Self, Error> {
        let programs = Programs::build()?;
        let cluster = Cluster::start(options)?;
        let crds = ForeignCrds::ensure()?;
        cluster.in_network(|| async {
            crds.install(&cluster.client()?, kinds).await?;
            Ok::<_, Error>(())
        })??;
        let installation = installation::install(&cluster, &programs, server)?;
        println!("the server in the pods: {}", installation.server);
        Ok(Self {
            server_image: installation.server_image.clone(),
            installation: Mutex::new(installation),
            cluster,
            programs,
        })
    }
}

/// What came of bringing the world up. A failure is remembered: trying again for every test would fail as often.
type Attempt = Result<Arc<World>, String>;

/// A world that is brought up by the first test that needs it.
struct Slot(Mutex<Option<Attempt>>);

/// All kinds of others are there.
static SHARED: Slot = Slot(Mutex::new(None));
/// None of them is, until a test installs it.
static BARE: Slot = Slot(Mutex::new(None));
/// Every test has operators of its own.
static TORTURED: Slot = Slot(Mutex::new(None));

impl Slot {
    fn lock(&self) -> MutexGuard<'_, Option<Attempt>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn get_or_start(
        &self,
        start: impl FnOnce() -> Result<World, Error>,
    ) -> Result<Arc<World>, Error> {
        let mut slot = self.lock();
        let world =
            slot.get_or_insert_with(|| start().map(Arc::new).map_err(|error| error.to_string()));
        Ok(world.clone()?)
    }

    fn end(&self) {
        if let Some(Ok(world)) = self.lock().take()
            && let Ok(world) = Arc::try_unwrap(world)
            && let Err(error) = world.cluster.shutdown()
        {
            eprintln!("a cluster did not end well: {error}");
        }
    }
}

/// The world that the tests share.
///
/// # Errors
/// It did not come up.
pub fn shared() -> Result<Arc<World>, Error> {
    SHARED.get_or_start(|| {
        let mode = match NodeSupport::check() {
            NodeSupport::Available => Mode::Node,
            NodeSupport::Unavailable(_) => Mode::ControlPlane,
        };
        let options = ClusterOptions {
            mode,
            ..ClusterOptions::control_plane("suite")
        };
        World::start(&options, &Kind::ALL, &server_from_environment())
    })
}

/// The world without the kinds of others.
fn bare() -> Result<Arc<World>, Error> {
    BARE.get_or_start(|| {
        let options = ClusterOptions {
            families: Families::Both,
            ..ClusterOptions::control_plane("bare")
        };
        World::start(&options, &[], &Server::Simulator)
    })
}

/// Ends the worlds that there are.
pub fn end() {
    SHARED.end();
    BARE.end();
    TORTURED.end();
}

/// The world in which operators are tortured: all kinds of others are there, and it has no operator of its own.
fn tortured() -> Result<Arc<World>, Error> {
    TORTURED.get_or_start(|| {
        let options = ClusterOptions::control_plane("torture");
        let world = World::start(&options, &Kind::ALL, &Server::Simulator)?;
        let installation = world.installation.lock();
        installation
            .unwrap_or_else(PoisonError::into_inner)
            .stop_operator(true);
        Ok(world)
    })
}

/// Why a test that asks for what only the simulator does cannot run.
pub fn is_server_real() -> Option<&'static str> {
    match server_from_environment() {
        Server::Simulator => None,
        Server::Program(_) | Server::Image(_) => {
            Some("it needs the simulator, and the server in the pods is a real one")
        }
    }
}

/// A real server instead of the simulator, as `cargo xtask test` was told.
pub fn server_from_environment() -> Server {
    let get = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    match (get("DITTOFS_TEST_SERVER"), get("DITTOFS_TEST_SERVER_IMAGE")) {
        (Some(program), _) => Server::Program(program.into()),
        (None, Some(image)) => Server::Image(image),
        (None, None) => Server::Simulator,
    }
}

/// Held for reading by ordinary tests, for writing by those that disturb all others.
static STAGE: RwLock<()> = RwLock::new(());

/// Runs a test in a namespace of its own, in the cluster's network. On failure it says what is in the namespace.
///
/// # Errors
/// What the test ended with.
pub fn play<F>(name: &str, test: impl FnOnce(Scene) -> F + Send) -> Outcome
where
    F: Future<Output = Outcome>,
{
    let _stage = STAGE.read().unwrap_or_else(PoisonError::into_inner);
    perform(&shared()?, name, test)
}

/// The same while no other test runs.
///
/// # Errors
/// What the test ended with.
pub fn play_alone<F>(name: &str, test: impl FnOnce(Scene) -> F + Send) -> Outcome
where
    F: Future<Output = Outcome>,
{
    let _stage = STAGE.write().unwrap_or_else(PoisonError::into_inner);
    perform(&shared()?, name, test)
}

/// The same in a world of the test's own, with a node whose addresses are of these families.
///
/// # Errors
/// The world did not come up, or what the test ended with.
pub fn play_apart<F>(
    families: Families,
    name: &str,
    test: impl FnOnce(Scene) -> F + Send,
) -> Outcome
where
    F: Future<Output = Outcome>,
{
    let _stage = STAGE.write().unwrap_or_else(PoisonError::into_inner);
    let options = ClusterOptions {
        families,
        ..ClusterOptions::node("families")
    };
    let world = Arc::new(World::start(&options, &[], &server_from_environment())?);
    let outcome = perform(&world, name, test);
    if let Ok(world) = Arc::try_unwrap(world) {
        outcome.and(world.cluster.shutdown().map_err(Error::from))
    } else {
        outcome
    }
}

/// Held by the test that the bare world belongs to.
static BARE_STAGE: Mutex<()> = Mutex::new(());

/// The same in the bare world, which is the test's own while it runs: no kind of others is there to begin with.
///
/// # Errors
/// What the test ended with.
pub fn play_bare<F>(name: &str, test: impl FnOnce(Scene) -> F + Send) -> Outcome
where
    F: Future<Output = Outcome>,
{
    let _stage = BARE_STAGE.lock().unwrap_or_else(PoisonError::into_inner);
    let world = bare()?;
    world.cluster.in_network(|| async {
        ForeignCrds::remove(&world.cluster.client()?, &Kind::ALL).await?;
        Outcome::Ok(())
    })??;
    perform(&world, name, test)
}

/// Held by the test that tortures its operators: it keeps the machine busy enough.
static TORTURED_STAGE: Mutex<()> = Mutex::new(());

/// The same in the world without an operator.
///
/// # Errors
/// What the test ended with.
pub fn play_tortured<F>(name: &str, test: impl FnOnce(Scene) -> F + Send) -> Outcome
where
    F: Future<Output = Outcome>,
{
    let _stage = TORTURED_STAGE
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    // It would disturb those that run alone.
    let _others = STAGE.read().unwrap_or_else(PoisonError::into_inner);
    perform(&tortured()?, name, test)
}

/// As [`play`], when all other tests have ended that have begun.
///
/// # Errors
/// What the test ended with.
pub fn play_last<F>(name: &str, test: impl FnOnce(Scene) -> F + Send) -> Outcome
where
    F: Future<Output = Outcome>,
{
    let _bare = BARE_STAGE.lock().unwrap_or_else(PoisonError::into_inner);
    let _tortured = TORTURED_STAGE
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    play_alone(name, test)
}

/// The audit logs of the worlds that there are.
pub fn audits() -> Vec<AuditLog> {
    let slots = [&SHARED, &BARE, &TORTURED].into_iter();
    let logs = slots.filter_map(|slot| {
        let world = slot.lock().clone()?.ok()?;
        Some(world.cluster.audit())
    });
    logs.collect()
}

/// The same in a world of its own, which ends with the test.
///
/// # Errors
/// What the test ended with.
pub fn play_own<F>(name: &str, test: impl FnOnce(Scene) -> F + Send) -> Outcome
where
    F: Future<Output = Outcome>,
{
    let _stage = BARE_STAGE.lock().unwrap_or_else(PoisonError::into_inner);
    let options = ClusterOptions::control_plane("own");
    let world = Arc::new(World::start(&options, &[], &Server::Simulator)?);
    perform(&world, name, test)
}

fn perform<F>(world: &Arc<World>, name: &str, test: impl FnOnce(Scene) -> F + Send) -> Outcome
where
    F: Future<Output = Outcome>,
{
    let namespace = namespace_of(name);
    let outcome = world.cluster.in_network(|| {
        let world = Arc::clone(world);
        let namespace = namespace.clone();
        async move {
            let client = world.cluster.client()?;
            make_namespace(&client, &namespace).await?;
            let scene = Scene {
                client: client.clone(),
                namespace: namespace.clone(),
                began: world.cluster.audit().mark()?,
                world,
            };
            let outcome = test(scene).await;
            if outcome.is_ok() {
                let namespaces: Api<Namespace> = Api::all(client);
                namespaces
                    .delete(&namespace, &DeleteParams::background())
                    .await?;
            }
            outcome
        }
    })?;
    outcome.map_err(|error| format!("{error}\n{}", scenery::of(world, &namespace)).into())
}

fn namespace_of(name: &str) -> String {
    let label: String = name
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() {
                c.to_ascii_lowercase()
            } else {
                '-'
            }
        })
        .collect();
    let mut label = label.trim_matches('-').replace("--", "-");
    label.truncate(60);
    label.trim_matches('-').to_owned()
}

async fn make_namespace(client: &Client, name: &str) -> Outcome {
    let labels = BTreeMap::from([(
        "pod-security.kubernetes.io/enforce".to_owned(),
        "restricted".to_owned(),
    )]);
    let metadata = ObjectMeta {
        name: Some(name.to_owned()),
        labels: Some(labels),
        ..ObjectMeta::default()
    };
    let namespaces: Api<Namespace> = Api::all(client.clone());
    namespaces
        .create(
            &PostParams::default(),
            &Namespace {
                metadata,
                ..Namespace::default()
            },
        )
        .await?;
    Ok(())
}
