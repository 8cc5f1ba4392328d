//! How a test is declared, and how it ends.

use libtest_mimic::{Failed, Trial};

/// Why a test fails.
pub type Error = Box<dyn std::error::Error + Send + Sync>;

/// How a test ends.
pub type Outcome = Result<(), Error>;

/// Ends a test with a reason.
#[macro_export]
macro_rules! fail {
    ($($text:tt)*) => { return Err(format!($($text)*).into()) };
}

/// Ends a test with a reason unless something holds.
#[macro_export]
macro_rules! ensure {
    ($holds:expr, $($text:tt)*) => { if !$holds { $crate::fail!($($text)*); } };
}

/// A test that needs nothing but this process.
pub fn plain(name: &str, test: impl FnOnce() -> Outcome + Send + 'static) -> Trial {
    Trial::test(name, move || test().map_err(failed))
}

/// A test that is skipped for a reason, which its name then tells.
pub fn skipped(name: &str, reason: &str) -> Trial {
    Trial::test(format!("{name} (skipped: {reason})"), || Ok(())).with_ignored_flag(true)
}

/// The error with all its causes.
#[allow(clippy::needless_pass_by_value)] // `map_err` hands it over.
pub fn failed(error: Error) -> Failed {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text.into()
}
