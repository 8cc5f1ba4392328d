//! Pure: what `docs/reference.md` holds, made from the schema.

pub mod crd;
pub mod fields;
mod markdown;
pub mod reasons;
pub mod rolls;

pub use markdown::text;
