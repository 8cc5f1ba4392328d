//! Format and level of the log.

use crate::channel::changed;
use dittofs_shared::crd::{LogFormat, LogLevel};
use dittofs_shared::settings::Settings;
use std::convert::Infallible;
use tokio::sync::watch;
use tracing::subscriber::SetGlobalDefaultError;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::{Layer, Registry, fmt, reload};

/// Changes the level of the log.
pub struct LevelSwitch(reload::Handle<Targets, Registry>);

/// Begins to log on standard output, at level INFO.
///
/// # Errors
/// When somebody in this process logs already.
pub fn begin(format: LogFormat) -> Result<LevelSwitch, SetGlobalDefaultError> {
    let (filter, handle) = reload::Layer::new(targets(LogLevel::default()));
    let lines = match format {
        LogFormat::Text => fmt::layer().with_target(false).boxed(),
        LogFormat::Json => fmt::layer()
            .json()
            .flatten_event(true)
            .with_target(false)
            .with_current_span(false)
            .with_span_list(false)
            .boxed(),
    };
    tracing::subscriber::set_global_default(Registry::default().with(filter).with(lines))?;
    Ok(LevelSwitch(handle))
}

/// Follows the level of the settings for ever.
pub async fn follow(switch: LevelSwitch, mut settings: watch::Receiver<Settings>) -> Infallible {
    loop {
        let level = settings.borrow_and_update().log_level;
        if let Err(error) = switch.0.reload(targets(level)) {
            tracing::warn!(%error, "the log level cannot be changed");
        }
        changed(&mut settings).await;
    }
}

/// Only what this program says, and at DEBUG the requests to the Kubernetes API: the libraries log every failure as
/// an error, over and over.
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
        .with_target("kube_client", libraries)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tracing::Level;

    #[test]
    fn libraries_are_silent_unless_everything_is_wanted() {
        let info = targets(LogLevel::Info);
        assert!(info.would_enable("dittofs_sidecar::poll", &Level::INFO));
        assert!(!info.would_enable("dittofs_sidecar::poll", &Level::DEBUG));
        assert!(!info.would_enable("kube_client::client::builder", &Level::ERROR));
        assert!(
            targets(LogLevel::Debug).would_enable("kube_client::client::builder", &Level::DEBUG)
        );
        assert!(!targets(LogLevel::Error).would_enable("dittofs_sidecar", &Level::WARN));
    }
}
