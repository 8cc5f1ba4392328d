//! The walls between the rooms (`docs/architecture.md`), held over the source text.
//!
//! Comments do not count, and neither do tests, except for their length.

mod imports;
mod layout;
mod source;

use dittofs_suite::registry::plain;
use dittofs_suite::{Outcome, ensure};
use libtest_mimic::Trial;
use source::{Source, sources};

/// Some files, and what must not stand in them.
struct Law {
    name: &'static str,
    says: &'static str,
    applies: fn(&str) -> bool,
    forbidden: &'static [&'static str],
}

/// What needs the world: a pure file has none of it.
const WORLD: &[&str] = &[
    "async", "await", "tokio", "Client", "Api<", "now()", "std::env", "env::var", "std::fs",
    "std::net", "rand",
];
const NO_KUBE: &[&str] = &["kube", "k8s_openapi", "Api<"];
const NO_DITTOFS: &[&str] = &[
    "hyper_util",
    "crate::session",
    "crate::poll",
    "crate::credentials",
    "Http",
];

const LAWS: [Law; 12] = [
    Law {
        name: "shared_holds_words_only",
        says: "shared/ has no client, no clock, no environment and no tokio",
        applies: |path| path.starts_with("shared/src/"),
        forbidden: WORLD,
    },
    Law {
        name: "the_runtime_sends_no_request",
        says: "shared/runtime makes a client for the Kubernetes API and sends nothing with it",
        applies: |path| path.starts_with("shared/runtime/src/"),
        forbidden: &["Api<", "Patch", "PostParams", "DeleteParams", ".request("],
    },
    Law {
        name: "the_pure_rooms_of_the_operator_touch_nothing",
        says: "the core and the difference are pure",
        applies: is_pure_operator,
        forbidden: WORLD,
    },
    Law {
        name: "desired_sees_the_instance_only",
        says: "desired never sees what was observed, what is watched or what is written",
        applies: is_desired,
        forbidden: &[
            "crate::observed",
            "crate::outcome",
            "crate::status",
            "crate::events",
        ],
    },
    Law {
        name: "observe_reads_only",
        says: "observe never writes",
        applies: |path| {
            path == "operator/src/observe.rs" || path.starts_with("operator/src/observe/")
        },
        forbidden: &[
            "Patch",
            "PatchParams",
            "PostParams",
            "DeleteParams",
            ".create(",
            ".delete(",
            ".patch(",
            ".replace(",
        ],
    },
    Law {
        name: "only_apply_patches_in_the_operator",
        says: "Patch is named only in operator/src/apply",
        applies: |path| path.starts_with("operator/src/") && !is_apply(path),
        forbidden: &[
            "Patch",
            "PatchParams",
            "DeleteParams",
            ".patch(",
            ".patch_status(",
            ".delete(",
        ],
    },
    Law {
        name: "only_publish_and_cluster_patch_in_the_sidecar",
        says: "Patch is named only in the sidecar's publish and in cluster, the client behind it",
        applies: |path| path.starts_with("sidecar/src/") && !is_sidecar_cluster(path),
        forbidden: &[
            "Patch",
            "PatchParams",
            "PostParams",
            "DeleteParams",
            ".patch(",
            ".create(",
            ".delete(",
        ],
    },
    Law {
        name: "what_reads_dittofs_never_touches_kubernetes",
        says: "what talks to DittoFS, and reset, never name kube",
        applies: is_sidecar_reader,
        forbidden: NO_KUBE,
    },
    Law {
        name: "what_publishes_never_talks_to_dittofs",
        says: "publish and cluster never open a connection to DittoFS, and publish names no hyper",
        applies: |path| is_sidecar_cluster(path) || path == "sidecar/src/settings.rs",
        forbidden: NO_DITTOFS,
    },
    Law {
        name: "publish_names_no_hyper",
        says: "publish decides what is written and knows no transport",
        applies: |path| path == "sidecar/src/publish.rs",
        forbidden: &["hyper"],
    },
    Law {
        name: "the_fold_of_the_sidecar_is_pure",
        says: "state, diff, ports and outcome are pure; the clock is an argument",
        applies: is_pure_sidecar,
        forbidden: &[
            "async", "await", "tokio", "Client", "Api<", "now()", "std::env", "env::var",
            "std::fs", "std::net", "kube",
        ],
    },
    Law {
        name: "arguments_are_read_in_main",
        says: "only main and its arguments know the command line and the environment",
        applies: |path| is_product(path) && !is_main(path),
        forbidden: &[
            "std::env::var",
            "env::args",
            "clap::Parser",
            "std::process::exit",
        ],
    },
];

fn is_product(path: &str) -> bool {
    [
        "shared/src/",
        "operator/core/src/",
        "shared/runtime/src/",
        "operator/src/",
        "sidecar/src/",
    ]
    .iter()
    .any(|room| path.starts_with(room))
}

fn is_desired(path: &str) -> bool {
    path.starts_with("operator/core/src/desired")
}

fn is_apply(path: &str) -> bool {
    path == "operator/src/apply.rs" || path.starts_with("operator/src/apply/")
}

fn is_pure_operator(path: &str) -> bool {
    path.starts_with("operator/core/src/") || path.starts_with("operator/src/apply/difference")
}

fn is_sidecar_reader(path: &str) -> bool {
    const ROOMS: [&str; 9] = [
        "poll",
        "reset",
        "administration",
        "signing_key",
        "session",
        "http",
        "credentials",
        "ports",
        "listening",
    ];
    is_in(path, &ROOMS)
}

fn is_sidecar_cluster(path: &str) -> bool {
    is_in(path, &["publish", "cluster"])
}

fn is_pure_sidecar(path: &str) -> bool {
    is_in(path, &["state", "diff", "ports", "outcome"])
}

/// `room.rs` or below `room/`.
fn is_in(path: &str, rooms: &[&str]) -> bool {
    path.strip_prefix("sidecar/src/").is_some_and(|file| {
        rooms.iter().any(|room| {
            file.strip_prefix(room)
                .is_some_and(|rest| rest == ".rs" || rest.starts_with('/'))
        })
    })
}

fn is_main(path: &str) -> bool {
    ["/main.rs", "/args.rs"]
        .iter()
        .any(|file| path.ends_with(file))
}

pub fn trials() -> Vec<Trial> {
    let mut trials: Vec<_> = LAWS
        .into_iter()
        .map(|law| plain(&format!("walls::{}", law.name), move || hold(&law)))
        .collect();
    trials.extend(layout::trials());
    trials.push(plain(
        "walls::imports_have_no_circles",
        imports::imports_have_no_circles,
    ));
    trials
}

fn hold(law: &Law) -> Outcome {
    let sources: Vec<_> = sources()
        .into_iter()
        .filter(|source| !source.is_test && (law.applies)(&source.path))
        .collect();
    ensure!(
        !sources.is_empty(),
        "this law applies to no file: {}",
        law.says
    );
    let broken: Vec<_> = sources
        .iter()
        .flat_map(|source| offences(source, law.forbidden))
        .collect();
    ensure!(
        broken.is_empty(),
        "the law: {}\n{}",
        law.says,
        broken.join("\n")
    );
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
