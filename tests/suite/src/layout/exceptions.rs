//! Which modules may do what the `clippy.toml` of their crate disallows.

use dittofs_suite::{Outcome, ensure};
use std::collections::BTreeSet;
use std::fs;

use super::source::{Source, root, sources};

/// The crates that ship.
const CRATES: [&str; 5] = [
    "shared",
    "shared/runtime",
    "operator/core",
    "operator",
    "sidecar",
];

/// The modules with an `expect`. Each says itself why.
const ALLOWED: [&str; 10] = [
    "operator/src/apply.rs",
    "operator/src/events.rs",
    "operator/src/leader.rs",
    "operator/src/main.rs",
    "operator/src/observe.rs",
    "operator/src/reconcile.rs",
    "sidecar/src/clock.rs",
    "sidecar/src/cluster.rs",
    "sidecar/src/listening/netlink.rs",
    "sidecar/src/tls.rs",
];

/// A new exception is a decision about the architecture: it is added to the list, where a reviewer sees it.
pub fn are_listed() -> Outcome {
    for folder in CRATES {
        let text = fs::read_to_string(root().join(folder).join("clippy.toml"))?;
        for key in [
            "disallowed-methods = [\n",
            "disallowed-types = [\n",
            "too-many-lines-threshold = 50\n",
        ] {
            ensure!(
                text.contains(key),
                "{folder}/clippy.toml has no {}",
                key.trim_end()
            );
        }
    }
    let found: BTreeSet<_> = sources()
        .into_iter()
        .filter(|source| CRATES.iter().any(|folder| is_program(folder, &source.path)))
        .filter(expects)
        .map(|source| source.path)
        .collect();
    let allowed: BTreeSet<_> = ALLOWED.into_iter().map(str::to_owned).collect();
    ensure!(
        found == allowed,
        "only these modules may do what clippy.toml disallows:\n{}\nbut there are\n{}",
        ALLOWED.join("\n"),
        found.into_iter().collect::<Vec<_>>().join("\n")
    );
    Ok(())
}

/// Whether an attribute of the module, which may be several lines long, lifts such a lint.
fn expects(source: &Source) -> bool {
    let lines: Vec<_> = source.code.iter().map(|(_, line)| line.as_str()).collect();
    let code = lines.join(" ");
    code.match_indices("[expect(").any(|(at, _)| {
        let attribute = code[at..].split(")]").next().unwrap_or_default();
        attribute.contains("clippy::disallowed_")
    })
}

fn is_program(folder: &str, path: &str) -> bool {
    path.strip_prefix(folder)
        .is_some_and(|rest| rest.starts_with("/src/"))
}
