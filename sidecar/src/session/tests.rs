//! The session with a server that answers like the recorded one.

use super::*;
use crate::fake::{DittoFs, Folder, SIGNING_KEY, User};
use crate::outcome::FailureKind;
use crate::signing_key::SigningKey;
use jiff::Timestamp;

const PATH: &str = "/api/v1/adapters/ports";
const LOGIN: &str = "POST /api/v1/auth/login";
const REFRESH: &str = "POST /api/v1/auth/refresh";
const FIND: &str = "GET /api/v1/users/dittofs-sidecar";
const CREATE: &str = "POST /api/v1/users";
const UPDATE: &str = "PUT /api/v1/users/dittofs-sidecar";
const RESET: &str = "POST /api/v1/users/dittofs-sidecar/password";
const POLL: &str = "GET /api/v1/adapters/ports";
const NAME: &str = "dittofs-sidecar";
const OWN: &str = "sidecar-Passw0rd-1";
const OTHER_KEY: &str = "another-key-than-the-server-runs-with-by-far";

/// A change that somebody makes to the sidecar's user.
type Change = fn(&mut User);

struct Scene {
    server: DittoFs,
    own: Folder,
    keys: Folder,
    session: Session,
}

impl Scene {
    /// A server without the sidecar's user, and Secrets as the operator creates them.
    async fn fresh() -> Self {
        let server = DittoFs::start().await;
        let own = Folder::with(NAME, OWN);
        let keys = Folder::new();
        let key = SigningKey::new(Some(keys.write("key", SIGNING_KEY)));
        let http = Http::new(&server.url()).with_deadline(Duration::from_secs(1));
        let http = Arc::new(http);
        let administration = Administration::new(http.clone(), key);
        let session = Session::new(http, CredentialFiles::new(own.path()), administration);
        Self {
            server,
            own,
            keys,
            session,
        }
    }

    /// The same after the user was created and has logged in.
    async fn settled() -> Self {
        let mut scene = Self::fresh().await;
        scene.poll(0).await.unwrap();
        scene.repaired().await;
        scene.poll(0).await.unwrap();
        scene.server.requests();
        scene
    }

    async fn poll(&mut self, seconds: u64) -> Result<u16, Failure> {
        let now = Now {
            wall: Timestamp::now(),
            steady: Duration::from_secs(seconds),
        };
        let answer = self.session.get(PATH, now).await?;
        Ok(answer.status.as_u16())
    }

    /// Waits until the running repair has ended.
    async fn repaired(&mut self) {
        self.session.repairs.settle().await;
    }

    async fn refused(&mut self, seconds: u64) -> String {
        let failure = self.poll(seconds).await.unwrap_err();
        assert_eq!(failure.kind, FailureKind::Refused, "{failure}");
        self.keeps_secrets(&failure.message)
    }

    /// Polls succeed although the repair fails. Returns the reported message.
    async fn reported(&mut self, seconds: u64) -> String {
        assert_eq!(self.poll(seconds).await, Ok(200));
        self.repaired().await;
        assert_eq!(self.poll(seconds).await, Ok(200));
        let access = self.session.access().unwrap();
        assert!(!access.signing_key_refused, "{access:?}");
        self.keeps_secrets(&access.message)
    }

    fn keeps_secrets(&self, message: &str) -> String {
        let printed = format!("{message} {:?}", self.session);
        for secret in [
            "Passw0rd",
            "dittofs-sidecar.",
            "eyJ",
            SIGNING_KEY,
            OTHER_KEY,
        ] {
            assert!(!printed.contains(secret), "{printed}");
        }
        message.to_owned()
    }

    fn user(&self) -> Option<User> {
        self.server.set(|inside| inside.users.get(NAME).cloned())
    }

    /// Invalidates all tokens of the sidecar.
    fn forget_tokens(&self) {
        self.server.set(|inside| {
            inside.tokens.clear();
            inside.refresh_tokens.clear();
        });
    }

    /// The next poll succeeds whatever happened to the user, and soon the user is repaired.
    async fn recovers(&mut self, what: &str, seconds: u64) {
        self.forget_tokens();
        assert_eq!(self.poll(seconds).await, Ok(200), "{what}");
        assert_eq!(self.session.access(), None, "{what}");
        self.repaired().await;
        assert_eq!(self.poll(seconds).await, Ok(200), "{what}");
        assert_eq!(self.user(), Some(User::new("operator", OWN)), "{what}");
        self.server.requests();
        assert_eq!(self.poll(seconds).await, Ok(200), "{what}");
        assert_eq!(self.server.requests(), [POLL], "{what}");
        assert!(self.session.tokens.is_some(), "{what}");
    }
}

#[tokio::test]
async fn a_missing_user_delays_no_poll_and_is_created_in_the_background() {
    let mut scene = Scene::fresh().await;
    assert_eq!(scene.poll(0).await, Ok(200));
    scene.repaired().await;
    let mut requests = scene.server.requests();
    requests.retain(|what| what != POLL);
    assert_eq!(requests, [LOGIN, FIND, CREATE, LOGIN]);
    assert_eq!(scene.poll(1).await, Ok(200));
    assert_eq!(scene.server.requests(), [POLL]);
    assert_eq!(scene.user(), Some(User::new("operator", OWN)));
}

