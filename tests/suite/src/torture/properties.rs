//! The properties, one function each: which faults there are.

use dittofs_rig::proxy::plan::{EventFault, Fault, Plan};
use dittofs_suite::Outcome;
use dittofs_suite::world::Scene;
use hyper::StatusCode;
use std::time::Duration;

use super::engine::run;
use super::lane::Adversity;
use dittofs_model::random::Random;

/// The kinds that are listed, as requests name them.
const LISTS: [&str; 11] = [
    "/dittoservers?",
    "/configmaps?",
    "/services?",
    "/networkpolicies?",
    "/statefulsets?",
    "/poddisruptionbudgets?",
    "/serviceaccounts?",
    "/roles?",
    "/rolebindings?",
    "/pods?",
    "/persistentvolumeclaims?",
];

/// The program is killed at a write.
const KILLS: [Fault; 2] = [Fault::KillBefore, Fault::KillAfter];

/// Refusals, answers that hide that it was done, and none.
const ANSWERS: [Fault; 11] = [
    Fault::Refuse(StatusCode::CONFLICT),
    Fault::Refuse(StatusCode::GONE),
    Fault::Refuse(StatusCode::TOO_MANY_REQUESTS),
    Fault::Refuse(StatusCode::INTERNAL_SERVER_ERROR),
    Fault::Refuse(StatusCode::SERVICE_UNAVAILABLE),
    Fault::Refuse(StatusCode::GATEWAY_TIMEOUT),
    Fault::Conceal(StatusCode::INTERNAL_SERVER_ERROR),
    Fault::Conceal(StatusCode::GATEWAY_TIMEOUT),
    Fault::Cut,
    Fault::CutAfter,
    Fault::Delay(Duration::from_secs(3)),
];

/// Events that do not arrive, arrive twice or in another order, and watches that end.
const EVENTS: [EventFault; 5] = [
    EventFault::Deaf,
    EventFault::Twice,
    EventFault::Swapped,
    EventFault::Half,
    EventFault::Expired,
];

fn at_writes<const N: usize>(writes: [(usize, Fault); N]) -> Adversity {
    Adversity {
        plan: Plan {
            writes: writes.into(),
            ..Plan::default()
        },
        ..Adversity::default()
    }
}

fn at_write(at: usize, fault: Fault) -> Adversity {
    at_writes([(at, fault)])
}

fn at_event(at: usize, fault: EventFault) -> Adversity {
    Adversity {
        plan: Plan {
            events: [(at, fault)].into(),
            ..Plan::default()
        },
        ..Adversity::default()
    }
}

/// Every fault at every number below `end`.
fn each<F: Copy>(
    end: usize,
    faults: &[F],
    at: fn(usize, F) -> Adversity,
    random: &mut Random,
) -> Vec<Adversity> {
    let all = (0..end).flat_map(|number| faults.iter().map(move |fault| at(number, *fault)));
    random.shuffled(all.collect())
}

/// Before and after every request that changes something.
pub async fn killed_at_any_write(scene: Scene) -> Outcome {
    run(
        scene,
        "killed before and after any write",
        0.2,
        |ended, random| each(ended.writes.len(), &KILLS, at_write, random),
    )
    .await
}

/// At any two of them.
pub async fn killed_twice(scene: Scene) -> Outcome {
    run(scene, "killed twice", 0.1, |ended, random| {
        let mut one = |begin: usize| {
            let at = begin + random.below(ended.writes.len().saturating_sub(begin));
            (at, KILLS[random.below(KILLS.len())])
        };
        let mut plan = |_| {
            let first = one(0);
            // The first one begins the work anew, so that there are more writes than without it.
            let second = one(first.0 + 1);
            at_writes([first, second])
        };
        (0..ended.writes.len()).map(&mut plan).collect()
    })
    .await
}

/// See [`ANSWERS`].
pub async fn any_answer_to_a_write(scene: Scene) -> Outcome {
    run(scene, "any answer to any write", 0.14, |ended, random| {
        each(ended.writes.len(), &ANSWERS, at_write, random)
    })
    .await
}

/// See [`EVENTS`].
pub async fn any_fault_of_a_watch(scene: Scene) -> Outcome {
    run(
        scene,
        "any fault of any event of a watch",
        0.14,
        |ended, random| each(ended.events, &EVENTS, at_event, random),
    )
    .await
}

/// Started again, it is shown what was there before the scenario, of some kinds or of all.
pub async fn shown_the_past(scene: Scene) -> Outcome {
    run(
        scene,
        "started again with a view of the past",
        0.1,
        |_, random| {
            let of = |kinds: Vec<&str>| Adversity {
                past: kinds.into_iter().map(str::to_owned).collect(),
                ..Adversity::default()
            };
            let mut all = vec![of(LISTS.to_vec())];
            for _ in 0..3 {
                // At least one kind is left.
                let number = 1 + random.below(LISTS.len() - 1);
                all.push(of(random.shuffled(LISTS.to_vec()).split_off(number)));
            }
            all
        },
    )
    .await
}
