//! Sizes, dependencies, and what lies at the top of the repository.

use dittofs_rig::images;
use dittofs_suite::registry::plain;
use dittofs_suite::{Outcome, ensure};
use dittofs_xtask::release;
use libtest_mimic::Trial;
use std::collections::BTreeSet;
use std::fs;

use super::source::{Source, names, root, sources};

/// Longest file of a program, and of anything that tests.
const LONGEST: usize = 300;
const LONGEST_TEST: usize = 400;

/// All that may lie at the top: rooms, and configuration that has to be there.
const TOP: [&str; 24] = [
    ".cargo",
    ".ci",
    ".dockerignore",
    ".editorconfig",
    ".git",
    ".gitignore",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "Cargo.lock",
    "Cargo.toml",
    "Dockerfile.operator",
    "Dockerfile.sidecar",
    "LICENSE",
    "README.md",
    "crds",
    "deny.toml",
    "docs",
    "manifests",
    "operator",
    "rust-toolchain.toml",
    "shared",
    "sidecar",
    "target",
    "tests",
];

pub fn trials() -> Vec<Trial> {
    vec![
        plain("layout::files_are_short", files_are_short),
        plain(
            "layout::the_top_holds_listed_files_only",
            the_top_holds_listed_files_only,
        ),
        plain(
            "layout::programs_depend_on_shared_only",
            programs_depend_on_shared_only,
        ),
        plain(
            "layout::images_are_as_the_dockerfiles_say",
            images_are_as_the_dockerfiles_say,
        ),
        plain("layout::one_version_everywhere", one_version_everywhere),
        plain(
            "layout::nothing_asks_the_build_script",
            nothing_asks_the_build_script,
        ),
        plain(
            "layout::the_scanner_sees_what_it_should",
            the_scanner_sees_what_it_should,
        ),
    ]
}

fn is_program(source: &Source) -> bool {
    !source.path.starts_with("tests/") && !source.is_test
}

fn files_are_short() -> Outcome {
    let mut long = Vec::new();
    for source in sources() {
        let most = if is_program(&source) {
            LONGEST
        } else {
            LONGEST_TEST
        };
        if source.length > most {
            long.push(format!(
                "{}:{}: {} lines, at most {most}",
                source.path,
                most + 1,
                source.length
            ));
        }
    }
    ensure!(
        long.is_empty(),
        "a file is read at one sitting\n{}",
        long.join("\n")
    );
    Ok(())
}

fn the_top_holds_listed_files_only() -> Outcome {
    let known = BTreeSet::from(TOP);
    let mut strange = Vec::new();
    for entry in fs::read_dir(root())? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if !known.contains(name.as_str()) {
            strange.push(name);
        }
    }
    strange.sort();
    ensure!(
        strange.is_empty(),
        "the top of the repository holds rooms and configuration, no scripts and no leftovers: {}",
        strange.join(", ")
    );
    Ok(())
}

