//! What is in a namespace after a test has failed in it.

use std::fmt::Write as _;

use super::World;

/// What a person would look at after a failure.
pub(super) fn of(world: &World, namespace: &str) -> String {
    let mut text = String::new();
    for words in [
        vec![
            "get",
            "dittoservers,statefulsets,pods,services,networkpolicies,configmaps,pvc",
            "-o",
            "wide",
        ],
        vec![
            "get",
            "dittoservers",
            "-o",
            "jsonpath={range .items[*].status.conditions[*]}{.type}={.status} {.reason}: {.message}{\"\\n\"}{end}",
        ],
        vec![
            "get",
            "events",
            "--sort-by=.metadata.creationTimestamp",
            "-o",
            "custom-columns=TYPE:.type,REASON:.reason,OBJECT:.involvedObject.name,NOTE:.message",
        ],
        vec![
            "logs",
            "-l",
            "app=dittofs-server",
            "--all-containers",
            "--prefix",
            "--tail=30",
        ],
    ] {
        let output = world
            .cluster
            .kubectl(["-n", namespace])
            .args(&words)
            .output();
        let output = output
            .map(|output| String::from_utf8_lossy(&output.stdout).into_owned())
            .unwrap_or_default();
        let _ = writeln!(text, "--- kubectl {}\n{output}", words[..2].join(" "));
    }
    text
}
