//! Every field does something: a change of it changes what the operator makes or says. One test for each field, and
//! `docs/fields.md`, which lists them.

use dittofs_suite::fields::{self, Change};
use dittofs_suite::registry::plain;
use dittofs_suite::{Outcome, ensure};
use libtest_mimic::Trial;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;

use super::case::Live;
use super::{peer, render, roll};

type Error = Box<dyn std::error::Error + Send + Sync>;

/// Fields whose effect is in nothing that is made for an instance, and the test that shows it.
const ELSEWHERE: &[(&str, &str, &str)] = &[
    (
        "rollPolicy",
        "when the pod is recreated",
        "node::rolls::with_roll_policy_manual_the_pod_waits_for_a_rollout_restart",
    ),
    (
        "identity.type",
        "nothing: there is one kind of store",
        "golden::crd::is_current",
    ),
];

/// A test for each field.
pub fn trials() -> Vec<Trial> {
    let fields = fields::all().unwrap();
    let mut trials = vec![plain("golden::fields::the_list_is_current", is_current)];
    for (path, changes) in fields {
        if elsewhere(&path).is_none() {
            trials.push(plain(&test_of(&path), move || shown(&path, &changes)));
        }
    }
    trials
}

fn test_of(path: &str) -> String {
    elsewhere(path).map_or_else(
        || format!("golden::field::{path}"),
        |(_, test)| (*test).to_owned(),
    )
}

fn elsewhere(path: &str) -> Option<(&'static str, &'static str)> {
    let entry = ELSEWHERE.iter().find(|(field, ..)| *field == path);
    entry.map(|(_, effect, test)| (*effect, *test))
}

fn shown(path: &str, changes: &[Change]) -> Outcome {
    if roll::is_not_yet(path) {
        return Ok(());
    }
    let mut changed = BTreeSet::new();
    for change in changes {
        changed.extend(effect(change).map_err(|error| format!("{path}: {error}"))?);
    }
    ensure!(
        !changed.is_empty(),
        "a change of {path} changes nothing that the operator makes or says"
    );
    Ok(())
}

/// The objects that a change makes, changes or removes.
fn effect(change: &Change) -> Result<BTreeSet<String>, Error> {
    let before = change.prepared(&json!({}));
    let after = change.applied_to(&before);
    let documents = |spec: &Value| -> Result<BTreeMap<String, String>, Error> {
        let mut observed = roll::observed(spec)?;
        observed.adapters = Some(roll::published(&[("nfs", 12049), ("smb", 1445)]));
        let documents = render::documents(&observed, &Live::default())?;
        documents
            .into_iter()
            .map(|text| Ok((title(&text)?, text)))
            .collect()
    };
    let (before, after) = (documents(&before)?, documents(&after)?);
    let names: BTreeSet<_> = before.keys().chain(after.keys()).cloned().collect();
    Ok(names
        .into_iter()
        .filter(|name| before.get(name) != after.get(name))
        .collect())
}

fn title(text: &str) -> Result<String, Error> {
    let value: Value = serde_saphyr::from_str(text)?;
    let name = value["metadata"]["name"].as_str();
    Ok(match (value["kind"].as_str(), name) {
        (Some(kind), Some(name)) => format!("{kind} `{name}`"),
        _ if value.get("status").is_some() => "status".to_owned(),
        _ => "what is taken away".to_owned(),
    })
}

const BEGINNING: &str = "\
# Every field and the test that shows its effect

Made by the tests: `DITTOFS_BLESS=1 cargo test -p dittofs-suite --test suite -- golden::fields`. The third column says what a change of the
field changes on an instance `files`. Every test `golden::field::…` makes the changes that `tests/suite/fields.yaml` lists and fails when
nothing comes of them. `golden::roll`, `api::roll_walk` and `api::mutation` walk over the same list.

| field | Go operator has it | a change of it changes | test |
|---|---|---|---|
";

fn is_current() -> Outcome {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/fields.md");
    let mut text = BEGINNING.to_owned();
    for (path, changes) in fields::all()? {
        let effect = match elsewhere(&path) {
            Some((effect, _)) => effect.to_owned(),
            None => {
                let mut all = BTreeSet::new();
                for change in &changes {
                    all.extend(effect(change).unwrap_or_default());
                }
                all.into_iter().collect::<Vec<_>>().join(", ")
            }
        };
        let theirs = if peer::FIELDS.contains(&path.as_str()) {
            "yes"
        } else {
            "no"
        };
        let _ = writeln!(
            text,
            "| `{path}` | {theirs} | {effect} | `{}` |",
            test_of(&path)
        );
    }
    super::expect(
        &file,
        &text,
        "DITTOFS_BLESS=1 cargo test -p dittofs-suite --test suite -- golden::fields",
    )
}
