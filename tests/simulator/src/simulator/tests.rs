mod management;
mod metrics;
mod tls;

use std::{path::PathBuf, time::Duration};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    net::TcpStream,
    time::{sleep, timeout},
};

use super::*;
use crate::{
    ids,
    ports::free_ports,
    replay::client::{Reply, send},
};

const PORTS: &str = "/api/v1/adapters/ports";

/// A simulator in a folder of its own, with free ports.
struct Bench {
    simulator: Simulator,
    folder: PathBuf,
    ports: Vec<u16>,
}

impl Bench {
    async fn boot() -> Self {
        let folder = std::env::temp_dir().join(format!("dittofs-simulator-{}", ids::fresh()));
        let ports = free_ports(3).unwrap();
        let simulator = boot(&folder, &ports).await.unwrap();
        Self {
            simulator,
            folder,
            ports,
        }
    }

    async fn reboot(self) -> Self {
        self.simulator.stop().await;
        let simulator = boot(&self.folder, &self.ports).await.unwrap();
        Self { simulator, ..self }
    }

    async fn call(&self, method: &str, path: &str, token: Option<&str>, body: Value) -> Reply {
        let body = if body.is_null() {
            Vec::new()
        } else {
            body.to_string().into_bytes()
        };
        let address = self.simulator.addr().to_string();
        send(&address, method, path, token, body).await.unwrap()
    }

    async fn admin(&self) -> String {
        let login = json!({"username": "admin", "password": Simulator::ADMIN_PASSWORD});
        let reply = self.call("POST", "/api/v1/auth/login", None, login).await;
        json(&reply)["access_token"].as_str().unwrap().to_owned()
    }

    async fn put_smb(&self, token: &str, change: Value) -> Reply {
        self.call("PUT", "/api/v1/adapters/smb", Some(token), change)
            .await
    }

    async fn end(self) {
        self.simulator.stop().await;
        std::fs::remove_dir_all(self.folder).unwrap();
    }
}

async fn boot(folder: &Path, ports: &[u16]) -> Result<Simulator, StartError> {
    let config = ServerConfig::from_yaml("controlplane: {port: 0}\nshutdown_timeout: 5s").unwrap();
    let adapters = vec![("nfs".to_owned(), ports[0]), ("smb".to_owned(), ports[1])];
    let options = SimulatorOptions {
        initial_adapters: adapters,
        ..SimulatorOptions::default()
    };
    Simulator::start(&config, folder, options).await
}

fn json(reply: &Reply) -> Value {
    serde_json::from_slice(&reply.body).unwrap()
}

async fn greeting(port: u16) -> Option<String> {
    let stream = TcpStream::connect(("127.0.0.1", port)).await.ok()?;
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).await.ok()?;
    Some(line)
}

#[tokio::test]
async fn adapters_listen_where_the_api_says() {
    let bench = Bench::boot().await;
    let token = bench.admin().await;
    let (nfs, smb, next) = (bench.ports[0], bench.ports[1], bench.ports[2]);
    assert_eq!(
        greeting(nfs).await.as_deref(),
        Some("dittofs-simulator nfs\n")
    );
    let moved = bench.put_smb(&token, json!({"port": next})).await;
    assert_eq!(json(&moved)["running"], true);
    assert_eq!(
        greeting(next).await.as_deref(),
        Some("dittofs-simulator smb\n")
    );
    assert_eq!(greeting(smb).await, None);
    bench.put_smb(&token, json!({"enabled": false})).await;
    assert_eq!(greeting(next).await, None);
    bench.end().await;
}

#[tokio::test]
async fn running_can_be_a_lie() {
    let bench = Bench::boot().await;
    let token = bench.admin().await;
    let api = bench.simulator.addr().port();
    for (port, status, running) in [
        (i64::from(api), 200, true),
        (i64::from(bench.ports[0]), 200, true),
        (0, 200, true),
        (70000, 500, false),
    ] {
        let reply = bench
            .put_smb(&token, json!({"enabled": true, "port": port}))
            .await;
        assert_eq!(reply.status, status, "{port}");
        let ports = json(&bench.call("GET", PORTS, Some(&token), Value::Null).await);
        assert_eq!(ports[1]["port"], port);
        assert_eq!(
            (&ports[1]["enabled"], &ports[1]["running"]),
            (&json!(true), &json!(running))
        );
    }
    assert_eq!(
        greeting(bench.ports[0]).await.as_deref(),
        Some("dittofs-simulator nfs\n")
    );
    bench.end().await;
}

