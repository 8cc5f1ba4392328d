//! Progress lines of long steps, on standard error: standard output belongs to the caller.

use std::time::Instant;

/// Announces a step when it begins and says how long it took when it is done.
#[derive(Debug)]
pub struct Step {
    what: String,
    began: Instant,
}

impl Step {
    /// Prints `what …`.
    pub fn begin(what: impl Into<String>) -> Self {
        let what = what.into();
        eprintln!("rig: {what} …");
        Self {
            what,
            began: Instant::now(),
        }
    }

    /// Prints `what: done` and the time it took.
    pub fn done(self) {
        let seconds = self.began.elapsed().as_secs_f64();
        eprintln!("rig: {}: done in {seconds:.1} s", self.what);
    }
}
