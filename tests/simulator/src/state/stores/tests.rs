use serde_json::json;

use super::{engine::Engine, *};

fn new(name: &str, config: &str) -> NewStore {
    NewStore {
        name: name.to_owned(),
        engine: "memory".to_owned(),
        config: config.to_owned(),
    }
}

#[test]
fn names_are_taken_within_a_kind() {
    let mut stores = Stores::default();
    let now = Timestamp::UNIX_EPOCH;
    let local = stores.create(new("a", ""), Some(Kind::Local), now).unwrap();
    assert_eq!(stores.create(new("a", ""), Some(Kind::Local), now), None);
    let remote = stores
        .create(new("a", ""), Some(Kind::Remote), now)
        .unwrap();
    assert_eq!(stores.find("a", Some(Kind::Remote)), Some(&remote));
    assert_eq!(stores.find(&local.id, Some(Kind::Local)), Some(&local));
    assert_eq!(stores.find(&local.id, Some(Kind::Remote)), None);
    stores.remove(&local.id);
    assert_eq!(stores.find("a", Some(Kind::Local)), None);
}

#[test]
fn secrets_are_hidden_and_kept() {
    let config = r#"{"db_password": "a", "deep": [{"Secret": "b", "x": 1}], "key": "k"}"#;
    let mut stores = Stores::default();
    let row = stores.create(new("a", config), None, Timestamp::UNIX_EPOCH);
    let row = row.unwrap();
    assert_eq!(
        secrets::redacted(&row.config),
        Some(
            json!({"db_password": "********", "deep": [{"Secret": "********", "x": 1}], "key": "k"})
        )
    );
    let stars = r#"{"db_password": "********", "deep": [{"Secret": "********", "x": 2}], "new": "********"}"#;
    let patch = StorePatch {
        config: Some(stars.to_owned()),
        ..StorePatch::default()
    };
    let config: Value = serde_json::from_str(&row.changed(patch).config).unwrap();
    assert_eq!(
        config,
        json!({"db_password": "a", "deep": [{"Secret": "b", "x": 2}], "new": "********"})
    );
    assert_eq!(secrets::redacted("wizard"), None);
}

#[test]
fn engines_are_judged() {
    for (kind, config, want) in [
        ("memory", "", Ok(Engine::Memory)),
        (
            "badger",
            r#"{"path": "", "db_path": "/b"}"#,
            Ok(Engine::Badger("/b".to_owned())),
        ),
        (
            "badger",
            "{}",
            Err("badger metadata store requires path as string"),
        ),
        (
            "badger",
            r#"{"path": "/b", "block_cache_mb": -1}"#,
            Err("badger metadata store block_cache_mb must be >= 0 (0 = auto), got -1"),
        ),
        (
            "postgres",
            r#"{"host": "h", "dbname": "d"}"#,
            Err("postgres metadata store requires user"),
        ),
        ("wizard", "", Err("unsupported metadata store type: wizard")),
    ] {
        let want = want.map_err(str::to_owned);
        assert_eq!(Engine::of(kind, config), want, "{kind} {config}");
    }
}

#[test]
fn endpoints_are_guarded() {
    let config = |endpoint: &str, private: bool| {
        json!({"bucket": "b", "access_key_id": "a", "secret_access_key": "s", "endpoint": endpoint,
            "allow_private_endpoint": private})
        .to_string()
    };
    for (endpoint, private, accepted) in [
        ("", false, true),
        ("https://s3.example.com", false, true),
        ("8.8.8.8:9000", false, true),
        ("http://127.0.0.1:1", false, false),
        ("http://127.0.0.1:1", true, true),
        ("http://[fd00::7]:9000", false, false),
        ("10.0.0.7:9000", false, false),
        ("http://169.254.169.254", true, false),
        ("http://0.0.0.0", true, false),
        ("ftp://8.8.8.8", true, false),
        ("http://", true, false),
    ] {
        let checked = block::check("s3", &config(endpoint, private));
        assert_eq!(
            checked.is_ok(),
            accepted,
            "{endpoint} {private}: {checked:?}"
        );
    }
}
