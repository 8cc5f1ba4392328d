//! What the kubelet decides: pods, probes, restarts, what reaches whom.

mod adoption;
mod client;
mod configuration;
mod control_plane;
mod database;
mod deletion;
mod discovery;
mod eviction;
mod families;
mod hardship;
mod hostile;
mod lifetime;
mod main_job;
mod metrics;
mod outage;
mod reach;
mod renewal;
mod rolls;
mod startup;
mod storage;
mod troubles;
mod way_in;

use dittofs_rig::network::Families;
use dittofs_suite::registry::{Needs, cluster, of_families};
use dittofs_suite::world;
use libtest_mimic::Trial;

/// The lists below: the name that is shown is the path of the function.
macro_rules! trials {
    ($needs:expr, $unavailable:expr, $($room:ident :: $test:ident),+ $(,)?) => {
        vec![$(cluster(
            $needs,
            $unavailable,
            concat!("node::", stringify!($room), "::", stringify!($test)),
            $room::$test,
        )),+]
    };
}

pub fn trials(unavailable: Option<&str>) -> Vec<Trial> {
    let mut trials = together(unavailable);
    trials.extend(with_the_simulator(unavailable));
    trials.extend(alone(unavailable));
    trials.push(of_families(
        Families::V6,
        unavailable,
        "node::families::the_main_job_is_done_over_ipv6_alone",
        families::the_main_job_is_done_over_ipv6_alone,
    ));
    trials.push(of_families(
        Families::Both,
        unavailable,
        "node::families::the_main_job_is_done_over_both_families",
        families::the_main_job_is_done_over_both_families,
    ));
    trials
}

fn together(unavailable: Option<&str>) -> Vec<Trial> {
    trials![
        Needs::Node,
        unavailable,
        main_job::services_follow_the_adapters,
        main_job::a_new_instance_is_told_in_a_few_events_and_with_the_version_of_its_server,
        discovery::changes_that_open_and_close_no_port_are_seen_with_the_resync,
        adoption::a_running_server_is_adopted_and_not_restarted,
        reach::another_pod_reaches_the_adapters_and_not_the_api,
        reach::with_exposure_cluster_another_pod_reaches_the_api,
        reach::only_the_sidecar_has_a_token,
        control_plane::with_a_certificate_the_api_speaks_tls_only,
        control_plane::with_client_certificates_nobody_else_is_answered,
        control_plane::an_exposed_api_with_client_certificates_answers_nobody_else,
        control_plane::a_renewed_certificate_reaches_clients_and_disturbs_nobody,
        metrics::another_pod_reads_them_with_the_token_only,
        hardship::a_sidecar_that_is_killed_ten_times_disturbs_no_client,
        way_in::a_changed_administrator_and_a_deleted_user_lock_nobody_out,
        way_in::an_older_user_table_locks_nobody_out,
        way_in::a_deleted_secret_of_the_sidecar_locks_nobody_out,
        way_in::a_lost_password_of_the_administrator_is_reset_when_asked,
        hardship::a_deleted_or_edited_published_state_comes_back_and_disturbs_no_client,
        eviction::a_server_whose_sidecar_is_unwell_is_not_evicted,
        eviction::a_server_that_crashes_is_evicted,
        rolls::a_new_configuration_recreates_the_pod_once,
        configuration::a_server_that_crashes_comes_back_with_the_configuration_of_its_pod,
        rolls::a_new_place_recreates_the_pod_there_and_new_labels_wait,
        rolls::what_does_not_concern_a_running_server_leaves_the_pod_alone,
        rolls::with_roll_policy_manual_the_pod_waits_for_a_rollout_restart,
        rolls::scaling_to_zero_and_back_keeps_the_services,
        renewal::new_sidecars_disturb_no_client,
        renewal::an_image_that_cannot_be_pulled_is_put_back,
        startup::another_name_for_the_administrator_is_pointed_out_and_admin_works,
        rolls::a_sidecar_image_that_cannot_be_pulled_is_mended_by_correcting_it,
        storage::volumes_grow_under_a_running_server,
        storage::a_volume_for_contents_that_comes_later_is_mounted_after_one_restart,
        deletion::with_the_server_dead_everything_but_the_data_goes,
        lifetime::a_server_made_again_over_its_claims_lets_everybody_in,
        troubles::what_the_node_reports_is_told,
    ]
}

/// They ask for what only the simulator does, such as to count its requests.
fn with_the_simulator(unavailable: Option<&str>) -> Vec<Trial> {
    trials![
        Needs::Node,
        unavailable.or(world::is_server_real()),
        discovery::at_rest_the_server_is_not_polled_and_ports_are_noticed,
        hostile::impossible_adapters_are_not_exposed_and_existing_services_stay,
        database::the_server_starts_when_it_is_ready_and_with_its_connection,
        startup::a_start_that_is_too_long_begins_again_and_with_more_time_it_succeeds,
    ]
}

fn alone(unavailable: Option<&str>) -> Vec<Trial> {
    trials![
        Needs::NodeAlone,
        unavailable,
        deletion::with_the_operator_stopped_in_the_middle_it_finishes,
        renewal::an_upgrade_of_the_operator_brings_the_sidecars_along,
        outage::an_outage_of_the_api_server_disturbs_no_client_and_nothing_is_missed,
    ]
}
