//! Servers that require a client certificate.

use super::*;
use rustls::SupportedProtocolVersion;

/// A server that trusts clients of the given CA.
async fn scene(authority: &Authority, version: &'static SupportedProtocolVersion) -> Scene {
    let identity = authority.issue(Period::Now);
    let config = server_config(&identity, Some(authority), &[version]);
    Scene::with(DittoFs::start_with(config).await, &authority.pem())
}

#[tokio::test]
async fn a_certificate_of_the_right_ca_is_accepted() {
    let authority = Authority::new("a CA");
    let intermediate = authority.intermediate("an intermediate CA");
    for version in [&TLS12, &TLS13] {
        let mut scene = scene(&authority, version).await;
        for identity in [
            authority.issue(Period::Now),
            intermediate
                .issue(Period::Now)
                .with_intermediate(&intermediate),
        ] {
            scene.show(&identity);
            assert_eq!(scene.ask().await, Ok(401), "{version:?}");
        }
    }
}

#[tokio::test]
async fn a_missing_client_certificate_is_reported() {
    for version in [&TLS12, &TLS13] {
        let scene = scene(&Authority::new("a CA"), version).await;
        assert_eq!(
            scene.refused(FailureKind::Refused).await,
            "URL requires a client certificate, but the sidecar has none; provide one that is signed by the server's client CA",
            "{version:?}"
        );
    }
}

#[tokio::test]
async fn a_rejected_client_certificate_is_reported_with_the_reason() {
    let authority = Authority::new("a CA");
    for version in [&TLS12, &TLS13] {
        let mut scene = scene(&authority, version).await;
        for (identity, why) in [
            (
                Authority::new("another CA").issue(Period::Now),
                "unknown CA",
            ),
            (authority.issue(Period::Past), "expired"),
        ] {
            scene.show(&identity);
            let message = scene.refused(FailureKind::Refused).await;
            let expected = format!("URL rejects the client certificate in /client.crt ({why}); ");
            assert!(message.starts_with(&expected), "{version:?}: {message}");
        }
    }
}

#[tokio::test]
async fn a_server_that_does_not_ask_gets_no_client_certificate() {
    let authority = Authority::new("a CA");
    let mut scene = Scene::new(&authority.issue(Period::Now), &authority.pem()).await;
    scene.show(&Authority::new("another CA").issue(Period::Now));
    assert_eq!(scene.ask().await, Ok(401));
}

#[tokio::test]
async fn files_that_were_never_usable_are_reported() {
    let authority = Authority::new("a CA");
    let (one, other) = (authority.issue(Period::Now), authority.issue(Period::Now));
    let mut scene = scene(&authority, &TLS13).await;
    let mixed = |certificate: &str, key: &str| Identity {
        certificate: certificate.to_owned(),
        key: key.to_owned(),
    };
    for (identity, expected) in [
        (
            mixed(&one.certificate, &other.key),
            "the private key in /client.key does not belong to the certificate in /client.crt",
        ),
        (
            mixed("", &one.key),
            "/client.crt contains no PEM certificate",
        ),
        (
            mixed(&one.certificate, "none"),
            "/client.key contains no usable private key",
        ),
        (
            mixed(&one.certificate[..one.certificate.len() / 2], &one.key),
            "/client.crt contains an invalid certificate",
        ),
        (
            mixed(
                "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
                &one.key,
            ),
            "/client.crt contains an invalid certificate",
        ),
    ] {
        scene.show(&identity);
        let message = scene.refused(FailureKind::Unreachable).await;
        assert!(message.starts_with(expected), "{message}");
    }
    scene.show(&one);
    for (trusted, expected) in [
        ("", "/ca.crt contains no PEM certificate"),
        (
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
            "/ca.crt contains an invalid certificate",
        ),
    ] {
        scene.folder.write("ca.crt", trusted);
        let message = scene.refused(FailureKind::Unreachable).await;
        assert!(message.starts_with(expected), "{message}");
    }
    std::fs::remove_file(&scene.files.trusted).unwrap();
    let message = scene.refused(FailureKind::Unreachable).await;
    assert!(
        message.starts_with("cannot read /ca.crt (No such file"),
        "{message}"
    );
}
