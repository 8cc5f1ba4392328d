//! What the API server decides: validation, server-side apply, rights, garbage collection.

mod deletion;
mod exposure;
mod following;
mod hostile;
mod quiet;
mod seen;
mod validation;

use dittofs_suite::registry::{Needs, cluster};
use libtest_mimic::Trial;

/// The list below: the name that is shown is the path of the function.
macro_rules! trials {
    ($unavailable:expr, $($room:ident :: $test:ident),+ $(,)?) => {
        vec![$(cluster(
            Needs::ApiServer,
            $unavailable,
            concat!("api::", stringify!($room), "::", stringify!($test)),
            $room::$test,
        )),+]
    };
}

pub fn trials(unavailable: Option<&str>) -> Vec<Trial> {
    trials![
        unavailable,
        validation::sizes_that_are_none_are_refused,
        validation::numbers_out_of_range_are_refused,
        validation::name_templates_that_give_no_or_equal_names_are_refused,
        validation::durations_that_are_none_or_out_of_range_are_refused,
        validation::other_values_that_cannot_work_are_refused,
        validation::unknown_fields_are_refused,
        validation::names_that_services_and_pods_cannot_have_are_refused,
        validation::storage_cannot_be_changed,
        validation::defaults_are_those_of_the_documentation,
        validation::every_sample_is_accepted,
        exposure::adapters_get_services_and_policies,
        exposure::one_adapter_has_its_own_type_port_labels_and_annotations,
        exposure::a_new_name_template_makes_the_new_services_before_it_removes_the_old,
        exposure::without_policies_ours_go_and_foreign_ones_stay,
        exposure::exposure_cluster_opens_the_api_and_loopback_closes_it,
        following::a_port_change_keeps_the_address_of_a_load_balancer,
        following::a_port_change_keeps_the_port_of_the_nodes,
        following::an_adapter_that_is_on_and_does_not_run_keeps_its_service,
        following::an_adapter_that_leaves_keeps_its_service_and_goes_after_the_hold,
        following::an_adapter_that_leaves_gets_nothing_new,
        following::an_adapter_that_is_gone_from_the_list_loses_its_service,
        hostile::impossible_adapters_open_nothing_and_change_nothing,
        hostile::a_state_that_cannot_be_read_changes_nothing,
        hostile::impossible_adapters_get_nothing_to_begin_with,
        hostile::a_deleted_state_comes_back_empty_and_the_sidecar_is_told,
        hostile::data_edited_or_removed_by_hand_change_nothing_and_the_sidecar_is_told,
        hostile::metadata_that_a_sidecar_forges_misdirect_nobody,
        deletion::everything_goes_but_the_claims,
        deletion::orphans_stay_and_are_left_alone,
        deletion::nothing_is_made_again_while_the_dependents_go_first,
        quiet::at_rest_the_operator_asks_for_nothing,
        quiet::a_change_of_an_adapter_is_written_once_to_what_it_concerns,
        quiet::a_state_that_is_published_again_unchanged_is_written_nowhere,
        quiet::making_an_instance_writes_each_object_once,
    ]
}
