//! The endpoints for the kubelet and Prometheus: `/livez`, `/readyz`, `/metrics`.

use dittofs_runtime::probe_server::Answer;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use crate::hearing::Hearing;
use crate::metrics::Metrics;

/// What the answers depend on.
#[derive(Debug)]
pub struct Probes {
    /// Metrics.
    pub metrics: Arc<Metrics>,
    /// When something was last heard of each watch. A standby has none.
    pub hearing: Hearing,
    /// Set while this process is a standby, or leads and its caches have synced.
    pub ready: AtomicBool,
}

impl Probes {
    /// The answer to a `GET` of this path.
    pub fn answer(&self, path: &str) -> Answer {
        match path {
            // Any answer shows that the process is not stuck: all of it runs on one thread.
            "/livez" => match self.hearing.trouble(Instant::now()) {
                None => Answer::ok(),
                Some(trouble) => Answer::unavailable(&trouble),
            },
            "/readyz" if self.ready.load(Ordering::Relaxed) => Answer::ok(),
            "/readyz" => Answer::unavailable("caches have not synced yet"),
            "/metrics" => Answer::metrics(self.metrics.encode()),
            _ => Answer::not_found("only /livez, /readyz and /metrics are served"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dittofs_runtime::probe_server::StatusCode;

    #[test]
    fn every_path_has_its_answer() {
        let probes = Probes {
            metrics: Arc::default(),
            hearing: Hearing::default(),
            ready: AtomicBool::new(false),
        };
        let get = |path| probes.answer(path).status;
        assert_eq!(get("/livez"), StatusCode::OK);
        assert_eq!(get("/readyz"), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(get("/metrics"), StatusCode::OK);
        assert_eq!(get("/"), StatusCode::NOT_FOUND);
        probes.ready.store(true, Ordering::Relaxed);
        assert_eq!(get("/readyz"), StatusCode::OK);
    }
}
