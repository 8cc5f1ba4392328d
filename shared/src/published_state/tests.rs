use super::*;
use proptest::prelude::*;

fn reachable() -> ServerState {
    ServerState {
        status: ServerStatus::Reachable,
        since: "2026-01-02T03:04:05Z".parse().unwrap(),
        message: None,
    }
}

fn data(adapters: &str) -> BTreeMap<String, String> {
    let mut data = PublishedState {
        server: reachable(),
        adapters: None,
        reports: Reports::default(),
    }
    .encode();
    data.insert("adapters".into(), adapters.into());
    data
}

#[test]
fn encoding_reads_like_a_report() {
    let leaving = Adapter {
        enabled: false,
        running: false,
        leaving_since: Some("2026-01-02T03:04:05Z".parse().unwrap()),
        ..Adapter::running("smb", 1445)
    };
    let state = PublishedState {
        server: reachable(),
        adapters: Some(vec![leaving, Adapter::running("nfs", 12049)]),
        reports: Reports::default(),
    };
    let data = state.encode();
    assert_eq!(data["schema"], "v1");
    assert_eq!(
        data["server"],
        r#"{"status":"reachable","since":"2026-01-02T03:04:05Z"}"#
    );
    assert_eq!(
        data["adapters"],
        "[\n\
         {\"type\":\"nfs\",\"port\":12049,\"enabled\":true,\"running\":true},\n\
         {\"type\":\"smb\",\"port\":1445,\"enabled\":false,\"running\":false,\"leavingSince\":\"2026-01-02T03:04:05Z\"}\n\
         ]\n"
    );
}

#[test]
fn no_adapters_key_is_unknown_and_an_empty_list_is_known() {
    let unknown = PublishedState {
        server: reachable(),
        adapters: None,
        reports: Reports::default(),
    };
    let empty = PublishedState {
        server: reachable(),
        adapters: Some(vec![]),
        reports: Reports::default(),
    };
    assert_eq!(
        PublishedState::decode(&unknown.encode()).unwrap().adapters,
        None
    );
    assert_eq!(
        PublishedState::decode(&empty.encode()).unwrap().adapters,
        Some(vec![])
    );
}

#[test]
fn what_cannot_be_read_whole_is_an_error() {
    let many: Vec<_> = (0..17)
        .map(|n| to_json(&Adapter::running(format!("a{n}"), 1000 + n)))
        .collect();
    let cases = [
        (BTreeMap::new(), DecodeError::Empty),
        (
            BTreeMap::from([("schema".to_owned(), "v2".to_owned())]),
            DecodeError::Schema("v2".into()),
        ),
        (
            BTreeMap::from([("adapters".to_owned(), "[]".to_owned())]),
            DecodeError::Schema(String::new()),
        ),
        (
            BTreeMap::from([("schema".to_owned(), "v1".to_owned())]),
            DecodeError::Missing("server"),
        ),
        (
            data(&format!("[{}]", many.join(","))),
            DecodeError::TooManyAdapters(17),
        ),
        (
            data(&format!(
                "[{},{}]",
                to_json(&Adapter::running("nfs", 1)),
                to_json(&Adapter::running("nfs", 2))
            )),
            DecodeError::Duplicate("nfs".into()),
        ),
    ];
    for (input, expected) in cases {
        assert_eq!(PublishedState::decode(&input), Err(expected));
    }
    for garbage in [
        "",
        "{",
        "{}",
        "[{}]",
        "null",
        "[1]",
        r#"[{"type":"nfs","port":"x","enabled":true,"running":true}]"#,
    ] {
        let result = PublishedState::decode(&data(garbage));
        assert!(
            matches!(
                result,
                Err(DecodeError::Malformed {
                    key: "adapters",
                    ..
                })
            ),
            "{garbage:?} gave {result:?}"
        );
    }
    let huge = " ".repeat(MAX_BYTES + 1);
    assert!(matches!(
        PublishedState::decode(&data(&huge)),
        Err(DecodeError::Malformed { .. })
    ));
}

#[test]
fn a_version_is_one_word_or_left_out() {
    let long = "1".repeat(65);
    for (text, expected) in [
        ("0.29.0", Some("0.29.0")),
        ("v1.0.0-rc.1+linux_amd64", Some("v1.0.0-rc.1+linux_amd64")),
        ("", None),
        ("1 2", None),
        ("<b>", None),
        (&long, None),
    ] {
        let mut data = data("[]");
        data.insert("serverVersion".to_owned(), text.to_owned());
        let state = PublishedState::decode(&data).unwrap();
        assert_eq!(state.reports.server_version.as_deref(), expected, "{text}");
        let again = state.encode().remove("serverVersion");
        assert_eq!(again.as_deref(), expected);
    }
}

proptest! {
    #[test]
    fn decode_is_the_inverse_of_encode(
        types in proptest::collection::btree_set("[a-z]{1,8}", 0..=MAX_ADAPTERS),
        port in any::<i64>(), enabled in any::<bool>(), running in any::<bool>(), seconds in 0..4_000_000_000_i64,
    ) {
        let leaving_since = (!enabled).then(|| Timestamp::from_second(seconds).unwrap());
        let adapters = types.into_iter().map(|r#type| Adapter { r#type, port, enabled, running, leaving_since }).collect();
        let state = PublishedState { server: reachable(), adapters: Some(adapters), reports: Reports::default() };
        prop_assert_eq!(PublishedState::decode(&state.encode()), Ok(state));
    }

    #[test]
    fn decode_never_panics(server in ".*", adapters in ".*") {
        let mut data = data(&adapters);
        data.insert("server".into(), server);
        let _ = PublishedState::decode(&data);
    }
}
