//! What the kubelet decides: pods, probes, restarts, what reaches whom.

mod client;
mod control_plane;
mod database;
mod deletion;
mod hardship;
mod hostile;
mod main_job;
mod metrics;
mod outage;
mod reach;
mod rolls;
mod storage;

use dittofs_suite::registry::{Needs, cluster};
use libtest_mimic::Trial;

/// A row of the list below: the name that is shown is the path of the function.
macro_rules! trial {
    ($needs:ident, $unavailable:expr, $room:ident :: $test:ident) => {
        cluster(
            Needs::$needs,
            $unavailable,
            concat!("node::", stringify!($room), "::", stringify!($test)),
            $room::$test,
        )
    };
}

pub fn trials(unavailable: Option<&str>) -> Vec<Trial> {
    vec![
        trial!(Node, unavailable, main_job::services_follow_the_adapters),
        trial!(
            Node,
            unavailable,
            reach::another_pod_reaches_the_adapters_and_not_the_api
        ),
        trial!(
            Node,
            unavailable,
            reach::with_exposure_cluster_another_pod_reaches_the_api
        ),
        trial!(Node, unavailable, reach::only_the_sidecar_has_a_token),
        trial!(
            Node,
            unavailable,
            control_plane::with_a_certificate_the_api_speaks_tls_only
        ),
        trial!(
            Node,
            unavailable,
            control_plane::with_client_certificates_nobody_else_is_answered
        ),
        trial!(
            Node,
            unavailable,
            control_plane::an_exposed_api_with_client_certificates_answers_nobody_else
        ),
        trial!(
            Node,
            unavailable,
            control_plane::a_renewed_certificate_reaches_clients_and_disturbs_nobody
        ),
        trial!(
            Node,
            unavailable,
            metrics::another_pod_reads_them_with_the_token_only
        ),
        trial!(
            Node,
            unavailable,
            database::the_server_starts_when_it_is_ready_and_with_its_connection
        ),
        trial!(
            Node,
            unavailable,
            hardship::a_sidecar_that_is_killed_ten_times_disturbs_no_client
        ),
        trial!(
            Node,
            unavailable,
            hardship::wrong_credentials_disturb_no_client_and_are_repaired
        ),
        trial!(
            Node,
            unavailable,
            hardship::a_deleted_or_edited_published_state_comes_back_and_disturbs_no_client
        ),
        trial!(
            Node,
            unavailable,
            hostile::impossible_adapters_are_not_exposed_and_existing_services_stay
        ),
        trial!(
            Node,
            unavailable,
            rolls::a_new_configuration_recreates_the_pod_once
        ),
        trial!(
            Node,
            unavailable,
            rolls::a_new_place_recreates_the_pod_there_and_new_labels_wait
        ),
        trial!(
            Node,
            unavailable,
            rolls::what_does_not_concern_a_running_server_leaves_the_pod_alone
        ),
        trial!(
            Node,
            unavailable,
            rolls::with_roll_policy_manual_the_pod_waits_for_a_rollout_restart
        ),
        trial!(
            Node,
            unavailable,
            rolls::scaling_to_zero_and_back_keeps_the_services
        ),
        trial!(
            Node,
            unavailable,
            storage::volumes_grow_under_a_running_server
        ),
        trial!(
            Node,
            unavailable,
            storage::a_volume_for_contents_that_comes_later_is_mounted_after_one_restart
        ),
        trial!(
            Node,
            unavailable,
            deletion::with_the_server_dead_everything_but_the_claims_goes
        ),
        trial!(
            NodeAlone,
            unavailable,
            deletion::with_the_operator_stopped_in_the_middle_it_finishes
        ),
        trial!(
            NodeAlone,
            unavailable,
            outage::an_outage_of_the_api_server_disturbs_no_client_and_nothing_is_missed
        ),
    ]
}
