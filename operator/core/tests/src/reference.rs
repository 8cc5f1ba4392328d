//! `docs/reference.md` is made from the schema.

use crate::{Outcome, ensure};
use dittofs_operator_core::reference::{self, fields, reasons};
use std::collections::BTreeSet;
use std::path::Path;

pub fn is_current() -> Outcome {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../docs/reference.md");
    super::expect(&file, &reference::text())
}

pub fn reasons() -> Outcome {
    let fields = fields::of("spec");
    let leaves: BTreeSet<_> = fields
        .iter()
        .filter(|field| field.is_leaf())
        .map(|field| field.path.as_str())
        .collect();
    let strange: Vec<_> = reasons::fields()
        .filter(|field| !leaves.contains(field))
        .collect();
    ensure!(
        strange.is_empty(),
        "reasons are given of {}, which are no fields with a value",
        strange.join(", ")
    );
    Ok(())
}
