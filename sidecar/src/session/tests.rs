//! The session against a server that answers as the recorded one.

use super::*;
use crate::fake::{DittoFs, Folder};
use crate::outcome::FailureKind;

const PATH: &str = "/api/v1/adapters/ports";
const LOGIN: &str = "POST /api/v1/auth/login";
const REFRESH: &str = "POST /api/v1/auth/refresh";
const CREATE: &str = "POST /api/v1/users";
const RESET: &str = "POST /api/v1/users/dittofs-sidecar/password";
const POLL: &str = "GET /api/v1/adapters/ports";

struct Scene {
    server: DittoFs,
    own: Folder,
    admin: Folder,
    session: Session,
}

impl Scene {
    /// A server without the sidecar's user, and Secrets as the operator makes them.
    async fn fresh() -> Self {
        let server = DittoFs::start().await;
        let own = Folder::with("dittofs-sidecar", "sidecar-Passw0rd-1");
        let admin = Folder::with("admin", "admin-Passw0rd-1\n");
        let session = Session::new(
            Http::new(&server.url()).with_deadline(Duration::from_secs(1)),
            CredentialFiles::new(own.path()),
            Some(CredentialFiles::new(admin.path())),
        );
        Self {
            server,
            own,
            admin,
            session,
        }
    }

    /// The same, with the user, logged in.
    async fn settled() -> Self {
        let mut scene = Self::fresh().await;
        scene.poll(0).await.unwrap();
        scene.server.asked();
        scene
    }

    async fn poll(&mut self, seconds: u64) -> Result<u16, Failure> {
        let answer = self.session.get(PATH, Duration::from_secs(seconds)).await?;
        Ok(answer.status.as_u16())
    }

    async fn refused(&mut self, seconds: u64) -> String {
        let failure = self.poll(seconds).await.unwrap_err();
        assert_eq!(failure.kind, FailureKind::Refused, "{failure}");
        for secret in ["Passw0rd", "dittofs-sidecar.", "admin."] {
            assert!(!failure.message.contains(secret), "{failure}");
        }
        failure.message
    }
}

#[tokio::test]
async fn a_missing_user_is_made() {
    let mut scene = Scene::fresh().await;
    assert_eq!(scene.poll(0).await, Ok(200));
    assert_eq!(scene.server.asked(), [LOGIN, LOGIN, CREATE, LOGIN, POLL]);
    assert_eq!(scene.poll(1).await, Ok(200));
    assert_eq!(scene.server.asked(), [POLL]);
}

#[tokio::test]
async fn a_password_that_was_changed_is_set_again() {
    let mut scene = Scene::fresh().await;
    scene.server.set(|inside| {
        inside
            .users
            .insert("dittofs-sidecar".into(), "another".into())
    });
    assert_eq!(scene.poll(0).await, Ok(200));
    assert_eq!(
        scene.server.asked(),
        [LOGIN, LOGIN, CREATE, RESET, LOGIN, POLL]
    );
}

#[tokio::test]
async fn a_token_is_refreshed_before_it_expires() {
    let mut scene = Scene::settled().await;
    assert_eq!(scene.poll(719).await, Ok(200));
    assert_eq!(scene.poll(720).await, Ok(200));
    assert_eq!(scene.server.asked(), [POLL, REFRESH, POLL]);
    assert_eq!(scene.poll(1400).await, Ok(200));
    assert_eq!(scene.server.asked(), [POLL]);
}

#[tokio::test]
async fn a_refused_token_is_refreshed_first_and_then_there_is_a_login() {
    let mut scene = Scene::settled().await;
    scene.server.set(|inside| inside.tokens.clear());
    assert_eq!(scene.poll(1).await, Ok(200));
    assert_eq!(scene.server.asked(), [POLL, REFRESH, POLL]);
    scene.server.set(|inside| {
        inside.tokens.clear();
        inside.refresh_tokens.clear();
    });
    assert_eq!(scene.poll(2).await, Ok(200));
    assert_eq!(scene.server.asked(), [POLL, REFRESH, LOGIN, POLL]);
}

