//! Which server is trusted.

use super::*;

#[tokio::test]
async fn a_certificate_that_the_file_vouches_for_is_trusted_whatever_its_name() {
    let authority = Authority::new("a CA");
    let intermediate = authority.intermediate("an intermediate CA");
    let leaf = intermediate
        .issue(Period::Now)
        .with_intermediate(&intermediate);
    let (own, own_ca) = (
        self_signed(Period::Now, false),
        self_signed(Period::Now, true),
    );
    let other = Authority::new("another CA").pem();
    for (what, identity, trusted) in [
        ("its CA", &authority.issue(Period::Now), authority.pem()),
        (
            "one of two CAs",
            &authority.issue(Period::Now),
            other + &authority.pem(),
        ),
        ("the CA above an intermediate one", &leaf, authority.pem()),
        ("the intermediate CA alone", &leaf, intermediate.pem()),
        (
            "the leaf and the intermediate CA, as in tls.crt",
            &leaf,
            leaf.certificate.clone(),
        ),
        (
            "the leaf alone",
            &leaf,
            leaf.certificate.replace(&intermediate.pem(), ""),
        ),
        ("a self-signed one", &own, own.certificate.clone()),
        (
            "a self-signed one that claims to be a CA",
            &own_ca,
            own_ca.certificate.clone(),
        ),
    ] {
        let scene = Scene::new(identity, &trusted).await;
        assert_eq!(scene.ask().await, Ok(401), "{what}");
    }
}

#[tokio::test]
async fn an_unknown_certificate_is_not_trusted() {
    let (ours, theirs) = (Authority::new("a CA"), Authority::new("another CA"));
    let unknown = "is neither in /ca.crt nor signed by a CA in /ca.crt; add its CA as ca.crt to the Secret with the server's certificate";
    let a_ca = "is a CA certificate, which is accepted only if it is itself in /ca.crt; add it to the Secret as ca.crt";
    for (identity, trusted, why) in [
        (theirs.issue(Period::Now), ours.pem(), unknown),
        (self_signed(Period::Now, false), ours.pem(), unknown),
        (
            self_signed(Period::Now, true),
            self_signed(Period::Now, true).certificate,
            a_ca,
        ),
        // Another leaf of the same CA is not the one in the file.
        (
            ours.issue(Period::Now),
            ours.issue(Period::Now).certificate,
            unknown,
        ),
    ] {
        let scene = Scene::new(&identity, &trusted).await;
        assert_eq!(
            scene.refused(FailureKind::Invalid).await,
            format!("the certificate of URL {why}")
        );
    }
}

#[tokio::test]
async fn the_validity_period_is_checked_even_for_a_certificate_in_the_file() {
    let authority = Authority::new("a CA");
    for (period, word) in [
        (Period::Past, "has expired; renew it in its Secret"),
        (
            Period::Future,
            "is not valid yet; check the clock of the node",
        ),
    ] {
        let issued = authority.issue(period);
        let (own, own_ca) = (self_signed(period, false), self_signed(period, true));
        for (identity, trusted) in [
            (&issued, authority.pem()),
            (&issued, issued.certificate.clone()),
            (&own, own.certificate.clone()),
            (&own_ca, own_ca.certificate.clone()),
        ] {
            let scene = Scene::new(identity, &trusted).await;
            let message = scene.refused(FailureKind::Invalid).await;
            assert_eq!(
                message,
                format!("the certificate of URL, or one in its chain, {word}")
            );
        }
    }
}

#[tokio::test]
async fn an_expected_name_is_checked() {
    let authority = Authority::new("a CA");
    let pinned = self_signed(Period::Now, true);
    for (identity, trusted) in [
        (authority.issue(Period::Now), authority.pem()),
        (pinned.clone(), pinned.certificate),
    ] {
        let mut scene = Scene::new(&identity, &trusted).await;
        scene.files.server_name = Some(ServerName::try_from("files.example").unwrap());
        assert_eq!(scene.ask().await, Ok(401));
        scene.files.server_name = Some(ServerName::try_from("other.example").unwrap());
        assert_eq!(
            scene.refused(FailureKind::Invalid).await,
            "the certificate of URL is not valid for the name other.example; correct the certificate or the expected name"
        );
    }
}

#[tokio::test]
async fn a_server_without_tls_has_its_own_message() {
    let scene = Scene::with(DittoFs::start().await, &Authority::new("a CA").pem());
    let message = scene.refused(FailureKind::Invalid).await;
    assert_eq!(
        message,
        "URL does not speak TLS, but probably plain HTTP; give the server its certificate, or the sidecar an http:// address"
    );
}

#[tokio::test]
async fn a_server_that_expects_tls_has_its_own_message() {
    let authority = Authority::new("a CA");
    let identity = authority.issue(Period::Now);
    let server = DittoFs::start_with(server_config(&identity, None, &[&TLS13])).await;
    let url = server.url().to_string().replace("https", "http");
    let http = Http::new(&url.parse().unwrap());
    for _ in 0..20 {
        let failure = ask(&http).await.unwrap_err();
        assert_eq!(failure.kind, FailureKind::Invalid, "{failure}");
        assert!(
            failure
                .message
                .contains("expects TLS, but the sidecar uses plain HTTP"),
            "{failure}"
        );
    }
}

#[tokio::test]
async fn a_refused_connection_has_the_usual_message() {
    let authority = Authority::new("a CA");
    let mut scene = Scene::new(&authority.issue(Period::Now), &authority.pem()).await;
    scene.server.stop().await;
    let message = scene.refused(FailureKind::Unreachable).await;
    assert!(message.starts_with("nothing is listening on "), "{message}");
}
