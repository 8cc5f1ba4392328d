//! A client that connects again and again, and counts.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

const INTERVAL: Duration = Duration::from_millis(100);
const PATIENCE: Duration = Duration::from_secs(2);

/// A client that connects every 100 ms from the node, through the Service's rules.
pub struct Probe {
    stop: Arc<AtomicBool>,
    task: JoinHandle<Report>,
}

/// What the client met.
#[derive(Debug, Default)]
pub struct Report {
    /// Connections that were made.
    pub connected: usize,
    /// Connections that were refused or took too long, with the time since the start.
    pub failed: Vec<String>,
}

impl Probe {
    /// Begins to connect.
    pub fn start(address: SocketAddr) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let task = tokio::spawn(async move {
            let mut report = Report::default();
            let began = Instant::now();
            let mut ticks = tokio::time::interval(INTERVAL);
            while !stopped.load(Ordering::Relaxed) {
                ticks.tick().await;
                match tokio::time::timeout(PATIENCE, TcpStream::connect(address)).await {
                    Ok(Ok(_)) => report.connected += 1,
                    Ok(Err(error)) => report
                        .failed
                        .push(format!("{:.1?}: {error}", began.elapsed())),
                    Err(_) => report
                        .failed
                        .push(format!("{:.1?}: no answer", began.elapsed())),
                }
            }
            report
        });
        Self { stop, task }
    }

    /// Ends, and says what the client met.
    ///
    /// # Errors
    /// No single connection was tried, or one failed.
    pub async fn finish(self) -> Result<Report, Box<dyn std::error::Error + Send + Sync>> {
        self.stop.store(true, Ordering::Relaxed);
        let report = self.task.await?;
        if report.connected == 0 || !report.failed.is_empty() {
            return Err(format!(
                "{} connections made, failed: {:?}",
                report.connected, report.failed
            )
            .into());
        }
        println!("{} connections, none failed", report.connected);
        Ok(report)
    }
}