#[tokio::test]
async fn a_port_change_can_be_seen_and_survives_a_client_that_leaves() {
    let bench = Bench::boot().await;
    let token = bench.admin().await;
    let change = bench.put_smb(&token, json!({"port": bench.ports[2]}));
    assert!(
        timeout(Duration::from_millis(50), change).await.is_err(),
        "it drains for 100 ms"
    );
    let ports = json(&bench.call("GET", PORTS, Some(&token), Value::Null).await);
    assert_eq!(
        (&ports[1]["port"], &ports[1]["running"]),
        (&json!(bench.ports[2]), &json!(false))
    );
    sleep(Duration::from_millis(200)).await;
    let ports = json(&bench.call("GET", PORTS, Some(&token), Value::Null).await);
    assert_eq!(ports[1]["running"], true);
    bench.end().await;
}

#[tokio::test]
async fn state_and_tokens_outlive_a_restart() {
    let mut bench = Bench::boot().await;
    let token = bench.admin().await;
    let user = json!({"username": "op", "password": "op-Passw0rd-1", "role": "operator"});
    assert_eq!(
        bench
            .call("POST", "/api/v1/users", Some(&token), user)
            .await
            .status,
        201
    );
    bench.put_smb(&token, json!({"enabled": false})).await;
    bench = bench.reboot().await;
    let ports = json(&bench.call("GET", PORTS, Some(&token), Value::Null).await);
    assert_eq!(
        (&ports[0]["running"], &ports[1]["running"]),
        (&json!(true), &json!(false))
    );
    let login = json!({"username": "op", "password": "op-Passw0rd-1"});
    assert_eq!(
        bench
            .call("POST", "/api/v1/auth/login", None, login)
            .await
            .status,
        200
    );
    bench.end().await;
}

#[tokio::test]
async fn an_adapter_on_the_apis_port_prevents_the_next_boot() {
    let folder = std::env::temp_dir().join(format!("dittofs-simulator-{}", ids::fresh()));
    let port = free_ports(1).unwrap()[0];
    let config = ServerConfig::from_yaml(&format!("controlplane: {{port: {port}}}")).unwrap();
    let adapters = vec![("smb".to_owned(), port)];
    let options = SimulatorOptions {
        initial_adapters: adapters,
        ..SimulatorOptions::default()
    };
    let refused = Simulator::start(&config, &folder, options)
        .await
        .err()
        .unwrap();
    assert!(matches!(refused, StartError::Listen { .. }), "{refused}");
    std::fs::remove_dir_all(folder).unwrap();
}

#[tokio::test]
async fn secrets_must_be_long() {
    let folder = std::env::temp_dir().join(format!("dittofs-simulator-{}", ids::fresh()));
    for secret in [None, Some("x".repeat(31))] {
        let options = SimulatorOptions {
            secret,
            ..SimulatorOptions::default()
        };
        let refused = Simulator::start(&ServerConfig::default(), &folder, options).await;
        let message = refused.err().unwrap().to_string();
        assert!(message.contains("at least 32 characters"), "{message}");
    }
}

#[tokio::test]
async fn faults_happen_are_counted_and_can_be_lifted() {
    let bench = Bench::boot().await;
    let token = bench.admin().await;
    let rules = json!({"rules": [
        {"path": PORTS, "count": 1, "fault": {"kind": "status", "code": 503, "body": "no"}},
        {"path": PORTS, "count": 1, "fault": {"kind": "garbage"}},
        {"path": PORTS, "count": 1, "fault": {"kind": "empty"}},
        {"path": PORTS, "count": 2, "fault": {"kind": "list", "adapters": [{"port": 8080}, 1]}},
        {"path": PORTS, "count": 1, "fault": {"kind": "close"}},
        {"path": PORTS, "fault": {"kind": "hang"}},
    ]});
    let put = bench
        .call("PUT", "/simulator/faults", Some(&token), rules)
        .await;
    assert_eq!(put.status, 204);
    let read = || bench.call("GET", PORTS, Some(&token), Value::Null);
    let refused = read().await;
    assert_eq!((refused.status, refused.content_type), (503, None));
    assert!(serde_json::from_slice::<Value>(&read().await.body).is_err());
    assert_eq!(read().await.body, b"");
    assert_eq!(json(&read().await), json!([{"port": 8080}, 1]));
    assert_eq!(
        bench.call("GET", PORTS, None, Value::Null).await.status,
        401
    );
    let address = bench.simulator.addr().to_string();
    assert!(
        send(&address, "GET", PORTS, Some(&token), Vec::new())
            .await
            .is_err(),
        "closed"
    );
    let hung = timeout(Duration::from_millis(200), read()).await;
    assert!(hung.is_err());
    bench
        .call("DELETE", "/simulator/faults", Some(&token), Value::Null)
        .await;
    assert_eq!(read().await.status, 200);
    let counts = bench
        .call("GET", "/simulator/requests", Some(&token), Value::Null)
        .await;
    assert_eq!(json(&counts)["requests"][format!("GET {PORTS}")], 8);
    assert_eq!(bench.simulator.requests("POST", "/api/v1/auth/login"), 1);
    bench.end().await;
}

