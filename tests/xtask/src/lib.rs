//! What tests need of `cargo xtask`: the places in which a version is written. See [`release`].

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

pub mod release;
