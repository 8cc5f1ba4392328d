//! What time it is, as an argument.

use jiff::Timestamp;
use std::time::{Duration, Instant};

/// One moment on two clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// The clock on the wall, for what people read. It can jump.
    pub wall: Timestamp,
    /// Time since the sidecar started, for what is measured. It never goes back.
    pub steady: Duration,
}

/// Something that tells the time.
pub trait Clock: Fn() -> Now + Clone + Send + Sync + 'static {}
impl<F: Fn() -> Now + Clone + Send + Sync + 'static> Clock for F {}

/// The clock of the machine; `steady` begins with this call.
pub fn system() -> impl Clock {
    let begun = Instant::now();
    move || Now {
        wall: Timestamp::now(),
        steady: begun.elapsed(),
    }
}
