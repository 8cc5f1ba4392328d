//! What other projects have made.

pub mod foreign_crds;
pub mod policy_evaluator;
