//! Waiting on watch channels.

use tokio::sync::watch;

/// Waits until the value changes. Never returns once the sender is dropped, so that it can be a branch of `select!`.
pub(crate) async fn changed<T>(receiver: &mut watch::Receiver<T>) {
    if receiver.changed().await.is_err() {
        std::future::pending::<()>().await;
    }
}
