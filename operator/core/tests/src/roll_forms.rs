//! The two forms of the roll hash: pods of the first releases have one of them only, and an upgrade restarts none of them.

use crate::{Outcome, ensure};
use dittofs_operator_core::roll::{self, Roll};
use dittofs_shared::crd::RollPolicy;
use dittofs_shared::{labels, names};
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::Pod;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use super::case::Case;
use super::roll::{observed, running, template_of};

type Error = Box<dyn std::error::Error + Send + Sync>;

/// What the first releases wrote for the golden cases.
fn written() -> Result<BTreeMap<String, String>, Error> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("roll-hashes.yaml");
    Ok(serde_saphyr::from_str(&std::fs::read_to_string(file)?)?)
}

fn annotations(set: &StatefulSet) -> BTreeMap<String, String> {
    let spec = set.spec.as_ref();
    let metadata = spec.and_then(|spec| spec.template.metadata.as_ref());
    let annotations = metadata.and_then(|metadata| metadata.annotations.clone());
    annotations.unwrap_or_default()
}

/// A server that runs, in a pod with these annotations.
fn pod(annotations: &Value) -> Result<Pod, Error> {
    Ok(serde_json::from_value(json!({
        "metadata": {"annotations": annotations},
        "status": {"containerStatuses": [{
            "name": "dittofs", "image": "", "imageID": "", "restartCount": 0, "ready": true, "started": true,
            "state": {"running": {}},
        }]},
    }))?)
}

/// What comes of a pod once the controller has seen the StatefulSet.
fn decide(set: &StatefulSet, pod: &Pod) -> Result<Roll, Error> {
    let mut seen = set.clone();
    seen.metadata.generation = Some(1);
    seen.status = serde_json::from_value(json!({"observedGeneration": 1, "replicas": 1}))?;
    Ok(roll::decide(RollPolicy::Automatic, Some(&seen), Some(pod)))
}

/// What the API server stored as the image of a `DittoServer` without one, when the first releases were installed. It
/// is stored when the object is created, so that another default of today changes no object.
const FIRST_DEFAULT_IMAGE: &str = "marmos91c/dittofs:latest";

/// Every pod that bears what the first releases wrote goes on.
pub fn pods_of_the_first_releases_go_on() -> Outcome {
    let cases: BTreeMap<_, _> = Case::all()
        .into_iter()
        .map(|case| (case.name.clone(), case))
        .collect();
    for (name, hash) in written()? {
        let case = cases.get(&name).ok_or(format!("no case {name}"))?;
        let mut observed = case.observed()?;
        let image = &mut observed.server.spec.image;
        if *image == names::default_server_image() {
            FIRST_DEFAULT_IMAGE.clone_into(image);
        }
        let set = template_of(&observed)?;
        let decision = decide(&set, &pod(&json!({ labels::ROLL_HASH: hash }))?)?;
        let now = &annotations(&set)[labels::ROLL_HASH];
        ensure!(
            decision == Roll::Current,
            "{name}: {decision:?}\nwas {hash}\nis  {now}"
        );
    }
    Ok(())
}

/// A later release may write `config.yaml` differently. Pods of the first releases go on all the same, until something
/// changes for which they have to be restarted.
pub fn another_rendering_restarts_nobody_and_a_change_does() -> Outcome {
    let before = observed(&json!({}))?;
    let mut live = template_of(&before)?;
    let other = "image:1 config:other";
    let spec = live.spec.as_mut().ok_or("no spec")?;
    let metadata = spec.template.metadata.get_or_insert_default();
    let annotations_of_live = metadata.annotations.get_or_insert_default();
    annotations_of_live.insert(labels::ROLL_HASH.to_owned(), other.to_owned());
    let old = pod(&json!({ labels::ROLL_HASH: other }))?;
    let new = pod(&json!(annotations(&live)))?;
    for (spec, rolls) in [
        (json!({}), false),
        (json!({"logging": {"level": "DEBUG"}}), true),
    ] {
        let mut after = running(&before, observed(&spec)?)?;
        after.stateful_set = Some(Arc::new(live.clone()));
        let set = template_of(&after)?;
        for pod in [&old, &new] {
            let decision = decide(&set, pod)?;
            let restarted =
                matches!(&decision, Roll::Now { changed, .. } if changed.contains("config"));
            ensure!(
                restarted == rolls && (rolls || decision == Roll::Current),
                "{spec}: {decision:?}"
            );
        }
    }
    Ok(())
}

/// Two spellings of one configuration are one configuration.
pub fn another_spelling_restarts_nobody() -> Outcome {
    for (before, after) in [
        (
            json!({"identity": {"jwt": {"accessTokenDuration": "60m"}}}),
            json!({"identity": {"jwt": {"accessTokenDuration": "1h"}}}),
        ),
        (
            json!({"storage": {"cacheSize": "1Gi"}}),
            json!({"storage": {"cacheSize": "1024Mi"}}),
        ),
        (json!({}), json!({"configOverrides": {}})),
    ] {
        let [before_parts, after_parts] = [
            super::roll::parts_of(&observed(&before)?)?,
            super::roll::parts_of(&observed(&after)?)?,
        ];
        let changed = super::roll::changed(&before_parts, &after_parts);
        ensure!(changed.is_empty(), "{before} and {after}: {changed:?}");
    }
    Ok(())
}