fn programs_depend_on_shared_only() -> Outcome {
    for (room, forbidden) in [
        (
            "shared",
            &[
                "dittofs-runtime",
                "dittofs-operator",
                "dittofs-sidecar",
                "tokio",
                "hyper",
                "clap",
            ][..],
        ),
        (
            "operator/core",
            &[
                "dittofs-operator",
                "dittofs-sidecar",
                "tokio",
                "hyper",
                "rand",
            ][..],
        ),
        (
            "shared/runtime",
            &["dittofs-shared", "dittofs-operator", "dittofs-sidecar"][..],
        ),
        ("operator", &["dittofs-sidecar"][..]),
        ("sidecar", &["dittofs-operator"][..]),
        (
            "tests/simulator",
            &["dittofs-operator", "dittofs-sidecar", "kube"][..],
        ),
        ("tests/rig", &["dittofs-operator", "dittofs-sidecar"][..]),
        (
            "tests/xtask",
            &["dittofs-operator", "dittofs-sidecar", "dittofs-shared"][..],
        ),
    ] {
        let manifest = fs::read_to_string(root().join(room).join("Cargo.toml"))?;
        let always = [
            "dittofs-suite",
            "backoff",
            "openssl",
            "serde_yaml",
            "native-tls",
        ];
        let never_tests: &[&str] = if room.starts_with("tests") {
            &[]
        } else {
            &["dittofs-rig", "dittofs-simulator", "dittofs-xtask"]
        };
        for word in forbidden.iter().chain(&always).chain(never_tests) {
            let line = manifest.lines().position(|line| {
                let key = line.split(['=', '.', ' ']).next().unwrap_or_default();
                key == *word
            });
            if let Some(line) = line {
                return Err(format!(
                    "{room}/Cargo.toml:{}: {room} never depends on {word}",
                    line + 1
                )
                .into());
            }
        }
    }
    let manifest = fs::read_to_string(root().join("shared/Cargo.toml"))?;
    let kube = manifest.lines().find(|line| line.starts_with("kube"));
    ensure!(
        kube.is_some_and(|line| line.contains(r#"features = ["derive"]"#)),
        "shared/Cargo.toml: shared has the words of kube and no client: {kube:?}"
    );
    Ok(())
}

/// The images that tests run are made without Docker. They must be what the Dockerfiles make.
fn images_are_as_the_dockerfiles_say() -> Outcome {
    let folder = std::env::temp_dir().join(format!("dittofs-layout-{}", std::process::id()));
    fs::create_dir_all(&folder)?;
    let program = folder.join("program");
    fs::write(&program, "a program")?;
    let images = [
        ("operator", images::operator(&program)),
        ("sidecar", images::sidecar(&program)),
    ];
    let result = images.into_iter().try_for_each(|(name, image)| {
        let tar = folder.join(name);
        image.write(&tar)?;
        is_as_the_dockerfile_says(name, &String::from_utf8_lossy(&fs::read(&tar)?))
    });
    fs::remove_dir_all(&folder)?;
    result
}

fn is_as_the_dockerfile_says(name: &str, image: &str) -> Outcome {
    let file = format!("Dockerfile.{name}");
    let text = fs::read_to_string(root().join(&file))?;
    let last = text.rsplit("\nFROM ").next().unwrap_or_default();
    let word = |key: &str| {
        let line = last.lines().find_map(|line| line.strip_prefix(key));
        line.map(|value| value.trim().to_owned())
    };
    ensure!(
        last.starts_with("scratch\n"),
        "{file}: the last stage is not FROM scratch"
    );
    let user = word("USER ").ok_or("no USER")?;
    let entrypoint = word("ENTRYPOINT ").ok_or("no ENTRYPOINT")?;
    let path = format!("dittofs-{name}");
    ensure!(
        entrypoint == format!("[\"/{path}\"]"),
        "{file}: ENTRYPOINT is {entrypoint}"
    );
    let copied = word("COPY ").is_some_and(|copy| copy.ends_with(&format!(" /{path}")));
    ensure!(copied, "{file}: nothing is copied to /{path}");
    for expected in [
        format!("\"User\":\"{user}\""),
        format!("\"Entrypoint\":{entrypoint}"),
    ] {
        ensure!(
            image.contains(&expected),
            "{file}: the rig's image has no {expected}"
        );
    }
    ensure!(
        image.contains(&format!("{path}\0")),
        "the rig's image has no file {path}"
    );
    Ok(())
}

/// Images, manifests and programs are released together: `cargo xtask release` writes the same list of places.
fn one_version_everywhere() -> Outcome {
    let version = env!("CARGO_PKG_VERSION");
    let missing: Vec<_> = release::missing(&root(), version)?
        .iter()
        .map(|place| format!("{} does not say {:?}", place.file, place.with(version)))
        .collect();
    ensure!(missing.is_empty(), "{}", missing.join("\n"));
    let rust = env!("CARGO_PKG_RUST_VERSION");
    for (file, expected) in [
        ("rust-toolchain.toml", format!("channel = \"{rust}")),
        ("Dockerfile.operator", format!("rust:{rust}")),
        ("Dockerfile.sidecar", format!("rust:{rust}")),
    ] {
        let text = fs::read_to_string(root().join(file))?;
        ensure!(text.contains(&expected), "{file} does not say {expected}");
    }
    Ok(())
}

/// Generated files are made by a subcommand and compared by a test, never written by a build.
fn nothing_asks_the_build_script() -> Outcome {
    let scripts: Vec<_> = sources()
        .into_iter()
        .filter(|source| source.path.ends_with("/build.rs") && !source.path.contains("/src/"))
        .map(|source| source.path)
        .collect();
    ensure!(
        scripts.is_empty(),
        "no build scripts: {}",
        scripts.join(", ")
    );
    Ok(())
}

/// A wall that cannot fall is none.
fn the_scanner_sees_what_it_should() -> Outcome {
    for (line, word, expected) in [
        ("use kube::Patch;", "Patch", true),
        ("use kube::PatchParams;", "Patch", false),
        ("let api: Api<Pod> = x;", "Api<", true),
        ("Timestamp::now()", "now()", true),
        ("let knowing() = 1", "now()", false),
        ("client.request()", "Client", false),
        ("use kube_runtime::x", "kube", false),
        ("x.delete(name)", ".delete(", true),
    ] {
        ensure!(
            names(line, word) == expected,
            "{line:?} names {word:?}: {}",
            !expected
        );
    }
    let all = sources();
    ensure!(all.len() > 50, "only {} files were found", all.len());
    let reconcile = all
        .iter()
        .find(|source| source.path == "operator/src/reconcile.rs")
        .ok_or("operator/src/reconcile.rs was not found")?;
    let sees = reconcile.code.iter().any(|(_, line)| names(line, "async"));
    ensure!(sees, "the scanner does not see that reconcile.rs is async");
    Ok(())
}
