//! Signals that request a shutdown.

use tokio::signal::unix::{SignalKind, signal};

/// Until SIGTERM, which the kubelet sends, or SIGINT, which Ctrl-C sends.
pub async fn requested() {
    tokio::select! {
        () = received("SIGTERM", SignalKind::terminate()) => {}
        () = received("SIGINT", SignalKind::interrupt()) => {}
    }
}

async fn received(name: &str, kind: SignalKind) {
    match signal(kind) {
        Ok(mut signals) => {
            if signals.recv().await.is_none() {
                std::future::pending::<()>().await;
            }
        }
        Err(error) => {
            tracing::warn!(%error, "cannot listen for {name}: the kubelet kills this process after the grace period");
            std::future::pending::<()>().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::sys::signal::{Signal, raise};
    use std::pin::pin;
    use std::time::Duration;
    use tokio::time::timeout;

    #[tokio::test]
    async fn both_signals_are_heard() {
        for asked in [Signal::SIGTERM, Signal::SIGINT] {
            let mut requested = pin!(requested());
            // The handlers are in place once it has been polled.
            assert!(timeout(Duration::ZERO, &mut requested).await.is_err());
            raise(asked).unwrap();
            timeout(Duration::from_secs(5), requested).await.unwrap();
        }
    }
}
