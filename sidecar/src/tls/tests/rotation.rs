//! Files that are replaced while the sidecar runs.

use super::*;

impl Scene {
    /// Restarts the server with another certificate, which closes the connection.
    async fn restart(&mut self, identity: &Identity, clients: Option<&Authority>) {
        self.server.stop().await;
        self.server.tls = Some(server_config(identity, clients, &[&TLS13]));
        self.server.listen().await;
    }
}

#[tokio::test]
async fn new_files_apply_from_the_next_connection_on() {
    let (old, new) = (Authority::new("an old CA"), Authority::new("a new CA"));
    let mut scene = Scene::new(&old.issue(Period::Now), &old.pem()).await;
    let http = scene.http();
    assert_eq!(ask(&http).await, Ok(401));
    scene.restart(&new.issue(Period::Now), None).await;
    assert!(
        ask(&http)
            .await
            .unwrap_err()
            .message
            .contains("nor signed by a CA in")
    );
    scene.folder.write("ca.crt", &new.pem());
    assert_eq!(ask(&http).await, Ok(401));
    // And the old CA is not trusted any more.
    scene.restart(&old.issue(Period::Now), None).await;
    assert!(ask(&http).await.is_err());
}

#[tokio::test]
async fn a_connection_that_is_open_stays_open() {
    let (old, new) = (Authority::new("an old CA"), Authority::new("a new CA"));
    let scene = Scene::new(&old.issue(Period::Now), &old.pem()).await;
    let http = scene.http();
    assert_eq!(ask(&http).await, Ok(401));
    scene.folder.write("ca.crt", &new.pem());
    assert_eq!(ask(&http).await, Ok(401));
    assert!(
        scene.ask().await.is_err(),
        "a new connection uses the new files"
    );
}

#[tokio::test]
async fn a_client_certificate_is_renewed() {
    let (old, new) = (Authority::new("an old CA"), Authority::new("a new CA"));
    let identity = old.issue(Period::Now);
    let mut scene = Scene::new(&identity, &old.pem()).await;
    scene.restart(&identity, Some(&old)).await;
    scene.show(&old.issue(Period::Now));
    let http = scene.http();
    assert_eq!(ask(&http).await, Ok(401));
    scene.restart(&identity, Some(&new)).await;
    assert_eq!(ask(&http).await.unwrap_err().kind, FailureKind::Refused);
    scene.show(&new.issue(Period::Now));
    assert_eq!(ask(&http).await, Ok(401));
}

#[tokio::test]
async fn unusable_files_are_ignored_while_earlier_ones_can_be_used() {
    let authority = Authority::new("a CA");
    let identity = authority.issue(Period::Now);
    let (mine, next) = (authority.issue(Period::Now), authority.issue(Period::Now));
    let mut scene = Scene::new(&identity, &authority.pem()).await;
    scene.restart(&identity, Some(&authority)).await;
    scene.show(&mine);
    let http = scene.http();
    assert_eq!(ask(&http).await, Ok(401));
    let half = authority.pem()[..100].to_owned();
    for (file, text) in [
        ("ca.crt", half.as_str()),
        ("ca.crt", ""),
        // As when the kubelet replaces the directory between reading the two files.
        ("client.crt", &next.certificate),
        ("client.key", "none"),
    ] {
        scene.folder.write(file, text);
        scene.restart(&identity, Some(&authority)).await;
        assert_eq!(ask(&http).await, Ok(401), "{file}: {text}");
    }
    std::fs::remove_file(&scene.files.trusted).unwrap();
    scene.restart(&identity, Some(&authority)).await;
    assert_eq!(ask(&http).await, Ok(401));
    // Usable files apply again.
    let other = Authority::new("another CA");
    scene.folder.write("ca.crt", &other.pem());
    scene.show(&next);
    scene.restart(&identity, Some(&authority)).await;
    assert!(ask(&http).await.is_err());
    scene
        .restart(&other.issue(Period::Now), Some(&authority))
        .await;
    assert_eq!(ask(&http).await, Ok(401));
}
