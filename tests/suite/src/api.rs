//! What the API server decides: validation, server-side apply, rights, garbage collection.

mod exposure;

use dittofs_suite::registry::{Needs, cluster};
use libtest_mimic::Trial;

pub fn trials(unavailable: Option<&str>) -> Vec<Trial> {
    let api = Needs::ApiServer;
    vec![cluster(
        api,
        unavailable,
        "api::exposure::adapters_get_services_and_policies",
        exposure::adapters_get_services_and_policies,
    )]
}
