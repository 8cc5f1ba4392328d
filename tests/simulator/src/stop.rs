//! A request to stop, made by one and seen by many.

use tokio::sync::watch;

/// Requests it. Dropping it does so as well, so that nothing outlives its owner.
#[derive(Debug)]
pub(crate) struct Stopper(watch::Sender<bool>);

/// Waits for it.
#[derive(Debug, Clone)]
pub(crate) struct Stopped(watch::Receiver<bool>);

/// A new pair.
pub(crate) fn channel() -> (Stopper, Stopped) {
    let (sender, receiver) = watch::channel(false);
    (Stopper(sender), Stopped(receiver))
}

impl Stopper {
    /// Asks all that wait to stop.
    pub(crate) fn stop(&self) {
        self.0.send_replace(true);
    }
}

impl Stopped {
    /// Waits until a stop is requested, or nobody is left who could.
    pub(crate) async fn requested(&mut self) {
        let _ = self.0.wait_for(|stop| *stop).await;
    }
}
