//! A target of `dittofs_model::fuzz` for libFuzzer. `cargo xtask fuzz` builds and runs it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::sync::OnceLock;

/// Names the target.
const VARIABLE: &str = "DITTOFS_FUZZ_TARGET";

static NAME: OnceLock<String> = OnceLock::new();

fuzz_target!(|bytes: &[u8]| {
    let name = NAME.get_or_init(|| std::env::var(VARIABLE).unwrap_or_default());
    let target = dittofs_model::fuzz::TARGETS
        .iter()
        .find(|(known, _)| known == name);
    let (_, target) = target.expect(VARIABLE);
    if let Err(found) = target(bytes) {
        panic!("{found}");
    }
});
