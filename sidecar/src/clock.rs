//! The current time, which is passed as an argument.
#![expect(clippy::disallowed_methods, reason = "this is the clock")]

use jiff::Timestamp;
use std::time::{Duration, Instant};

/// One instant on two clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// Time of day, for what people read. It can jump.
    pub wall: Timestamp,
    /// Time since the sidecar started, for measuring durations. It is monotonic.
    pub steady: Duration,
}

/// A source of the current time.
pub trait Clock: Fn() -> Now + Clone + Send + Sync + 'static {}
impl<F: Fn() -> Now + Clone + Send + Sync + 'static> Clock for F {}

/// The clock of the machine. `steady` counts from this call.
pub fn system() -> impl Clock {
    let started = Instant::now();
    move || Now {
        wall: Timestamp::now(),
        steady: started.elapsed(),
    }
}
