//! The whole sidecar in one process, with a fake server and a fake ConfigMap.

mod ports;

use super::*;
use crate::clock;
use crate::credentials::CredentialFiles;
use crate::fake::{DittoFs, FakeTarget, Folder, NFS_AND_SMB, SIGNING_KEY, User};
use crate::http::Http;
use crate::listening::Listening;
use crate::publish::Data;
use crate::session::Session;
use crate::signing_key::SigningKey;
use dittofs_shared::published_state::{PublishedState, ServerStatus};
use dittofs_shared::reports::ResetOutcome;
use dittofs_shared::settings::ResetRequest;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;

const PATIENCE: Duration = Duration::from_secs(10);
const ONLY_NFS: &str = r#"[{"type":"nfs","port":12049,"enabled":true,"running":false}]"#;

struct Scene {
    server: DittoFs,
    target: FakeTarget,
    settings: watch::Sender<Settings>,
    heartbeat: watch::Receiver<Heartbeat>,
    stop: Option<oneshot::Sender<()>>,
    sidecar: Option<JoinHandle<()>>,
    _folders: [Folder; 2],
}

impl Scene {
    async fn with(target: FakeTarget) -> Self {
        let server = DittoFs::start().await;
        let own = Folder::with("dittofs-sidecar", "sidecar-Passw0rd-1");
        let keys = Folder::new();
        let (settings, followed) = watch::channel(Settings {
            polling_interval: Duration::from_millis(10),
            resync_interval: Duration::from_millis(10),
            removal_hold: Duration::from_secs(1),
            ..Settings::default()
        });
        let (sender, heartbeat) = watch::channel(Heartbeat::default());
        let (stop, stopped) = oneshot::channel();
        let http = Http::new(&server.url()).with_deadline(Duration::from_secs(1));
        let http = Arc::new(http);
        let key = SigningKey::new(Some(keys.write("key", SIGNING_KEY)));
        let administration = Administration::new(http.clone(), key);
        let session = Session::new(
            http,
            CredentialFiles::new(own.path()),
            administration.clone(),
        );
        let parts = Parts {
            poller: Poller::new(session, Listening::of_this_test()),
            administration,
            target: target.clone(),
            clock: clock::system(),
            settings: followed,
            heartbeat: sender,
        };
        let sidecar = tokio::spawn(async move {
            run(parts, async move {
                let _ = stopped.await;
            })
            .await;
        });
        Self {
            server,
            target,
            settings,
            heartbeat,
            stop: Some(stop),
            sidecar: Some(sidecar),
            _folders: [own, keys],
        }
    }

    /// With an empty ConfigMap, until the first list is published.
    async fn settled() -> Self {
        let scene = Self::with(FakeTarget::holding(Data::new())).await;
        scene
            .until(|state| state.server.status == ServerStatus::Reachable)
            .await;
        scene
    }

    fn published(&self) -> Option<PublishedState> {
        let data = self.target.set(|inside| inside.data.clone())?;
        PublishedState::decode(&data).ok()
    }

