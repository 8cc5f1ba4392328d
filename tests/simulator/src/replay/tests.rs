use serde_json::{Value, json};

use super::*;

fn line(case: &str, request: &Value, response: &Value) -> String {
    let mut line = json!({"case": case, "request": request, "response": response});
    for key in ["as", "body"] {
        line["request"]
            .as_object_mut()
            .unwrap()
            .entry(key)
            .or_insert(Value::Null);
    }
    for key in ["content_type", "json", "text"] {
        line["response"]
            .as_object_mut()
            .unwrap()
            .entry(key)
            .or_insert(Value::Null);
    }
    line.to_string()
}

fn recording() -> (PathBuf, PathBuf) {
    let folder = std::env::temp_dir().join(format!("dittofs-recording-{}", ids::fresh()));
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("recording.jsonl");
    let lines = [
        line(
            "log in",
            &json!({"method": "POST", "path": "/api/v1/auth/login",
                "body": {"username": "admin", "password": "as-recorded"}}),
            &json!({"status": 200, "content_type": "application/json", "json": {
                "access_token": "<jwt>", "refresh_token": "<jwt>", "token_type": "Bearer",
                "expires_in": 900, "expires_at": "2026-01-01T00:15:00.5Z", "user": {
                    "id": ids::fresh(), "username": "admin", "display_name": "Administrator",
                    "role": "admin", "uid": 0, "groups": ["admins"], "enabled": true,
                    "must_change_password": false, "created_at": "2026-01-01T00:00:00.25Z",
                    "last_login": "2026-01-01T00:00:00.5Z"}}}),
        ),
        line(
            "read ports",
            &json!({"method": "GET", "path": "/api/v1/adapters/ports", "as": "admin"}),
            &json!({"status": 200, "content_type": "application/json", "json": [
                {"type": "nfs", "port": 12049, "enabled": true, "running": true},
                {"type": "smb", "port": 1445, "enabled": true, "running": true}]}),
        ),
        line(
            "a share",
            &json!({"method": "GET", "path": "/api/v1/shares/export", "as": "admin"}),
            &json!({"status": 200, "content_type": "application/json", "json": {}}),
        ),
        line(
            "a lie",
            &json!({"method": "GET", "path": "/api/v1/adapters/ports"}),
            &json!({"status": 403, "content_type": "text/plain", "text": "no\n"}),
        ),
    ];
    std::fs::write(&file, lines.join("\n")).unwrap();
    (folder, file)
}

#[tokio::test]
async fn a_replay_tells_what_is_different() {
    let (folder, file) = recording();
    let report = replay(&file, Target::Fresh).await.unwrap();
    assert_eq!((report.replayed, report.skipped.len()), (3, 1), "{report}");
    assert_eq!(report.skipped[0].case, "a share");
    let lie = &report.mismatches[0];
    assert_eq!(
        (report.mismatches.len(), lie.line, lie.differences.len()),
        (1, 4, 3),
        "{report}"
    );
    std::fs::remove_dir_all(folder).unwrap();
}

#[tokio::test]
async fn a_running_server_is_checked_with_its_own_password() {
    let (folder, file) = recording();
    let options = SimulatorOptions {
        admin_password: Some("another-Passw0rd-1".to_owned()),
        ..SimulatorOptions::default()
    };
    let config = ServerConfig::from_yaml("controlplane: {port: 0}").unwrap();
    let simulator = Simulator::start(&config, &folder, options).await.unwrap();
    let (base_url, admin_password) = (simulator.base_url(), "another-Passw0rd-1".to_owned());
    let target = Target::Running {
        base_url,
        admin_password,
    };
    let report = replay(&file, target).await.unwrap();
    assert_eq!(
        (report.replayed, report.mismatches.len()),
        (3, 1),
        "{report}"
    );
    simulator.stop().await;
    std::fs::remove_dir_all(folder).unwrap();
}

#[tokio::test]
#[ignore = "needs DITTOFS_RECORDING, and for a real server DITTOFS_URL and DITTOFS_ADMIN_PASSWORD"]
async fn the_simulator_is_as_recorded() {
    let file = std::env::var_os("DITTOFS_RECORDING").expect("DITTOFS_RECORDING names the file");
    // A real server, booted for the first time, can be checked the same way.
    let target = match (
        std::env::var("DITTOFS_URL"),
        std::env::var("DITTOFS_ADMIN_PASSWORD"),
    ) {
        (Ok(base_url), Ok(admin_password)) => Target::Running {
            base_url,
            admin_password,
        },
        _ => Target::Fresh,
    };
    let report = replay(Path::new(&file), target).await.unwrap();
    println!("{report}");
    assert!(report.replayed > 0 && report.mismatches.is_empty());
}

#[test]
fn base_urls_are_judged() {
    for (url, want) in [
        ("http://127.0.0.1:8080", Some(("127.0.0.1:8080", 8080))),
        ("http://server/", Some(("server:80", 80))),
        ("https://server", None),
        ("http://server/api", None),
        ("server:8080", None),
        ("", None),
    ] {
        let got = authority(url).ok();
        assert_eq!(
            got,
            want.map(|(address, port)| (address.to_owned(), port)),
            "{url:?}"
        );
    }
}

#[tokio::test]
async fn a_missing_recording_is_an_error() {
    let error = replay(Path::new("/nowhere/to/be.found"), Target::Fresh)
        .await
        .unwrap_err();
    assert!(
        error.to_string().contains("/nowhere/to/be.found"),
        "{error}"
    );
}
