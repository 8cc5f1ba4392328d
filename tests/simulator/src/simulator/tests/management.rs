//! The traps of management, each as the real server, version 0.29.0, was seen to set it.

use super::*;

impl Bench {
    /// What an administrator asks for and gets: the status and the body.
    async fn ask(&self, request: &str, body: Value) -> (u16, Value) {
        let token = self.admin().await;
        let (method, path) = request.split_once(' ').unwrap();
        let path = format!("/api/v1/{path}");
        let reply = self.call(method, &path, Some(&token), body).await;
        let body = serde_json::from_slice(&reply.body).unwrap_or_default();
        (reply.status, body)
    }

    async fn get(&self, path: &str) -> Value {
        self.ask(&format!("GET {path}"), Value::Null).await.1
    }

    async fn loaded(&self) -> Value {
        let ready = self.call("GET", "/health/ready", None, Value::Null).await;
        json(&ready)["data"]["shares"].clone()
    }

    /// A metadata store and a local store, both in memory.
    async fn stores(&self) {
        for path in ["store/metadata", "store/block/local"] {
            let store = json!({"name": "ram", "type": "memory"});
            let made = self.ask(&format!("POST {path}"), store).await;
            assert_eq!(made.0, 201);
        }
    }

    async fn share(&self, name: &str) -> (u16, Value) {
        let share = json!({"name": name, "metadata_store_id": "ram", "local_block_store": "ram"});
        self.ask("POST shares", share).await
    }
}

fn badger(folder: &Path) -> Value {
    let config = json!({"path": folder.join("badger")}).to_string();
    json!({"name": "badger", "type": "badger", "config": config})
}

#[tokio::test]
async fn a_badger_folder_is_locked_until_a_restart() {
    let mut bench = Bench::boot().await;
    let store = badger(&bench.folder);
    assert_eq!(bench.ask("POST store/metadata", store.clone()).await.0, 201);
    // Not 409: the folder is opened before the name is looked at.
    let (status, again) = bench.ask("POST store/metadata", store.clone()).await;
    let detail = again["detail"].as_str().unwrap();
    assert_eq!(status, 400);
    assert!(detail.contains("is locked by another process"), "{detail}");
    let deleted = bench.ask("DELETE store/metadata/badger", Value::Null).await;
    assert_eq!(deleted.0, 204);
    assert_eq!(bench.ask("POST store/metadata", store.clone()).await.0, 400);
    bench = bench.reboot().await;
    assert_eq!(bench.ask("POST store/metadata", store).await.0, 201);
    bench.end().await;
}

#[tokio::test]
async fn one_bad_metadata_store_ends_the_next_boot() {
    let bench = Bench::boot().await;
    bench.stores().await;
    let changed = bench
        .ask("PUT store/metadata/ram", json!({"type": "wizard"}))
        .await;
    assert_eq!(changed.0, 200, "nothing is checked");
    bench.simulator.stop().await;
    let refused = boot(&bench.folder, &bench.ports).await.err().unwrap();
    assert!(
        refused
            .to_string()
            .contains("unsupported metadata store type: wizard"),
        "{refused}"
    );
    std::fs::remove_dir_all(bench.folder).unwrap();
}

#[tokio::test]
async fn a_keytab_that_is_not_there_ends_the_next_boot() {
    let bench = Bench::boot().await;
    let kerberos = json!({"enabled": true, "keytab_path": "/nowhere/keytab",
        "service_principal": "nfs/host"});
    let set = bench
        .ask("PUT identity-providers/kerberos/config", kerberos)
        .await;
    assert_eq!(set.0, 200);
    bench.simulator.stop().await;
    let refused = boot(&bench.folder, &bench.ports).await.err().unwrap();
    assert!(matches!(refused, StartError::Keytab { .. }), "{refused}");
    std::fs::remove_dir_all(bench.folder).unwrap();
}

#[tokio::test]
async fn a_share_that_does_not_load_is_made_all_the_same() {
    let bench = Bench::boot().await;
    bench.stores().await;
    let (status, share) = bench.share("/x:y").await;
    assert_eq!(
        (
            status,
            &share["status"]["status"],
            &share["status"]["message"]
        ),
        (
            201,
            &json!("unknown"),
            &json!("share not found: share not found: \"/x:y\"")
        )
    );
    assert_eq!(bench.loaded().await, 0);
    for verb in ["disable", "enable"] {
        let answer = bench
            .ask(&format!("POST shares/x:y/{verb}"), json!({}))
            .await;
        assert_eq!(answer.0, 404, "{verb}");
    }
    assert_eq!(bench.get("shares").await.as_array().unwrap().len(), 1);
    bench.end().await;
}

#[tokio::test]
async fn a_share_without_room_loads_with_the_first_boot_that_finds_some() {
    let mut bench = Bench::boot().await;
    bench.stores().await;
    let folder = bench.folder.join("blocks");
    let config = json!({"path": folder}).to_string();
    let store = json!({"name": "fs", "type": "fs", "config": config});
    assert_eq!(bench.ask("POST store/block/local", store).await.0, 201);
    std::fs::write(folder.join("shares"), "in the way").unwrap();
    let share = json!({"name": "/a", "metadata_store_id": "ram", "local_block_store": "fs"});
    let (status, made) = bench.ask("POST shares", share).await;
    assert_eq!(
        (status, &made["status"]["status"]),
        (201, &json!("unknown"))
    );
    std::fs::remove_file(folder.join("shares")).unwrap();
    let again = bench
        .ask("PUT shares/a", json!({"local_block_store_id": "ram"}))
        .await
        .1;
    assert_eq!(again["warnings"].as_array().unwrap().len(), 1, "{again}");
    assert_eq!(bench.loaded().await, 0, "nothing is tried again");
    bench = bench.reboot().await;
    assert_eq!(bench.loaded().await, 1);
    bench.end().await;
}