    /// Waits until the published state is as expected.
    async fn until(&self, expected: impl Fn(&PublishedState) -> bool) -> PublishedState {
        let started = Instant::now();
        loop {
            let published = self.published();
            if let Some(state) = published.clone().filter(&expected) {
                return state;
            }
            assert!(started.elapsed() < PATIENCE, "published: {published:#?}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// The statuses that were published, one after the other.
    fn statuses(&self) -> Vec<ServerStatus> {
        let writes = self.target.writes();
        let states = writes
            .iter()
            .map(|data| PublishedState::decode(data).unwrap());
        let mut statuses: Vec<_> = states.map(|state| state.server.status).collect();
        statuses.dedup();
        statuses
    }

    /// Lets some polls pass.
    async fn polls(&self) {
        tokio::time::sleep(Duration::from_millis(150)).await;
    }

    async fn stop(&mut self) -> Duration {
        let started = Instant::now();
        self.stop.take().unwrap().send(()).unwrap();
        self.sidecar.take().unwrap().await.unwrap();
        started.elapsed()
    }
}

fn types(state: &PublishedState) -> Vec<String> {
    let adapters = state.adapters.as_deref().unwrap_or_default();
    adapters
        .iter()
        .map(|adapter| adapter.r#type.clone())
        .collect()
}

fn of_smb(
    state: &PublishedState,
    test: impl Fn(&dittofs_shared::published_state::Adapter) -> bool,
) -> bool {
    let adapters = state.adapters.as_deref().unwrap_or_default();
    adapters
        .iter()
        .any(|adapter| adapter.r#type == "smb" && test(adapter))
}

#[tokio::test]
async fn a_change_is_one_write_and_no_change_is_none() {
    let scene = Scene::settled().await;
    assert_eq!(types(&scene.published().unwrap()), ["nfs", "smb"]);
    assert!(scene.heartbeat.borrow().ready().is_ok());
    scene.polls().await;
    assert_eq!(scene.target.writes().len(), 1);
    scene
        .server
        .ports(200, &NFS_AND_SMB.replace("1445", "1446"));
    scene
        .until(|state| of_smb(state, |smb| smb.port == 1446))
        .await;
    scene.polls().await;
    assert_eq!(scene.target.writes().len(), 2);
}

#[tokio::test]
async fn a_removed_adapter_leaves_after_its_hold() {
    let scene = Scene::settled().await;
    scene.server.ports(200, ONLY_NFS);
    scene
        .until(|state| of_smb(state, |smb| smb.leaving_since.is_some()))
        .await;
    let started = Instant::now();
    scene.until(|state| types(state) == ["nfs"]).await;
    assert!(started.elapsed() > Duration::from_millis(500));
    assert_eq!(scene.target.writes().len(), 3);
}

#[tokio::test]
async fn an_invalid_answer_removes_no_adapter() {
    let scene = Scene::settled().await;
    scene.server.ports(200, "{}");
    let state = scene
        .until(|state| state.server.status == ServerStatus::Invalid)
        .await;
    assert_eq!(types(&state), ["nfs", "smb"]);
    assert!(scene.heartbeat.borrow().ready().is_err());
    scene.polls().await;
    assert_eq!(scene.target.writes().len(), 2);
    scene.server.ports(200, NFS_AND_SMB);
    scene
        .until(|state| state.server.status == ServerStatus::Reachable)
        .await;
}

#[tokio::test]
async fn a_server_that_is_unreachable_and_comes_back_is_published_twice() {
    let mut scene = Scene::settled().await;
    scene.server.stop().await;
    let state = scene
        .until(|state| state.server.status == ServerStatus::Unreachable)
        .await;
    assert_eq!(types(&state), ["nfs", "smb"]);
    scene.server.listen().await;
    scene
        .until(|state| state.server.status == ServerStatus::Reachable)
        .await;
    // How it is unreachable may change meanwhile, on a busy machine: no answer in time, and then no connection.
    let [good, bad] = [ServerStatus::Reachable, ServerStatus::Unreachable];
    assert_eq!(scene.statuses(), [good, bad, good]);
    assert!(scene.target.writes().len() <= 5);
    scene.server.set(|inside| inside.hangs = true);
    let state = scene
        .until(|state| state.server.status == ServerStatus::Unreachable)
        .await;
    assert!(state.server.message.unwrap().contains("did not answer"));
}

#[tokio::test]
async fn only_the_latest_state_waits_for_the_api_server() {
    let scene = Scene::settled().await;
    scene.target.set(|inside| inside.is_down = true);
    for port in ["1446", "1447", "1448"] {
        scene.server.ports(200, &NFS_AND_SMB.replace("1445", port));
        scene.polls().await;
    }
    assert!(scene.heartbeat.borrow().ready().is_ok(), "polls go on");
    scene.target.set(|inside| inside.is_down = false);
    scene
        .until(|state| of_smb(state, |smb| smb.port == 1448))
        .await;
    assert_eq!(scene.target.writes().len(), 2);
}

#[tokio::test]
async fn a_missing_config_map_is_waited_for() {
    let scene = Scene::with(FakeTarget::default()).await;
    scene.polls().await;
    assert!(scene.heartbeat.borrow().ready().is_ok());
    scene.target.set(|inside| inside.data = Some(Data::new()));
    scene
        .settings
        .send_modify(|settings| settings.publish_to = Some("made".into()));
    scene.until(|state| types(state) == ["nfs", "smb"]).await;
}

#[tokio::test]
async fn a_config_map_that_lost_its_data_gets_it_back() {
    let scene = Scene::settled().await;
    scene.target.set(|inside| inside.data = Some(Data::new()));
    scene.polls().await;
    assert!(
        scene.published().is_none(),
        "it is read again only when the operator says so"
    );
    scene
        .settings
        .send_modify(|settings| settings.publish_to = Some("another".into()));
    scene.until(|state| types(state) == ["nfs", "smb"]).await;
    scene
        .settings
        .send_modify(|settings| settings.publish_to = Some("a third".into()));
    scene.polls().await;
    assert_eq!(
        scene.target.writes().len(),
        2,
        "what is published already is not written again"
    );
}

#[tokio::test]
async fn a_sidecar_that_starts_again_writes_nothing_when_nothing_has_changed() {
    let scene = Scene::settled().await;
    let data = scene.target.set(|inside| inside.data.clone()).unwrap();
    let again = Scene::with(FakeTarget::holding(data.clone())).await;
    again.polls().await;
    assert_eq!(again.target.writes(), Vec::<Data>::new());
    again.server.ports(200, ONLY_NFS);
    let third = Scene::with(FakeTarget::holding(data)).await;
    third.server.ports(200, ONLY_NFS);
    third
        .until(|state| of_smb(state, |smb| smb.leaving_since.is_some()))
        .await;
}

#[tokio::test]
async fn the_final_state_keeps_the_adapters() {
    let mut scene = Scene::settled().await;
    assert!(scene.stop().await < Duration::from_secs(1));
    let state = scene.published().unwrap();
    assert_eq!(state.server.status, ServerStatus::Stopping);
    assert_eq!(types(&state), ["nfs", "smb"]);
}

#[tokio::test]
async fn a_stop_always_takes_less_than_a_second() {
    let mut scene = Scene::settled().await;
    scene.target.set(|inside| inside.hangs = true);
    scene.server.set(|inside| inside.hangs = true);
    assert!(scene.stop().await < Duration::from_secs(1));
    let mut unknown = Scene::with(FakeTarget::default()).await;
    unknown.target.set(|inside| inside.hangs = true);
    assert!(unknown.stop().await < Duration::from_secs(1));
}

fn request_reset(scene: &Scene, request: &str) {
    scene.settings.send_modify(|settings| {
        settings.reset = Some(ResetRequest {
            request: request.into(),
            secret: "people".into(),
            key: "admin".into(),
        });
    });
}

fn reset_of(state: &PublishedState) -> Option<(&str, ResetOutcome)> {
    let reset = state.reports.password_reset.as_ref()?;
    Some((&reset.request, reset.outcome))
}

fn administrator(scene: &Scene) -> User {
    scene.server.set(|inside| inside.users["admin"].clone())
}

#[tokio::test]
async fn a_requested_reset_sets_the_password_once_and_is_reported() {
    let scene = Scene::settled().await;
    scene
        .target
        .set(|inside| inside.password = Some("reset-Passw0rd\n".into()));
    scene.polls().await;
    assert_eq!(
        administrator(&scene),
        User::new("admin", "admin-Passw0rd-1"),
        "nothing was requested"
    );
    assert_eq!(scene.target.set(|inside| inside.password_reads), 0);
    request_reset(&scene, "1");
    scene
        .until(|state| reset_of(state) == Some(("1", ResetOutcome::Done)))
        .await;
    // The password is not trimmed, and the administrator need not change it.
    assert_eq!(
        administrator(&scene),
        User::new("admin", "reset-Passw0rd\n")
    );
    scene.settings.send_modify(|settings| settings.reset = None);
    scene.polls().await;
    assert_eq!(scene.target.set(|inside| inside.password_reads), 1);

    // A sidecar that starts again does not repeat the reset.
    let data = scene.target.set(|inside| inside.data.clone()).unwrap();
    let again = Scene::with(FakeTarget::holding(data)).await;
    again
        .target
        .set(|inside| inside.password = Some("reset-Passw0rd\n".into()));
    request_reset(&again, "1");
    again.polls().await;
    assert_eq!(again.target.set(|inside| inside.password_reads), 0);
    request_reset(&again, "2");
    again
        .until(|state| reset_of(state) == Some(("2", ResetOutcome::Done)))
        .await;
}

#[tokio::test]
async fn a_refused_reset_is_reported_and_retried() {
    let scene = Scene::settled().await;
    request_reset(&scene, "1");
    let state = scene.until(|state| reset_of(state).is_some()).await;
    let reset = state.reports.password_reset.unwrap();
    assert_eq!(reset.outcome, ResetOutcome::Refused);
    assert!(reset.message.unwrap().contains("does not exist"));
    scene
        .target
        .set(|inside| inside.password = Some("short".into()));
    let reports = |state: &PublishedState, words: &str| {
        let reset = state.reports.password_reset.as_ref();
        reset.is_some_and(|reset| reset.message.as_deref().unwrap_or_default().contains(words))
    };
    scene.until(|state| reports(state, "8 to 72 bytes")).await;
    assert_eq!(administrator(&scene).password, "admin-Passw0rd-1");
    scene.settings.send_modify(|settings| settings.reset = None);
    scene
        .until(|state| state.reports.password_reset.is_none())
        .await;
}
