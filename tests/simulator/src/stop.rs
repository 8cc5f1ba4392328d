//! The wish to stop, told by one and heard by many.

use tokio::sync::watch;

/// Tells. Dropping it tells as well, so that nothing outlives its owner.
#[derive(Debug)]
pub(crate) struct Stopper(watch::Sender<bool>);

/// Hears.
#[derive(Debug, Clone)]
pub(crate) struct Stopped(watch::Receiver<bool>);

/// A new pair.
pub(crate) fn channel() -> (Stopper, Stopped) {
    let (tell, hear) = watch::channel(false);
    (Stopper(tell), Stopped(hear))
}

impl Stopper {
    /// Asks all hearers to stop.
    pub(crate) fn stop(&self) {
        self.0.send_replace(true);
    }
}

impl Stopped {
    /// Waits until a stop is wished for, or nobody is left who could.
    pub(crate) async fn wished(&mut self) {
        let _ = self.0.wait_for(|stop| *stop).await;
    }
}
