//! Servers that want to see a certificate of the sidecar.

use super::*;
use rustls::SupportedProtocolVersion;

/// A server that believes in clients of the given CA.
async fn scene(authority: &Authority, version: &'static SupportedProtocolVersion) -> Scene {
    let identity = authority.issue(Period::Now);
    let config = server_config(&identity, Some(authority), &[version]);
    Scene::with(DittoFs::start_with(config).await, &authority.pem())
}

#[tokio::test]
async fn a_certificate_of_the_right_ca_is_let_in() {
    let authority = Authority::new("a CA");
    let between = authority.below("a CA between");
    for version in [&TLS12, &TLS13] {
        let mut scene = scene(&authority, version).await;
        for identity in [
            authority.issue(Period::Now),
            between.issue(Period::Now).through(&between),
        ] {
            scene.show(&identity);
            assert_eq!(scene.ask().await, Ok(401), "{version:?}");
        }
    }
}

#[tokio::test]
async fn a_server_that_asks_in_vain_is_told() {
    for version in [&TLS12, &TLS13] {
        let scene = scene(&Authority::new("a CA"), version).await;
        assert_eq!(
            scene.refused(FailureKind::Refused).await,
            "URL asks for a client certificate, and the sidecar has none: give it one that the server's client CA has signed",
            "{version:?}"
        );
    }
}

#[tokio::test]
async fn a_certificate_that_is_refused_is_told_with_the_reason() {
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
            let expected = format!("URL refuses the client certificate in /client.crt ({why}): ");
            assert!(message.starts_with(&expected), "{version:?}: {message}");
        }
    }
}

#[tokio::test]
async fn a_server_that_does_not_ask_is_not_shown_anything() {
    let authority = Authority::new("a CA");
    let mut scene = Scene::new(&authority.issue(Period::Now), &authority.pem()).await;
    scene.show(&Authority::new("another CA").issue(Period::Now));
    assert_eq!(scene.ask().await, Ok(401));
}

#[tokio::test]
async fn files_that_never_could_be_used_are_told() {
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
            "/client.key is not the key of the certificate in /client.crt",
        ),
        (mixed("", &one.key), "/client.crt holds no certificate"),
        (
            mixed(&one.certificate, "none"),
            "/client.key holds no private key",
        ),
        (
            mixed(&one.certificate[..one.certificate.len() / 2], &one.key),
            "/client.crt holds a certificate that cannot be read",
        ),
        (
            mixed(
                "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
                &one.key,
            ),
            "/client.crt holds a certificate that cannot be read",
        ),
    ] {
        scene.show(&identity);
        let message = scene.refused(FailureKind::Unreachable).await;
        assert!(message.starts_with(expected), "{message}");
    }
    scene.show(&one);
    for (trusted, expected) in [
        ("", "/ca.crt holds no certificate"),
        (
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
            "/ca.crt holds a certificate that cannot be read",
        ),
    ] {
        scene.folder.write("ca.crt", trusted);
        let message = scene.refused(FailureKind::Unreachable).await;
        assert!(message.starts_with(expected), "{message}");
    }
    std::fs::remove_file(&scene.files.trusted).unwrap();
    let message = scene.refused(FailureKind::Unreachable).await;
    assert!(
        message.starts_with("/ca.crt cannot be read (No such file"),
        "{message}"
    );
}
