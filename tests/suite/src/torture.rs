//! The operator, tortured: whatever happens to its requests, its watches and its process, every instance becomes what it would
//! be without, stays so, and keeps its addresses. `cargo xtask torture` runs as many plans as there is time for, `cargo xtask test` a few.

mod addresses;
mod away;
mod conflicts;
mod deletion;
mod engine;
mod fights;
mod judge;
mod lane;
mod leadership;
mod properties;
mod scenarios;
mod server;
mod settings;

use dittofs_suite::registry::{Needs, cluster};
use libtest_mimic::Trial;

pub fn trials(unavailable: Option<&str>) -> Vec<Trial> {
    macro_rules! trials {
        ($($room:ident :: $test:ident),+ $(,)?) => {
            vec![$(cluster(
                Needs::TorturedApiServer,
                unavailable,
                concat!("torture::", stringify!($test)),
                $room::$test,
            )),+]
        };
    }
    trials![
        properties::killed_at_any_write,
        properties::killed_twice,
        properties::any_answer_to_a_write,
        properties::any_fault_of_a_watch,
        properties::shown_the_past,
        addresses::addresses_stay,
        away::the_api_server_is_away,
        conflicts::a_conflict_with_any_kind_is_looked_into,
        deletion::an_instance_can_always_be_deleted,
        fights::others_write_to_the_same_objects,
        leadership::never_two_writers,
        server::whatever_the_server_answers,
    ]
}
