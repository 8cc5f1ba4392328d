//! Whether the server has to be restarted, and what that waits for.

use super::{Finding, View};
use crate::brake::Queue;
use crate::roll::{Roll, Waits};

/// Condition `RollPending`.
pub(super) fn pending(view: &View<'_>) -> Finding {
    match view.roll {
        Roll::NoPod => Finding::no("NoPod", "the next pod gets the latest template"),
        Roll::Current => Finding::no("UpToDate", "the pod needs no restart"),
        Roll::Now { changed, .. } => {
            Finding::yes("Rolling", format!("the pod is being recreated: {changed}"))
        }
        Roll::Pending {
            changed,
            waits_for: Waits::Controller,
        } => Finding::yes(
            "WaitingForController",
            format!("the pod will be recreated: {changed}"),
        ),
        Roll::Pending {
            changed,
            waits_for: Waits::Turn(queue),
        } => Finding::yes(
            "WaitingForTurn",
            format!("the pod will be recreated: {changed}. {}", waits(queue)),
        ),
        Roll::Pending {
            changed,
            waits_for: Waits::User,
        } => Finding::yes(
            "Manual",
            format!(
                "{changed}, and spec.rollPolicy is Manual: run `kubectl rollout restart statefulset/{} -n {}` when it suits you",
                view.instance.name, view.instance.namespace
            ),
        ),
    }
}

/// How many of those it waits for are named.
const NAMED: usize = 3;

fn waits(queue: &Queue) -> String {
    let Queue {
        out_of_service,
        allowed,
        limit,
    } = queue;
    let named = out_of_service.iter().take(NAMED).map(ToString::to_string);
    let mut named = named.collect::<Vec<_>>().join(", ");
    let more = out_of_service.len().saturating_sub(NAMED);
    if more > 0 {
        named = format!("{named} and {more} more");
    }
    let servers = if *allowed == 1 {
        "1 server restarts"
    } else {
        &format!("{allowed} servers restart")
    };
    format!(
        "Only {servers} at a time (--max-restarts={limit} of the operator), and these are not ready: {named}. Whichever of them does \
         not become ready holds up all others: repair it, stop it with spec.replicas: 0, or pause it"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::brake::{Limit, NamespacedName};

    fn queue(count: usize, allowed: usize) -> Queue {
        let place = |number| NamespacedName {
            namespace: "team".to_owned(),
            name: format!("files-{number}"),
        };
        Queue {
            out_of_service: (0..count).map(place).collect(),
            allowed,
            limit: Limit::Percent(10),
        }
    }

    #[test]
    fn whom_a_restart_waits_for_is_named() {
        let text = waits(&queue(1, 1));
        for word in [
            "1 server restarts",
            "--max-restarts=10%",
            ": team/files-0. ",
        ] {
            assert!(text.contains(word), "{text}");
        }
        let text = waits(&queue(5, 4));
        for word in ["4 servers restart", "team/files-2 and 2 more. "] {
            assert!(text.contains(word), "{text}");
        }
    }
}
