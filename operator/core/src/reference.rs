//! Pure: generates the CRD and `docs/reference.md` from the types.

mod bounds;
pub mod crd;
pub mod definition;
pub mod fields;
mod markdown;
pub mod of_kubernetes;
pub mod reasons;
pub mod rolls;

pub use markdown::text;