#[tokio::test]
async fn only_admins_play() {
    let bench = Bench::boot().await;
    for path in ["/simulator/faults", "/simulator/requests"] {
        assert_eq!(bench.call("GET", path, None, Value::Null).await.status, 401);
    }
    let token = bench.admin().await;
    let typo = json!({"rules": [{"path": "/", "fault": {"kind": "explode"}}]});
    let reply = bench
        .call("PUT", "/simulator/faults", Some(&token), typo)
        .await;
    assert_eq!(reply.status, 400);
    assert!(json(&reply)["detail"].as_str().unwrap().contains("explode"));
    bench.end().await;
}

#[tokio::test]
async fn a_stop_does_not_wait_for_hung_requests() {
    let bench = Bench::boot().await;
    let rules = r#"{"rules": [{"path": "/", "fault": {"kind": "hang"}}]}"#;
    bench
        .simulator
        .set_faults(serde_json::from_str(rules).unwrap());
    let address = bench.simulator.addr().to_string();
    let hung = tokio::spawn(async move { send(&address, "GET", "/health", None, vec![]).await });
    sleep(Duration::from_millis(50)).await;
    timeout(Duration::from_secs(3), bench.end()).await.unwrap();
    assert!(hung.await.unwrap().is_err());
}

/// As the real server, version 0.29.0, did with the same configurations.
#[tokio::test]
async fn the_first_administrator_is_always_admin() {
    for more in [
        "admin: {username: boss, email: boss@example.com}",
        "controlplane: {port: 0, require_initial_password_change: true}",
    ] {
        let folder = std::env::temp_dir().join(format!("dittofs-simulator-{}", ids::fresh()));
        let config = ServerConfig::from_yaml(&format!("controlplane: {{port: 0}}\n{more}"))
            .or_else(|_| ServerConfig::from_yaml(more))
            .unwrap();
        let options = SimulatorOptions {
            initial_adapters: Vec::new(),
            ..SimulatorOptions::default()
        };
        let simulator = Simulator::start(&config, &folder, options).await.unwrap();
        let address = simulator.addr().to_string();
        for (username, status) in [("boss", 401), ("admin", 200)] {
            let login = json!({"username": username, "password": Simulator::ADMIN_PASSWORD});
            let body = login.to_string().into_bytes();
            let reply = send(&address, "POST", "/api/v1/auth/login", None, body)
                .await
                .unwrap();
            assert_eq!(reply.status, status, "{username} with {more}");
            if status == 200 {
                let user = &json(&reply)["user"];
                assert_eq!(
                    user["must_change_password"], false,
                    "the password was given"
                );
                assert_eq!(user["email"], Value::Null);
            }
        }
        simulator.stop().await;
        std::fs::remove_dir_all(folder).unwrap();
    }
}

#[tokio::test]
async fn a_delayed_start_answers_nobody_before_it_is_done() {
    let folder = std::env::temp_dir().join(format!("dittofs-simulator-{}", ids::fresh()));
    let ports = free_ports(2).unwrap();
    let text = format!("controlplane: {{port: {}}}", ports[0]);
    let config = ServerConfig::from_yaml(&text).unwrap();
    let options = SimulatorOptions {
        initial_adapters: vec![("nfs".to_owned(), ports[1])],
        faults: serde_json::from_str(r#"{"rules": [], "start_delay_ms": 300}"#).unwrap(),
        ..SimulatorOptions::default()
    };
    let start = Simulator::start(&config, &folder, options);
    tokio::pin!(start);
    assert!(
        timeout(Duration::from_millis(100), start.as_mut())
            .await
            .is_err()
    );
    assert_eq!(greeting(ports[0]).await, None);
    assert_eq!(greeting(ports[1]).await, None);
    let simulator = start.await.unwrap();
    let address = simulator.addr().to_string();
    let health = send(&address, "GET", "/health", None, Vec::new())
        .await
        .unwrap();
    assert_eq!(health.status, 200);
    simulator.stop().await;
    std::fs::remove_dir_all(&folder).unwrap();
}