#[tokio::test]
async fn a_share_that_is_deleted_by_its_id_is_served_on() {
    let mut bench = Bench::boot().await;
    bench.stores().await;
    let id = bench.share("/a").await.1["id"].as_str().unwrap().to_owned();
    assert_eq!(
        bench
            .ask(&format!("DELETE shares/{id}"), Value::Null)
            .await
            .0,
        204
    );
    assert_eq!(bench.get("shares").await, json!([]));
    assert_eq!(bench.loaded().await, 1);
    bench = bench.reboot().await;
    assert_eq!(bench.loaded().await, 0);
    bench.end().await;
}

#[tokio::test]
async fn what_is_managed_outlives_a_restart() {
    let mut bench = Bench::boot().await;
    bench.stores().await;
    bench.share("/a").await;
    for (request, body, status) in [
        ("POST shares/a/disable", json!({}), 200),
        (
            "PUT shares/a/permissions/groups/users",
            json!({"level": "read_write"}),
            204,
        ),
        (
            "PATCH shares/a/adapters/nfs/config",
            json!({"squash": "none"}),
            200,
        ),
        (
            "PUT shares/a/quotas/user/7",
            json!({"limit_bytes": "1Gi"}),
            200,
        ),
        (
            "PUT shares/a/snapshot-policy",
            json!({"interval": "@daily"}),
            200,
        ),
        ("POST groups", json!({"name": "staff"}), 201),
        (
            "POST adapters/nfs/netgroups",
            json!({"name": "office"}),
            201,
        ),
        ("PUT identity-providers/ldap/config", json!({}), 200),
    ] {
        assert_eq!(bench.ask(request, body).await.0, status, "{request}");
    }
    bench = bench.reboot().await;
    assert_eq!(bench.loaded().await, 1);
    for (path, pointer, want) in [
        ("shares/a", "/enabled", json!(false)),
        ("shares/a/permissions", "/0/level", json!("read_write")),
        ("shares/a/adapters/nfs/config", "/squash", json!("none")),
        ("shares/a/quotas", "/0/limit_bytes", json!("1.00GiB")),
        ("snapshot-policies", "/0/interval", json!("24h0m0s")),
        ("groups/staff", "/name", json!("staff")),
        ("adapters/nfs/netgroups", "/0/name", json!("office")),
        ("identity-providers", "/0/configured", json!(true)),
        ("store/metadata/ram", "/status/status", json!("healthy")),
    ] {
        let got = bench.get(path).await;
        assert_eq!(got.pointer(pointer), Some(&want), "{path}: {got}");
    }
    bench.end().await;
}

#[tokio::test]
async fn quotas_bind_the_successor_of_their_share() {
    let bench = Bench::boot().await;
    bench.stores().await;
    assert_eq!(bench.share("/a").await.0, 201);
    let limit = json!({"limit_files": 3});
    // The path that should do it does not.
    let refused = bench
        .ask("PUT shares/a/quotas/default-user", limit.clone())
        .await;
    assert_eq!(refused.0, 400);
    let set = bench.ask("PUT shares/a/quotas/default-user/0", limit).await;
    assert_eq!(set.0, 200);
    let deleted = bench.ask("DELETE shares/a", Value::Null).await;
    assert_eq!(deleted.0, 204);
    assert_eq!(bench.share("/a").await.0, 201);
    assert_eq!(bench.get("shares/a/quotas").await[0]["limit_files"], 3);
    let permissions = bench.ask("GET shares/a/permissions", Value::Null).await;
    assert_eq!(permissions, (200, Value::Null));
    bench.end().await;
}

#[tokio::test]
async fn an_answer_can_be_lost_although_all_is_done() {
    let bench = Bench::boot().await;
    bench.stores().await;
    let token = bench.admin().await;
    let rules = r#"{"rules": [{"path": "/api/v1/shares", "method": "POST", "count": 1,
        "fault": {"kind": "done_unanswered"}}]}"#;
    bench
        .simulator
        .set_faults(serde_json::from_str(rules).unwrap());
    let share = json!({"name": "/a", "metadata_store_id": "ram", "local_block_store": "ram"});
    let address = bench.simulator.addr().to_string();
    let body = share.to_string().into_bytes();
    let lost = send(&address, "POST", "/api/v1/shares", Some(&token), body).await;
    assert!(lost.is_err());
    assert_eq!(bench.share("/a").await.0, 409, "it was made");
    bench.end().await;
}

#[tokio::test]
async fn stores_that_are_in_use_stay() {
    let bench = Bench::boot().await;
    bench.stores().await;
    bench.share("/a").await;
    for (status, deletes_share) in [(409, true), (204, false)] {
        for path in ["store/metadata/ram", "store/block/local/ram"] {
            let deleted = bench.ask(&format!("DELETE {path}"), Value::Null).await;
            assert_eq!(deleted.0, status, "{path}");
        }
        if deletes_share {
            bench.ask("DELETE shares/a", Value::Null).await;
        }
    }
    bench.end().await;
}