#[tokio::test]
async fn a_restored_database_without_the_user_is_repaired() {
    let mut scene = Scene::settled().await;
    scene.server.set(|inside| {
        inside.tokens.clear();
        inside.refresh_tokens.clear();
        inside.users.remove("dittofs-sidecar");
    });
    assert_eq!(scene.poll(1).await, Ok(200));
    assert_eq!(
        scene.server.asked(),
        [POLL, REFRESH, LOGIN, LOGIN, CREATE, LOGIN, POLL]
    );
}

#[tokio::test]
async fn credentials_are_read_again_for_each_login() {
    let mut scene = Scene::fresh().await;
    scene.admin.credentials("admin", "old-Passw0rd");
    let message = scene.refused(0).await;
    assert!(
        message.contains("administrator's credentials too"),
        "{message}"
    );
    scene.admin.credentials("admin", "admin-Passw0rd-1");
    assert_eq!(scene.poll(1).await, Ok(200));
}

#[tokio::test]
async fn what_cannot_be_repaired_is_told_with_what_to_do() {
    let mut scene = Scene::fresh().await;
    scene.server.set(|inside| inside.admin_must_change = true);
    assert!(scene.refused(0).await.contains("Password change required"));

    let mut scene = Scene::fresh().await;
    scene.own.credentials("dittofs-sidecar", "short");
    assert!(scene.refused(0).await.contains("below 8 characters"));

    let mut scene = Scene::fresh().await;
    scene.own.credentials("admin", "not-the-admins");
    assert!(scene.refused(0).await.contains("is the administrator"));
    assert_eq!(scene.server.asked(), [LOGIN]);

    let mut scene = Scene::fresh().await;
    scene.session.admin = Some(CredentialFiles::new("/nonexistent"));
    assert!(
        scene
            .refused(0)
            .await
            .contains("no administrator's credentials are mounted")
    );

    let mut scene = Scene::fresh().await;
    scene.session.own = CredentialFiles::new("/nonexistent");
    assert!(scene.refused(0).await.contains("is the Secret mounted"));
}

#[tokio::test]
async fn a_403_for_the_poll_is_a_refusal() {
    let mut scene = Scene::settled().await;
    scene.server.ports(403, "Password change required\n");
    assert!(scene.refused(1).await.contains("Password change required"));
}

#[tokio::test]
async fn a_server_that_hangs_or_is_gone_is_unreachable() {
    let mut scene = Scene::settled().await;
    scene.server.set(|inside| inside.hangs = true);
    let failure = scene.poll(1).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Unreachable);
    assert!(failure.message.contains("no answer"), "{failure}");
    scene.server.set(|inside| inside.hangs = false);
    scene.server.stop().await;
    let failure = scene.poll(2).await.unwrap_err();
    assert!(failure.message.contains("connection refused"), "{failure}");
    scene.server.listen().await;
    scene.server.asked();
    assert_eq!(scene.poll(3).await, Ok(200));
    assert_eq!(scene.server.asked(), [POLL], "the token is good still");
}

#[tokio::test]
async fn an_old_token_is_gone_on_with_while_it_cannot_be_refreshed() {
    let mut scene = Scene::settled().await;
    scene.server.stop().await;
    scene.poll(800).await.unwrap_err();
    scene.server.listen().await;
    assert_eq!(scene.poll(801).await, Ok(200));
    assert_eq!(scene.server.asked(), [POLL]);
    assert_eq!(scene.poll(811).await, Ok(200));
    assert_eq!(scene.server.asked(), [REFRESH, POLL]);
}

#[tokio::test]
async fn a_body_without_end_is_cut_off() {
    let mut scene = Scene::settled().await;
    scene.server.ports(200, &" ".repeat(1024 * 1024 + 1));
    let failure = scene.poll(1).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Invalid, "{failure}");
}
