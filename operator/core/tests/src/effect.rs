//! Every field does something: a change of it changes what the operator makes or says. One test for each field, and
//! `docs/fields.md`, which lists them.

use crate::fields::{self, Change};
use crate::trial::plain;
use crate::{Outcome, ensure, fail};
use libtest_mimic::Trial;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

use super::case::Live;
use super::{peer, render, roll};

type Error = Box<dyn std::error::Error + Send + Sync>;

/// Fields whose effect is in nothing that is made for an instance, and the test that shows it.
const ELSEWHERE: &[(&str, &str)] = &[
    (
        "rollPolicy",
        "node::rolls::with_roll_policy_manual_the_pod_waits_for_a_rollout_restart",
    ),
    // It matters when another image is asked for.
    (
        "sidecar.updatePolicy",
        "api::renewal::with_the_next_pod_a_running_one_keeps_its_sidecar",
    ),
    // There is one kind of store.
    ("identity.type", "golden::crd::is_current"),
    // `postgres` without a connection is refused; with one, PostgreSQL is used anyway.
    (
        "database.type",
        "api::validation::combinations_that_cannot_work_are_refused",
    ),
    // It matters while the Secret is missing, and then there may be no server to compare with.
    (
        "database.postgresSecretRef.optional",
        "golden::case::secrets-optional",
    ),
    (
        "identity.admin.passwordSecretRef.optional",
        "golden::case::secrets-optional",
    ),
    (
        "identity.jwt.secretRef.optional",
        "golden::case::signing-key-optional",
    ),
    // Kept and not acted on, which condition ManagementReady says as soon as there is a policy.
    (
        "snapshotPolicies[].enabled",
        "golden::field::snapshotPolicies[].share",
    ),
    (
        "snapshotPolicies[].interval",
        "golden::field::snapshotPolicies[].share",
    ),
    (
        "snapshotPolicies[].keepLast",
        "golden::field::snapshotPolicies[].share",
    ),
    (
        "snapshotPolicies[].namePrefix",
        "golden::field::snapshotPolicies[].share",
    ),
    (
        "snapshotPolicies[].ttl",
        "golden::field::snapshotPolicies[].share",
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

/// A test that is named here must be among those that are known. `golden`: asks for those of this crate, else for all others.
///
/// # Errors
/// There is no such test.
pub fn elsewhere_is_there(known: &BTreeSet<String>, golden: bool) -> Outcome {
    let tests = ELSEWHERE.iter().map(|(_, test)| *test);
    let tests = tests.filter(|test| test.starts_with("golden::") == golden);
    let missing: Vec<_> = tests.filter(|test| !known.contains(*test)).collect();
    ensure!(missing.is_empty(), "there are no such tests: {missing:?}");
    Ok(())
}

fn test_of(path: &str) -> String {
    let elsewhere = elsewhere(path).map(ToOwned::to_owned);
    elsewhere.unwrap_or_else(|| format!("golden::field::{path}"))
}

fn elsewhere(path: &str) -> Option<&'static str> {
    let entry = ELSEWHERE.iter().find(|(field, _)| *field == path);
    entry.map(|(_, test)| *test)
}

fn shown(path: &str, changes: &[Change]) -> Outcome {
    for change in changes {
        if is_seen(change).map_err(|error| format!("{path}: {error}"))? {
            return Ok(());
        }
    }
    fail!("a change of {path} changes nothing that the operator makes or says")
}

/// Whether a change makes, changes or removes an object, or changes the status.
fn is_seen(change: &Change) -> Result<bool, Error> {
    let before = change.prepared(&json!({}));
    let after = change.applied_to(&before);
    let documents = |spec: &Value| {
        let mut observed = roll::observed(spec)?;
        observed.adapters = Some(roll::published(&[("nfs", 12049), ("smb", 1445)]));
        render::documents(&observed, &Live::default())
    };
    Ok(documents(&before)? != documents(&after)?)
}

const BEGINNING: &str = "\
# Every field and the test that shows its effect

Made by the tests: `cargo xtask bless`. Every test `golden::field::…` makes the
changes that `operator/core/tests/fields.yaml` lists and fails when nothing comes of them in what the operator makes or says.
`golden::roll`, `api::roll_walk` and `api::mutation` walk over the same list.

| field | Go operator has it | test |
|---|---|---|
";

fn is_current() -> Outcome {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../docs/fields.md");
    let mut text = BEGINNING.to_owned();
    for path in fields::all()?.keys() {
        let theirs = peer::FIELDS.contains(&path.as_str());
        let theirs = if theirs { "yes" } else { "no" };
        let _ = writeln!(text, "| `{path}` | {theirs} | `{}` |", test_of(path));
    }
    super::expect(&file, &text, "cargo xtask bless")
}
