//! Level of the log.

use crate::channel::changed;
use dittofs_runtime::logging::{self, FilterHandle, LevelFilter, LogError, LogFormat, Targets};
use dittofs_shared::crd::LogLevel;
use dittofs_shared::settings::Settings;
use std::convert::Infallible;
use tokio::sync::watch;

/// Logs to standard output, at level INFO at first.
///
/// # Errors
/// This process has a logger already.
pub fn start(format: LogFormat) -> Result<FilterHandle, LogError> {
    logging::start_adjustable(format, targets(LogLevel::default()))
}

/// Applies the log level of the settings whenever it changes, without end.
pub async fn follow(filter: FilterHandle, mut settings: watch::Receiver<Settings>) -> Infallible {
    loop {
        let level = settings.borrow_and_update().log_level;
        if let Err(error) = filter.set(targets(level)) {
            tracing::warn!(%error, "cannot change the log level");
        }
        changed(&mut settings).await;
    }
}

/// Our own crates, and at DEBUG the requests to the Kubernetes API: the libraries log every failure as an error, again
/// and again.
fn targets(level: LogLevel) -> Targets {
    let own = match level {
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Error => LevelFilter::ERROR,
    };
    let libraries = match level {
        LogLevel::Debug => LevelFilter::DEBUG,
        _ => LevelFilter::OFF,
    };
    Targets::new()
        .with_target("dittofs_sidecar", own)
        .with_target("dittofs_runtime", own)
        .with_target("kube_client", libraries)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tracing::Level;

    #[test]
    fn libraries_are_logged_at_debug_only() {
        let info = targets(LogLevel::Info);
        assert!(info.would_enable("dittofs_sidecar::poll", &Level::INFO));
        assert!(!info.would_enable("dittofs_sidecar::poll", &Level::DEBUG));
        assert!(info.would_enable("dittofs_runtime::probe_server", &Level::WARN));
        assert!(!info.would_enable("kube_client::client::builder", &Level::ERROR));
        assert!(
            targets(LogLevel::Debug).would_enable("kube_client::client::builder", &Level::DEBUG)
        );
        assert!(!targets(LogLevel::Error).would_enable("dittofs_sidecar", &Level::WARN));
    }
}
