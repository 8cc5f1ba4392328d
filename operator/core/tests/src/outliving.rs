//! Objects without an owner are annotated, whatever their kind: tools that delete what they do not know must not take them.

use crate::{Outcome, ensure};
use serde_json::Value;
use std::collections::BTreeSet;

use super::case::Case;
use super::render;

const ANNOTATIONS: [(&str, &str); 2] = [
    (
        "argocd.argoproj.io/sync-options",
        "Prune=false,Delete=false",
    ),
    ("argocd.argoproj.io/compare-options", "IgnoreExtraneous"),
];

/// In every case.
pub fn is_annotated() -> Outcome {
    let mut seen = BTreeSet::new();
    for case in Case::all() {
        for document in render::all(&case)? {
            let document: Value = serde_saphyr::from_str(&document.text)?;
            let templates = document["spec"]["volumeClaimTemplates"].as_array();
            let template = |template: &Value| {
                // They become claims, whose owner may be taken off later.
                (
                    "PersistentVolumeClaim".to_owned(),
                    template["metadata"].clone(),
                )
            };
            let mut all: Vec<_> = templates.into_iter().flatten().map(template).collect();
            let kind = document["kind"].as_str().unwrap_or_default();
            // What is sent of a claim that grows is its size.
            let whole = document["metadata"]["labels"].is_object();
            if whole && document["metadata"]["ownerReferences"].is_null() {
                all.push((kind.to_owned(), document["metadata"].clone()));
            }
            for (kind, metadata) in all {
                for (key, value) in ANNOTATIONS {
                    let has = &metadata["annotations"][key];
                    ensure!(
                        has == value,
                        "{}: {kind} {} has no owner, and for {key} {has}",
                        case.name,
                        metadata["name"]
                    );
                }
                seen.insert(kind);
            }
        }
    }
    let expected = ["PerconaPGCluster", "PersistentVolumeClaim", "Secret"];
    ensure!(
        seen.iter().eq(expected),
        "without an owner are {seen:?}, and docs/architecture.md says {expected:?}"
    );
    Ok(())
}
