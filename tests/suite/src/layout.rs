//! What neither Cargo nor Clippy can say about how the code is laid out, read from the source text.
//!
//! Cargo keeps clients and runtimes out of `shared` and `operator/core`, and the `clippy.toml` of each crate says which types and
//! functions belong to which module. See "Invariants" in `docs/architecture.md`.

mod exceptions;
mod files;
mod imports;
mod source;
mod troubleshooting;

use dittofs_suite::registry::plain;
use dittofs_suite::{Outcome, ensure};
use libtest_mimic::Trial;
use source::{Source, sources};

/// Some files, and what must not be in them. Comments do not count, and neither do tests.
struct Rule {
    name: &'static str,
    says: &'static str,
    applies: fn(&str) -> bool,
    forbidden: &'static [&'static str],
}

const IO: &[&str] = &["async", "await", "tokio", "Client", "Api<"];

const RULES: [Rule; 6] = [
    Rule {
        name: "desired_sees_the_instance_only",
        says: "desired never sees what was observed or what is reported",
        applies: |path| path.starts_with("operator/core/src/desired"),
        forbidden: &[
            "crate::observed",
            "crate::outcome",
            "crate::status",
            "crate::events",
        ],
    },
    Rule {
        name: "the_comparison_of_objects_is_pure",
        says: "apply compares objects without any request",
        applies: |path| {
            const MODULES: [&str; 3] = ["difference", "content", "overruled"];
            is_in(path, "operator/src/apply/", &MODULES)
        },
        forbidden: IO,
    },
    Rule {
        name: "the_state_of_the_sidecar_is_pure",
        says: "state, schedule, diff, ports and outcome of the sidecar only compute",
        applies: |path| {
            const MODULES: [&str; 5] = ["state", "schedule", "diff", "ports", "outcome"];
            is_in(path, "sidecar/src/", &MODULES)
        },
        forbidden: &["async", "await", "tokio", "kube"],
    },
    Rule {
        name: "what_talks_to_dittofs_knows_no_kubernetes",
        says: "no module of the sidecar that talks to DittoFS names the Kubernetes API",
        applies: |path| is_in(path, "sidecar/src/", &TALK_TO_DITTOFS),
        forbidden: &["kube", "k8s_openapi", "Api<"],
    },
    Rule {
        name: "what_talks_to_kubernetes_knows_no_dittofs",
        says: "publish, cluster and settings of the sidecar never open a connection to DittoFS",
        applies: |path| is_in(path, "sidecar/src/", &["publish", "cluster", "settings"]),
        forbidden: &[
            "hyper_util",
            "crate::session",
            "crate::poll",
            "crate::credentials",
            "Http",
        ],
    },
    Rule {
        name: "publish_knows_no_transport",
        says: "publish decides what is written, and cluster writes it",
        applies: |path| is_in(path, "sidecar/src/", &["publish"]),
        forbidden: &["hyper"],
    },
];

const TALK_TO_DITTOFS: [&str; 10] = [
    "poll",
    "reset",
    "administration",
    "signing_key",
    "session",
    "http",
    "credentials",
    "ports",
    "listening",
    "version",
];

/// `module.rs` or a file below `module/`.
fn is_in(path: &str, root: &str, modules: &[&str]) -> bool {
    path.strip_prefix(root).is_some_and(|file| {
        modules.iter().any(|module| {
            file.strip_prefix(module)
                .is_some_and(|rest| rest == ".rs" || rest.starts_with('/'))
        })
    })
}

pub fn trials() -> Vec<Trial> {
    let mut trials: Vec<_> = RULES
        .into_iter()
        .map(|rule| plain(&format!("layout::{}", rule.name), move || hold(&rule)))
        .collect();
    trials.push(plain(
        "layout::imports_have_no_circles",
        imports::imports_have_no_circles,
    ));
    trials.push(plain(
        "layout::exceptions_to_clippy_are_listed",
        exceptions::are_listed,
    ));
    trials.push(plain(
        "layout::every_failure_is_produced_by_a_test",
        troubleshooting::every_failure_is_produced_by_a_test,
    ));
    trials.extend(files::trials());
    trials
}

fn hold(rule: &Rule) -> Outcome {
    let sources: Vec<_> = sources()
        .into_iter()
        .filter(|source| !source.is_test && (rule.applies)(&source.path))
        .collect();
    ensure!(
        !sources.is_empty(),
        "this rule applies to no file: {}",
        rule.says
    );
    let broken: Vec<_> = sources
        .iter()
        .flat_map(|source| offences(source, rule.forbidden))
        .collect();
    ensure!(broken.is_empty(), "{}\n{}", rule.says, broken.join("\n"));
    Ok(())
}

fn offences(source: &Source, forbidden: &[&str]) -> Vec<String> {
    let lines = source.code.iter();
    lines
        .flat_map(|(number, line)| {
            forbidden
                .iter()
                .filter(|word| source::names(line, word))
                .map(move |word| format!("{}:{number}: names {word}: {}", source.path, line.trim()))
        })
        .collect()
}