#[tokio::test]
async fn the_user_is_repaired_whatever_happens_to_it() {
    let mut scene = Scene::settled().await;
    let changes: [(&str, Change); 5] = [
        ("another password", |user| {
            user.password = "another-Passw0rd".into();
        }),
        ("disabled", |user| user.enabled = false),
        ("an administrator who must change the password", |user| {
            user.role = "admin".into();
            user.must_change = true;
            user.password = "another-Passw0rd".into();
        }),
        ("a plain user", |user| {
            user.role = "user".into();
            user.password = "another-Passw0rd".into();
        }),
        ("all of it", |user| {
            user.role = "user".into();
            user.enabled = false;
            user.password = "another-Passw0rd".into();
        }),
    ];
    for (second, (what, change)) in (100..).step_by(100).zip(changes) {
        scene
            .server
            .set(|inside| change(inside.users.get_mut(NAME).unwrap()));
        scene.recovers(what, second).await;
    }
    // The administrator's password does not matter.
    scene.server.set(|inside| {
        inside.users.get_mut("admin").unwrap().password = "changed-Passw0rd".into();
        inside.users.remove(NAME);
    });
    scene.recovers("deleted", 1000).await;
    scene.own.credentials(NAME, "created-again-Passw0rd");
    scene.forget_tokens();
    assert_eq!(scene.poll(1100).await, Ok(200));
    scene.repaired().await;
    let expected = User::new("operator", "created-again-Passw0rd");
    assert_eq!(scene.user(), Some(expected));
}

#[tokio::test]
async fn role_and_enabled_are_sent_only_when_they_differ() {
    let mut scene = Scene::settled().await;
    scene
        .server
        .set(|inside| inside.users.get_mut(NAME).unwrap().password = "x".into());
    scene.forget_tokens();
    scene.poll(1).await.unwrap();
    scene.repaired().await;
    assert_eq!(
        scene.server.requests(),
        [POLL, REFRESH, LOGIN, POLL, FIND, RESET, LOGIN]
    );
    scene
        .server
        .set(|inside| inside.users.get_mut(NAME).unwrap().enabled = false);
    scene.forget_tokens();
    scene.poll(2).await.unwrap();
    scene.poll(100).await.unwrap();
    scene.repaired().await;
    let requests = scene.server.requests();
    assert!(requests.contains(&UPDATE.to_owned()), "{requests:?}");
}

#[tokio::test]
async fn a_token_is_refreshed_before_it_expires() {
    let mut scene = Scene::settled().await;
    assert_eq!(scene.poll(719).await, Ok(200));
    assert_eq!(scene.poll(720).await, Ok(200));
    assert_eq!(scene.server.requests(), [POLL, REFRESH, POLL]);
    assert_eq!(scene.poll(1400).await, Ok(200));
    assert_eq!(scene.server.requests(), [POLL]);
}

#[tokio::test]
async fn a_refused_token_is_refreshed_before_a_login_is_tried() {
    let mut scene = Scene::settled().await;
    scene.server.set(|inside| inside.tokens.clear());
    assert_eq!(scene.poll(1).await, Ok(200));
    assert_eq!(scene.server.requests(), [POLL, REFRESH, POLL]);
    scene.forget_tokens();
    assert_eq!(scene.poll(2).await, Ok(200));
    assert_eq!(scene.server.requests(), [POLL, REFRESH, LOGIN, POLL]);
}

#[tokio::test]
async fn a_failed_repair_is_reported_and_polls_continue() {
    let mut scene = Scene::fresh().await;
    scene.own.credentials(NAME, "short");
    assert!(scene.reported(0).await.contains("8 to 72 bytes"));
    scene.own.credentials(NAME, OWN);
    assert_eq!(scene.poll(5).await, Ok(200));
    scene.repaired().await;
    assert_eq!(scene.poll(6).await, Ok(200));
    assert_eq!(scene.session.access(), None);

    for (name, words) in [
        ("admin", "never changes an administrator's password"),
        ("root", "never changes an administrator's password"),
        ("me", "not a valid user name"),
        ("a/../b", "not a valid user name"),
        ("a%2Fb", "not a valid user name"),
    ] {
        let mut scene = Scene::fresh().await;
        let root = User::new("admin", "another-Passw0rd");
        scene
            .server
            .set(|inside| inside.users.insert("root".into(), root.clone()));
        scene.own.credentials(name, OWN);
        let reported = scene.reported(0).await;
        assert!(reported.contains(words), "{name}: {reported}");
        let users = scene.server.set(|inside| inside.users.clone());
        let before = [
            ("admin".to_owned(), User::new("admin", "admin-Passw0rd-1")),
            ("root".to_owned(), root),
        ];
        assert_eq!(users, before.into(), "{name}");
    }

    let mut scene = Scene::fresh().await;
    scene.session.own = CredentialFiles::new("/nonexistent");
    assert!(
        scene
            .reported(0)
            .await
            .contains("check that the Secret is mounted")
    );
}

