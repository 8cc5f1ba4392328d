//! At rest, with a resync that does not come in the time of a test: only ports cause polls.

use super::*;
use std::net::TcpListener;

/// A server with two adapters that listen.
struct AtRest {
    scene: Scene,
    nfs: u16,
    smb: TcpListener,
    _nfs: TcpListener,
}

fn listed(nfs: u16, smb: u16, smb_is_on: bool) -> String {
    format!(
        r#"[{{"type":"nfs","port":{nfs},"enabled":true,"running":true}},
            {{"type":"smb","port":{smb},"enabled":{smb_is_on},"running":{smb_is_on}}}]"#
    )
}

impl AtRest {
    async fn start() -> Self {
        let listen = || TcpListener::bind("127.0.0.1:0").unwrap();
        let (nfs, smb) = (listen(), listen());
        let scene = Scene::settled().await;
        let this = Self {
            scene,
            nfs: nfs.local_addr().unwrap().port(),
            smb,
            _nfs: nfs,
        };
        this.lists_smb(true);
        let running = |state: &PublishedState| {
            let adapters = state.adapters.iter().flatten();
            adapters.filter(|adapter| adapter.running).count() == 2
        };
        this.scene.until(running).await;
        this.resyncs(Duration::from_hours(1)).await;
        this
    }

    fn smb_port(&self) -> u16 {
        self.smb.local_addr().unwrap().port()
    }

    fn lists_smb(&self, is_on: bool) {
        let list = listed(self.nfs, self.smb_port(), is_on);
        self.scene.server.ports(200, &list);
    }

    /// Sets the interval, and waits for the poll that this causes.
    async fn resyncs(&self, interval: Duration) {
        let before = self.polls();
        self.scene
            .settings
            .send_modify(|settings| settings.resync_interval = interval);
        let started = Instant::now();
        while self.polls() == before {
            assert!(started.elapsed() < PATIENCE, "no poll");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        // The poll may have begun before the change, and another one follows.
        self.scene.polls().await;
    }

    /// How often the adapters were asked for.
    fn polls(&self) -> usize {
        let path = |request: &&String| request.contains("/adapters/ports");
        self.scene
            .server
            .set(|inside| inside.requests.iter().filter(path).count())
    }
}

#[tokio::test]
async fn at_rest_the_server_is_not_polled_and_the_loop_is_alive() {
    let rest = AtRest::start().await;
    let before = rest.polls();
    let beat = rest.scene.heartbeat.borrow().clone();
    rest.scene.polls().await;
    assert_eq!(rest.polls(), before);
    assert_ne!(*rest.scene.heartbeat.borrow(), beat, "no look at the ports");
}

#[tokio::test]
async fn a_port_that_closes_is_followed_by_a_poll() {
    let rest = AtRest::start().await;
    rest.lists_smb(false);
    rest.scene.polls().await;
    assert!(!of_smb(&rest.scene.published().unwrap(), |smb| !smb.enabled));
    drop(rest.smb);
    rest.scene
        .until(|state| of_smb(state, |smb| smb.leaving_since.is_some()))
        .await;
}

#[tokio::test]
async fn a_port_that_closes_removes_nothing_that_the_server_lists() {
    let rest = AtRest::start().await;
    drop(rest.smb);
    let state = rest
        .scene
        .until(|state| of_smb(state, |smb| !smb.running))
        .await;
    assert!(of_smb(&state, |smb| smb.enabled && smb.leaving_since.is_none()));
}

#[tokio::test]
async fn a_change_that_no_port_tells_is_seen_with_the_resync() {
    let rest = AtRest::start().await;
    rest.resyncs(Duration::from_millis(200)).await;
    rest.lists_smb(false);
    rest.scene
        .until(|state| of_smb(state, |smb| !smb.enabled))
        .await;
}
