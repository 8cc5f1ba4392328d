//! The metrics port, and what else is shown of a running simulator.

use super::*;

struct Scene {
    folder: PathBuf,
    port: u16,
}

impl Scene {
    fn new() -> Self {
        let folder = std::env::temp_dir().join(format!("dittofs-simulator-{}", ids::fresh()));
        std::fs::create_dir_all(&folder).unwrap();
        let port = free_ports(1).unwrap()[0];
        Self { folder, port }
    }

    async fn start(&self, metrics: &str) -> Result<Simulator, StartError> {
        let text = format!(
            "controlplane: {{port: 0}}\nmetrics: {{enabled: true, port: 0{metrics}}}\nldap: {{bind_password: hunter2}}"
        );
        let options = SimulatorOptions {
            initial_adapters: vec![("nfs".to_owned(), self.port)],
            ..SimulatorOptions::default()
        };
        let config = ServerConfig::from_yaml(&text).unwrap();
        Simulator::start(&config, &self.folder.join("data"), options).await
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

async fn get(simulator: &Simulator, path: &str, token: Option<&str>) -> (u16, String) {
    let address = simulator.metrics_addr().unwrap().to_string();
    let reply = send(&address, "GET", path, token, Vec::new())
        .await
        .unwrap();
    (reply.status, String::from_utf8(reply.body).unwrap())
}

#[tokio::test]
async fn the_page_tells_the_truth() {
    let scene = Scene::new();
    let simulator = scene.start("").await.unwrap();
    let (status, page) = get(&simulator, "/metrics", None).await;
    assert_eq!(status, 200);
    for line in [
        "# TYPE dittofs_client_connections_active gauge",
        "dittofs_client_connections_active{protocol=\"nfs\"} 0",
        "dittofs_adapter_connections_total{protocol=\"nfs\"} 0",
        "dittofs_simulator_adapter_running{adapter=\"nfs\"} 1",
    ] {
        assert!(page.lines().any(|other| other == line), "{line}\n{page}");
    }
    let mut client = BufReader::new(TcpStream::connect(("127.0.0.1", scene.port)).await.unwrap());
    client.read_line(&mut String::new()).await.unwrap();
    let page = get(&simulator, "/metrics", None).await.1;
    assert!(
        page.contains("dittofs_client_connections_active{protocol=\"nfs\"} 1"),
        "{page}"
    );
    assert_eq!(get(&simulator, "/other", None).await.0, 404);
    simulator.stop().await;
}

#[tokio::test]
async fn a_token_is_asked_for_when_it_should_be() {
    let scene = Scene::new();
    let file = scene.folder.join("token");
    let settings = format!(", path: /m, auth: token, token_file: {}", file.display());
    let refusal = scene.start(&settings).await.err().unwrap().to_string();
    assert!(refusal.contains("metrics.token_file names"), "{refusal}");
    std::fs::write(&file, " s3cret\n").unwrap();
    let simulator = scene.start(&settings).await.unwrap();
    for (token, status) in [(None, 401), (Some("other"), 401), (Some("s3cret"), 200)] {
        assert_eq!(get(&simulator, "/m", token).await.0, status, "{token:?}");
    }
    simulator.stop().await;
}

#[tokio::test]
async fn a_port_that_is_taken_costs_the_metrics_and_nothing_else() {
    let scene = Scene::new();
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = taken.local_addr().unwrap().port();
    let config = format!("controlplane: {{port: 0}}\nmetrics: {{enabled: true, port: {port}}}");
    let config = ServerConfig::from_yaml(&config).unwrap();
    let options = SimulatorOptions {
        initial_adapters: Vec::new(),
        ..SimulatorOptions::default()
    };
    let simulator = Simulator::start(&config, &scene.folder, options)
        .await
        .unwrap();
    assert_eq!(simulator.metrics_addr(), None);
    simulator.stop().await;
}

#[tokio::test]
async fn the_configuration_is_shown_without_secrets() {
    let scene = Scene::new();
    let simulator = scene.start("").await.unwrap();
    let address = simulator.addr().to_string();
    let ask = async |method, path, token, body| {
        json(&send(&address, method, path, token, body).await.unwrap())
    };
    let login = json!({"username": "admin", "password": Simulator::ADMIN_PASSWORD}).to_string();
    let login = ask("POST", "/api/v1/auth/login", None, login.into_bytes()).await;
    let token = login["access_token"].as_str().unwrap();
    let config = ask("GET", "/simulator/config", Some(token), Vec::new()).await;
    assert_eq!(config["metrics"], json!({"enabled": true, "port": 0}));
    assert_eq!(config["ldap"]["bind_password"], "********");
    simulator.stop().await;
}