#[tokio::test]
async fn failed_repairs_are_retried_with_backoff() {
    let mut scene = Scene::fresh().await;
    scene.own.credentials(NAME, "short");
    let mut logins = Vec::new();
    for second in 0..100 {
        scene.poll(second).await.unwrap();
        scene.repaired().await;
        if scene.server.requests().contains(&LOGIN.to_owned()) {
            logins.push(second);
        }
    }
    assert_eq!(logins, [0, 6, 17, 38, 79]);
}

#[tokio::test]
async fn a_key_that_differs_from_the_servers_is_reported() {
    let mut scene = Scene::fresh().await;
    scene.keys.write("key", OTHER_KEY);
    let message = scene.refused(0).await;
    for words in ["Invalid username or password", "another key", "restarted"] {
        assert!(message.contains(words), "{message}");
    }
    assert!(scene.session.access().unwrap().signing_key_refused);
    // The server restarts.
    scene.server.set(|inside| inside.key = OTHER_KEY.into());
    scene.repaired().await;
    assert_eq!(scene.poll(10).await, Ok(200));
    assert_eq!(scene.session.access(), None);
    assert_eq!(scene.poll(20).await, Ok(200));
    scene.repaired().await;
    assert!(scene.user().is_some());

    let mut scene = Scene::fresh().await;
    let key = SigningKey::new(None);
    scene.session.by_key = ByKey::new(Administration::new(scene.session.http.clone(), key));
    assert!(scene.refused(0).await.contains("no signing key is mounted"));
}

/// The mounted key follows its Secret within a minute, the server's environment only after a restart.
#[tokio::test]
async fn a_token_that_was_signed_with_the_old_key_is_used_until_it_expires() {
    let mut scene = Scene::fresh().await;
    scene.own.credentials(NAME, "short");
    assert_eq!(scene.poll(0).await, Ok(200));
    scene.keys.write("key", OTHER_KEY);
    // A new token is due, and refused.
    assert_eq!(scene.poll(720).await, Ok(200));
    let access = scene.session.access().unwrap();
    assert!(access.signing_key_refused, "{access:?}");
    assert_eq!(scene.poll(731).await, Ok(200));
    assert!(scene.refused(900).await.contains("another key"));
    scene.keys.write("key", SIGNING_KEY);
    assert_eq!(scene.poll(901).await, Ok(200));
}

#[tokio::test]
async fn a_token_of_a_login_is_used_until_it_expires() {
    let mut scene = Scene::settled().await;
    scene.keys.write("key", OTHER_KEY);
    scene.server.set(|inside| inside.users.remove(NAME));
    assert_eq!(scene.poll(720).await, Ok(200));
    scene.repaired().await;
    assert_eq!(scene.poll(721).await, Ok(200));
    let access = scene.session.access().unwrap();
    assert!(access.signing_key_refused, "{access:?}");
    // It is noticed when the key is right again, although polls do not need it.
    scene.keys.write("key", SIGNING_KEY);
    assert_eq!(scene.poll(760).await, Ok(200));
    scene.repaired().await;
    assert_eq!(scene.poll(761).await, Ok(200));
    assert_eq!(scene.session.access(), None);
}

#[tokio::test]
async fn a_403_for_the_poll_is_reported_as_refused() {
    let mut scene = Scene::settled().await;
    scene.server.ports(403, "Password change required\n");
    assert!(scene.refused(1).await.contains("Password change required"));
}

#[tokio::test]
async fn a_server_that_hangs_or_is_stopped_is_unreachable() {
    let mut scene = Scene::settled().await;
    scene.server.set(|inside| inside.hangs = true);
    let failure = scene.poll(1).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Unreachable);
    assert!(failure.message.contains("did not answer"), "{failure}");
    scene.server.set(|inside| inside.hangs = false);
    scene.server.stop().await;
    let failure = scene.poll(2).await.unwrap_err();
    assert!(failure.message.contains("connection refused"), "{failure}");
    scene.server.listen().await;
    scene.server.requests();
    assert_eq!(scene.poll(3).await, Ok(200));
    assert_eq!(scene.server.requests(), [POLL], "the token is still valid");
}

#[tokio::test]
async fn a_valid_token_is_used_while_it_cannot_be_refreshed() {
    let mut scene = Scene::settled().await;
    scene.server.stop().await;
    scene.poll(800).await.unwrap_err();
    scene.server.listen().await;
    assert_eq!(scene.poll(801).await, Ok(200));
    assert_eq!(scene.server.requests(), [POLL]);
    assert_eq!(scene.poll(811).await, Ok(200));
    assert_eq!(scene.server.requests(), [REFRESH, POLL]);
}

#[tokio::test]
async fn a_body_above_the_limit_is_rejected() {
    let mut scene = Scene::settled().await;
    scene.server.ports(200, &" ".repeat(1024 * 1024 + 1));
    let failure = scene.poll(1).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Invalid, "{failure}");
}
