//! Until when this process may write.

use std::sync::{Arc, Mutex};
use tokio::time::Instant;

use crate::lock::lock;

/// Asked before every write. A process that was stopped for longer than its Lease is valid finds out here that its time
/// is over, before any timer has fired.
///
/// Its clock is the monotonic one of the machine. That one stands still while the whole machine sleeps.
#[derive(Clone, Debug)]
pub struct Fence {
    end: Arc<Mutex<End>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Never,
    At(Instant),
}

impl Fence {
    /// Closed until a Lease is held. Without leader election it is always open.
    pub fn new(leader_election: bool) -> Self {
        let end = if leader_election {
            End::At(Instant::now())
        } else {
            End::Never
        };
        Self {
            end: Arc::new(Mutex::new(end)),
        }
    }

    /// Whether a write may be sent now.
    pub fn is_open(&self) -> bool {
        match *lock(&self.end) {
            End::Never => true,
            End::At(end) => Instant::now() < end,
        }
    }

    /// The Lease was renewed.
    pub(super) fn open_until(&self, end: Instant) {
        *lock(&self.end) = End::At(end);
    }

    /// The Lease was lost or given back.
    pub(super) fn close(&self) {
        self.open_until(Instant::now());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn it_closes_by_itself_and_at_once_when_the_lease_is_lost() {
        let fence = Fence::new(true);
        assert!(!fence.is_open());
        fence.open_until(Instant::now() + Duration::from_mins(1));
        assert!(fence.clone().is_open());
        fence.close();
        assert!(!fence.clone().is_open());
        fence.open_until(Instant::now());
        assert!(!fence.is_open());
        assert!(Fence::new(false).is_open());
    }
}
