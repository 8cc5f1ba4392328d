//! The properties, one function each: which faults there are.

use dittofs_rig::proxy::plan::{EventFault, Fault, Plan};
use dittofs_suite::Outcome;
use dittofs_suite::world::Scene;
use hyper::StatusCode;
use std::collections::BTreeMap;
use std::time::Duration;

use super::engine::{Property, run};
use super::lane::{Adversity, Ended};
use dittofs_model::random::Random;

/// The kinds that are listed, as requests name them.
const LISTS: [&str; 9] = [
    "/dittoservers?",
    "/configmaps?",
    "/services?",
    "/networkpolicies?",
    "/statefulsets?",
    "/poddisruptionbudgets?",
    "/serviceaccounts?",
    "/roles?",
    "/rolebindings?",
];

fn writes(writes: impl IntoIterator<Item = (usize, Fault)>) -> Adversity {
    let plan = Plan {
        writes: writes.into_iter().collect(),
        events: BTreeMap::new(),
    };
    Adversity {
        plan,
        past: Vec::new(),
    }
}

/// Before and after every request that changes something.
pub async fn killed_at_any_write(scene: Scene) -> Outcome {
    fn adversities(ended: &Ended, random: &mut Random) -> Vec<Adversity> {
        let kills = [Fault::KillBefore, Fault::KillAfter];
        let all = (0..ended.writes.len()).flat_map(|at| kills.map(|kill| writes([(at, kill)])));
        random.shuffled(all.collect())
    }
    let property = Property {
        name: "killed before and after any write",
        share: 0.2,
        adversities,
    };
    run(scene, property).await
}

/// At any two of them.
pub async fn killed_twice(scene: Scene) -> Outcome {
    fn adversities(ended: &Ended, random: &mut Random) -> Vec<Adversity> {
        let kills = [Fault::KillBefore, Fault::KillAfter];
        let one = |random: &mut Random, begin: usize| {
            let at = begin + random.below(ended.writes.len().saturating_sub(begin));
            let kill = kills[random.below(kills.len())];
            (at, kill)
        };
        let mut plan = |_| {
            let first = one(random, 0);
            // The first one begins the work anew, so that there are more writes than without it.
            let second = one(random, first.0 + 1);
            writes([first, second])
        };
        (0..ended.writes.len()).map(&mut plan).collect()
    }
    let property = Property {
        name: "killed twice",
        share: 0.1,
        adversities,
    };
    run(scene, property).await
}

/// Refusals, answers that hide that it was done, and none.
pub async fn any_answer_to_a_write(scene: Scene) -> Outcome {
    const CODES: [StatusCode; 6] = [
        StatusCode::CONFLICT,
        StatusCode::GONE,
        StatusCode::TOO_MANY_REQUESTS,
        StatusCode::INTERNAL_SERVER_ERROR,
        StatusCode::SERVICE_UNAVAILABLE,
        StatusCode::GATEWAY_TIMEOUT,
    ];
    fn adversities(ended: &Ended, random: &mut Random) -> Vec<Adversity> {
        let refusals = CODES.map(Fault::Refuse).into_iter();
        let concealed = [
            Fault::Conceal(StatusCode::INTERNAL_SERVER_ERROR),
            Fault::Conceal(StatusCode::GATEWAY_TIMEOUT),
            Fault::Cut,
            Fault::CutAfter,
            Fault::Delay(Duration::from_secs(3)),
        ];
        let faults: Vec<_> = refusals.chain(concealed).collect();
        let numbers = 0..ended.writes.len();
        let all = numbers.flat_map(|at| faults.iter().map(move |fault| writes([(at, *fault)])));
        random.shuffled(all.collect())
    }
    let property = Property {
        name: "any answer to any write",
        share: 0.14,
        adversities,
    };
    run(scene, property).await
}

/// Events that do not arrive, arrive twice or in another order, and watches that end.
pub async fn any_fault_of_a_watch(scene: Scene) -> Outcome {
    fn adversities(ended: &Ended, random: &mut Random) -> Vec<Adversity> {
        let faults = [
            EventFault::Deaf,
            EventFault::Twice,
            EventFault::Swapped,
            EventFault::Half,
            EventFault::Expired,
        ];
        let all = (0..ended.events).flat_map(|at| {
            faults.map(|fault| Adversity {
                plan: Plan {
                    writes: BTreeMap::new(),
                    events: BTreeMap::from([(at, fault)]),
                },
                past: Vec::new(),
            })
        });
        random.shuffled(all.collect())
    }
    let property = Property {
        name: "any fault of any event of a watch",
        share: 0.14,
        adversities,
    };
    run(scene, property).await
}

/// Started again, it is shown what was there before the scenario, of some kinds or of all.
pub async fn shown_the_past(scene: Scene) -> Outcome {
    fn adversities(_: &Ended, random: &mut Random) -> Vec<Adversity> {
        let of = |kinds: Vec<&str>| Adversity {
            plan: Plan::default(),
            past: kinds.into_iter().map(str::to_owned).collect(),
        };
        let mut all = vec![of(LISTS.to_vec())];
        for _ in 0..3 {
            let number = 1 + random.below(LISTS.len() - 1);
            all.push(of(random.shuffled(LISTS.to_vec()).split_off(number)));
        }
        all.retain(|adversity| !adversity.past.is_empty());
        all
    }
    let property = Property {
        name: "started again with a view of the past",
        share: 0.1,
        adversities,
    };
    run(scene, property).await
}
