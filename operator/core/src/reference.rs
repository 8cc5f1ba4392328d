//! Pure: generates `docs/reference.md` from the schema.

pub mod crd;
pub mod fields;
mod markdown;
pub mod reasons;
pub mod rolls;

pub use markdown::text;
