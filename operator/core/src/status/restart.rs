//! Whether the server has to be restarted, and what that waits for.

use super::{Finding, Reason, View};
use crate::brake::Queue;
use crate::roll::{Roll, Waits};

/// Condition `RollPending`.
pub(super) fn pending(view: &View<'_>) -> Finding {
    match view.roll {
        Roll::NoPod => Finding::no(
            Reason::NoPod,
            "there is no pod; the next one is created from the latest template",
        ),
        Roll::Current => Finding::no(Reason::UpToDate, "the pod needs no restart"),
        Roll::Now { changed, .. } => Finding::yes(
            Reason::Rolling,
            format!("the pod is being recreated: {changed}"),
        ),
        Roll::Pending {
            changed,
            waits_for: Waits::Controller,
        } => Finding::yes(
            Reason::WaitingForController,
            format!("the pod will be recreated: {changed}"),
        ),
        Roll::Pending {
            changed,
            waits_for: Waits::Turn(queue),
        } => Finding::yes(
            Reason::WaitingForTurn,
            format!("the pod will be recreated: {changed}. {}", waits(queue)),
        ),
        Roll::Pending {
            changed,
            waits_for: Waits::User,
        } => Finding::yes(
            Reason::Manual,
            format!(
                "{changed}; spec.rollPolicy is Manual: restart the server with `kubectl rollout restart statefulset/{} -n {}` \
                 at a convenient time",
                view.instance.name, view.instance.namespace
            ),
        ),
    }
}

/// How many of the servers that a restart waits for are named.
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
        "1 server"
    } else {
        &format!("{allowed} servers")
    };
    format!(
        "At most {servers} may restart at a time (--max-restarts={limit} of the operator), and these are not ready: {named}. A server \
         that does not become ready blocks all others: fix it, set its spec.replicas to 0, or set its spec.paused to true"
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
    fn a_waiting_restart_names_the_servers_that_block_it() {
        let text = waits(&queue(1, 1));
        for word in [
            "1 server may restart",
            "--max-restarts=10%",
            ": team/files-0. ",
        ] {
            assert!(text.contains(word), "{text}");
        }
        let text = waits(&queue(5, 4));
        for word in ["4 servers may restart", "team/files-2 and 2 more. "] {
            assert!(text.contains(word), "{text}");
        }
    }
}
