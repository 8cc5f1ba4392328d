//! Misbehaviour in front of a real server: whatever no rule is about, the server behind it answers.

use std::{
    collections::BTreeMap,
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use hyper::{Request, body::Incoming};
use tokio::{net::TcpListener, task::JoinHandle};
use tracing::warn;

use crate::{
    api::Answer,
    faults::Faults,
    replay::client,
    server::{misbehave, read},
    stop::{self, Stopped, Stopper},
    transport::{Entrance, Responded},
};

/// It stops at once: nothing of it has to be kept.
const DRAIN: Duration = Duration::ZERO;

/// The front of one server. It ends when this is dropped.
#[derive(Debug)]
pub struct Front {
    address: SocketAddr,
    shared: Arc<Shared>,
    _stop: Stopper,
    _serving: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    /// Host and port of the server.
    server: String,
    faults: Mutex<Faults>,
    requests: Mutex<BTreeMap<String, u64>>,
    stopping: Stopped,
}

impl Front {
    /// Takes requests for the server at this host and port.
    ///
    /// # Errors
    /// There is no port for it.
    pub async fn start(server: String) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let (stop, stopping) = stop::channel();
        let shared = Arc::new(Shared {
            server,
            faults: Mutex::default(),
            requests: Mutex::default(),
            stopping: stopping.clone(),
        });
        let entrance = Entrance {
            listener,
            tls: None,
            stopping,
            drain_limit: DRAIN,
        };
        let asked = Arc::clone(&shared);
        let respond = move |request| respond(Arc::clone(&asked), request);
        Ok(Self {
            address,
            shared,
            _stop: stop,
            _serving: tokio::spawn(entrance.serve(respond)),
        })
    }

    /// Where it takes requests.
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Puts faults in force instead of the present ones.
    pub fn set_faults(&self, faults: Faults) {
        *locked(&self.shared.faults) = faults;
    }

    /// How often a method and path was asked for since the start, wrongly answered or not.
    pub fn requests(&self, method: &str, path: &str) -> u64 {
        let requests = locked(&self.shared.requests);
        requests
            .get(&format!("{method} {path}"))
            .copied()
            .unwrap_or(0)
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn respond(shared: Arc<Shared>, request: Request<Incoming>) -> Responded {
    let (method, path) = (
        request.method().to_string(),
        request.uri().path().to_owned(),
    );
    *locked(&shared.requests)
        .entry(format!("{method} {path}"))
        .or_default() += 1;
    let fault = locked(&shared.faults).take(&method, &path);
    misbehave(fault, &shared.stopping, || ask(&shared.server, request)).await
}

/// What the server says. One that does not answer is a gateway's 502.
async fn ask(server: &str, request: Request<Incoming>) -> Answer {
    let uri = request.uri().clone();
    let call = match read(request).await {
        Ok(call) => call,
        Err(refused) => return refused,
    };
    let authorization = call.authorization.as_deref();
    let token = authorization.and_then(|text| text.strip_prefix("Bearer "));
    let path = uri
        .path_and_query()
        .map_or(call.path.as_str(), |path| path.as_str());
    match client::send(server, &call.method, path, token, call.body).await {
        Ok(reply) => Answer {
            status: reply.status,
            content_type: reply.content_type,
            body: reply.body,
            apply: reply.apply,
        },
        Err(error) => {
            warn!(%error, server, "the server behind does not answer");
            Answer::text(502, "the server behind does not answer")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Fault, FaultRule, ServerConfig, Simulator, SimulatorOptions};

    #[tokio::test]
    async fn what_no_rule_is_about_the_server_behind_answers() {
        let folder = std::env::temp_dir().join(format!("front-{}", std::process::id()));
        let config = ServerConfig::from_yaml("controlplane: {port: 0}").unwrap();
        let options = SimulatorOptions {
            secret: Some("k".repeat(64)),
            initial_adapters: Vec::new(),
            ..SimulatorOptions::default()
        };
        let server = Simulator::start(&config, &folder, options).await.unwrap();
        let behind = server.base_url().replace("http://", "");
        let front = Front::start(behind).await.unwrap();
        front.set_faults(Faults {
            rules: vec![FaultRule {
                path: "/api".to_owned(),
                method: None,
                count: Some(1),
                fault: Fault::Status {
                    code: 418,
                    body: "no".to_owned(),
                    content_type: None,
                },
            }],
            start_delay_ms: None,
        });
        let address = front.base_url().replace("http://", "");
        let mut seen = Vec::new();
        for path in ["/health", "/api/v1/auth/me", "/api/v1/auth/me"] {
            let reply = client::send(&address, "GET", path, None, Vec::new()).await;
            seen.push(reply.unwrap().status);
        }
        assert_eq!(seen, [200, 418, 401]);
        assert_eq!(front.requests("GET", "/api/v1/auth/me"), 2);
        assert_eq!(server.requests("GET", "/api/v1/auth/me"), 1);
        std::fs::remove_dir_all(folder).unwrap();
    }
}
