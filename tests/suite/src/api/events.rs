//! Which Events a user reads.

use dittofs_suite::instance::MOST_EVENTS_AT_FIRST;
use dittofs_suite::kubelet::Kubelet;
use dittofs_suite::world::Scene;
use dittofs_suite::{Outcome, ensure};
use std::collections::BTreeSet;
use std::time::Duration;

use super::seen::{both_exposed, settled};
use super::storage::with_pod;

pub async fn a_creation_is_told_in_a_few_lines(scene: Scene) -> Outcome {
    let _kubelet = Kubelet::play(&scene, Duration::ZERO, |_| true);
    let files = both_exposed(&scene, "files", with_pod()).await?;
    files.wait_complete().await?;
    settled(&scene).await?;
    let events = files.events_of_operator().await?;
    let lines = events.iter().map(|event| {
        format!(
            "{} {}",
            event.reason.clone().unwrap_or_default(),
            event.note.clone().unwrap_or_default()
        )
    });
    let lines: Vec<_> = lines.collect();
    ensure!(
        !lines.is_empty() && lines.len() <= MOST_EVENTS_AT_FIRST,
        "{}",
        lines.join("\n")
    );
    for line in &lines {
        let is_fit = !line.contains(char::is_control) && !line.contains("publishTo");
        ensure!(is_fit, "{line:?}");
    }
    let by: BTreeSet<_> = events
        .iter()
        .map(|event| event.reporting_instance.clone().unwrap_or_default())
        .collect();
    ensure!(by.len() == 1 && !by.contains(""), "reported by {by:?}");
    Ok(())
}
