use serde_json::{Value, json};

use super::{
    super::{
        State,
        stores::{Kind, NewStore},
    },
    grants::sid,
    making::{NewShare, SharePatch},
    *,
};

const NOW: Timestamp = Timestamp::UNIX_EPOCH;

fn state() -> State {
    let mut state = State::default();
    for (name, kind) in [
        ("m", None),
        ("l", Some(Kind::Local)),
        ("r", Some(Kind::Remote)),
    ] {
        let new = NewStore {
            name: name.to_owned(),
            ..NewStore::default()
        };
        let stores = match kind {
            None => &mut state.metadata_stores,
            Some(_) => &mut state.block_stores,
        };
        stores.create(new, kind, NOW).unwrap();
    }
    state
}

fn make(state: &mut State, mut more: Value) -> Result<Share, Refusal> {
    let fields = more.as_object_mut().unwrap();
    for (key, value) in [
        ("name", "/a"),
        ("metadata_store_id", "m"),
        ("local_block_store", "l"),
    ] {
        fields.entry(key).or_insert(value.into());
    }
    let new: NewShare = serde_json::from_value(more).unwrap();
    let share = state.create_share(new, NOW)?;
    state.shares.load(&share);
    Ok(share)
}

fn change(state: &mut State, patch: Value) -> Result<Value, Refusal> {
    let patch: SharePatch = serde_json::from_value(patch).unwrap();
    let changed = state.update_share("/a", patch, NOW)?;
    Ok(shown(&changed.share))
}

fn shown(share: &Share) -> Value {
    let view = share.view(Report::of(Ok(None), NOW));
    serde_json::to_value(view).unwrap()
}

#[test]
fn new_shares_are_judged() {
    for (asked, want) in [
        (
            json!({"metadata_store_id": "x"}),
            "Metadata store not found: x",
        ),
        (
            json!({"local_block_store": "r"}),
            "Local block store not found: r",
        ),
        (
            json!({"default_permission": "read_write"}),
            "Invalid default_permission: read_write (want none|read|read-write|admin)",
        ),
        (
            json!({"retention_policy": "ttl"}),
            "retention policy \"ttl\" requires a positive TTL duration",
        ),
        (
            json!({"quota_bytes": "1Pi"}),
            "Invalid quota_bytes: unknown byte size unit: \"Pi\"",
        ),
        (
            json!({"trash_exclude_patterns": ["["]}),
            "invalid exclude pattern \"[\": syntax error in pattern",
        ),
        (
            json!({"blocked_operations": ["read"]}),
            "Unknown blocked operation: read",
        ),
        (json!({"owner": "ghost"}), "Owner user \"ghost\" not found"),
    ] {
        let refused = make(&mut state(), asked.clone()).unwrap_err();
        assert_eq!(refused, Refusal::unfit(want), "{asked}");
    }
}

#[test]
fn what_is_not_said_of_a_new_share_is_the_servers_choice() {
    let share = shown(&make(&mut state(), json!({"enabled": false})).unwrap());
    for (key, want) in [
        ("enabled", json!(true)),
        ("default_permission", json!("none")),
        ("retention_policy", json!("lru")),
        ("acl_flag_inherited_canonicalization", json!(true)),
        ("remote_block_store_id", Value::Null),
        ("quota_bytes", Value::Null),
    ] {
        assert_eq!(share[key], want, "{key}");
    }
}

#[test]
fn a_change_may_say_what_a_creation_may_not() {
    let mut state = state();
    make(&mut state, json!({"quota_bytes": "1Gi"})).unwrap();
    let changed = change(
        &mut state,
        json!({"default_permission": "", "quota_bytes": ""}),
    );
    let changed = changed.unwrap();
    assert_eq!(
        (&changed["default_permission"], &changed["quota_bytes"]),
        (&json!(""), &Value::Null)
    );
    assert!(change(&mut state, json!({"local_store_size": ""})).is_err());
    let metadata = change(&mut state, json!({"metadata_store_id": "wizard"})).unwrap();
    assert_eq!(metadata["metadata_store_id"], "wizard");
    assert!(change(&mut state, json!({"remote_block_store_id": "r"})).is_ok());
    let detached = change(&mut state, json!({"remote_block_store_id": ""})).unwrap();
    assert_eq!(detached["remote_block_store_id"], Value::Null);
}

#[test]
fn a_refused_change_changes_nothing() {
    let mut state = state();
    let before = make(&mut state, json!({})).unwrap();
    let refused = change(
        &mut state,
        json!({"read_only": true, "quota_bytes": "wizard"}),
    );
    assert!(refused.is_err());
    assert_eq!(state.shares.get("/a").unwrap(), &before);
}

#[test]
fn names_are_found_with_and_without_slashes() {
    let mut state = state();
    let share = make(&mut state, json!({"name": "//deep/er%20one"})).unwrap();
    assert_eq!(share.name, "/deep/er one");
    for token in ["/deep/er one", &share.id, &format!("/{}", share.id)] {
        assert_eq!(state.shares.get(token).unwrap(), &share, "{token}");
    }
    assert_eq!(state.shares.get("/deep"), Err(NOT_FOUND));
}

#[test]
fn only_loaded_shares_are_enabled_and_by_their_names() {
    let mut state = state();
    let share = make(&mut state, json!({})).unwrap();
    assert!(!state.shares.enable("/a", false, NOW).unwrap().enabled);
    let by_id = format!("/{}", share.id);
    assert_eq!(state.shares.enable(&by_id, true, NOW), Err(NOT_FOUND));
    make(&mut state, json!({"name": "a:b"})).unwrap();
    assert_eq!(state.shares.enable("/a:b", true, NOW), Err(NOT_FOUND));
}

#[test]
fn a_metadata_store_may_be_written_by_its_name() {
    let mut state = state();
    make(&mut state, json!({})).unwrap();
    for (written, there) in [("m", true), ("wizard", false)] {
        change(&mut state, json!({"metadata_store_id": written})).unwrap();
        let share = state.shares.get("/a").unwrap();
        assert_eq!(state.has_metadata(share), there, "{written}");
    }
    let text = serde_json::to_string(&state).unwrap();
    let booted: State = serde_json::from_str(&text).unwrap();
    assert_eq!(booted.shares.count_loaded(), 0, "that is not stored");
}

#[test]
fn sids_are_written_as_the_server_writes_them() {
    for (text, want) in [
        ("S-1-5-21-1-2-3-01107", Some("S-1-5-21-1-2-3-1107")),
        ("S-1-5", Some("S-1-5")),
        ("S-1", None),
        ("s-1-5", None),
        ("S-1-5-x", None),
        ("S-1-5-4294967296", None),
    ] {
        assert_eq!(sid(text).ok().as_deref(), want, "{text}");
    }
}
