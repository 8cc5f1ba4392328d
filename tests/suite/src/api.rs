//! What the API server decides: validation, server-side apply, rights, garbage collection.

mod acceptance;
mod canaries;
mod causes;
mod configuration;
mod crowds;
mod deaf;
mod definition;
pub mod deletion;
mod drift;
mod earlier;
mod events;
mod eviction;
mod exposure;
mod failing;
mod families;
mod filled_in;
mod first_password;
mod following;
mod foreign_kinds;
mod hostile;
mod injected;
mod isolation;
mod large;
mod leading;
mod lifetime;
mod limits;
mod manual;
mod mutation;
mod namespaces;
mod never_started;
mod operator_rights;
mod optional_kinds;
mod overruled;
mod ownership;
mod ownership_adoption;
mod ownership_other_operator;
mod ownership_sidecar;
mod password_reset;
mod peer;
mod percona;
mod pod_rights;
mod policies;
mod published_state;
mod quiet;
mod reconcile_now;
mod renewal;
mod replacing;
mod reserved_ports;
mod restarts;
mod restored;
mod restricted;
mod retention;
mod rewritten;
mod rights;
mod roll_walk;
mod route_versions;
mod routes;
mod secrets;
pub mod seen;
pub mod seen_pods;
mod server;
mod services;
mod sharding;
mod shared;
mod sidecar_rights;
mod status;
mod storage;
mod telling;
mod troubles;
mod troubles_pod;
mod troubles_refused;
mod used_rights;
mod validation;

use dittofs_suite::registry::{Needs, cluster};
use libtest_mimic::Trial;

/// The lists below: the name that is shown is the path of the function.
macro_rules! trials {
    ($needs:expr, $unavailable:expr, $($room:ident :: $test:ident),+ $(,)?) => {
        vec![$(cluster(
            $needs,
            $unavailable,
            concat!("api::", stringify!($room), "::", stringify!($test)),
            $room::$test,
        )),+]
    };
}

pub fn trials(unavailable: Option<&str>) -> Vec<Trial> {
    let mut trials = of_specs(unavailable);
    trials.extend(of_adapters(unavailable));
    trials.extend(of_the_operator(unavailable));
    trials
}

/// Those that run one after the other.
pub fn one_by_one(unavailable: Option<&str>) -> Vec<Trial> {
    let mut trials = bare(unavailable);
    trials.extend(of_an_own_cluster(unavailable));
    trials
}

/// In the bare world.
fn bare(unavailable: Option<&str>) -> Vec<Trial> {
    trials![
        Needs::BareApiServer,
        unavailable,
        causes::a_node_that_stops_answering_is_told,
        canaries::no_value_of_a_secret_is_told,
        configuration::what_no_pod_mounts_any_more_is_deleted_in_the_end,
        crowds::all_pods_can_start_before_the_rest_is_made,
        deaf::a_kind_that_falls_silent_is_noticed_named_and_followed_again,
        deaf::one_bad_answer_is_told_nowhere,
        families::a_service_of_one_family_gets_the_other_and_its_ports_follow,
        families::a_new_service_gets_both_families,
        families::a_policy_that_somebody_else_has_chosen_keeps_both,
        foreign_kinds::an_operator_works_while_they_come_and_go,
        large::config_maps_of_a_megabyte_take_no_memory,
        optional_kinds::a_kind_is_used_while_it_is_there,
        namespaces::one_without_rights_holds_up_no_other_and_follows_when_it_has_them,
        route_versions::routes_stay_while_the_version_changes_in_which_they_are_served,
        percona::a_kind_that_comes_later_is_picked_up,
        sharding::an_instance_changes_operators_by_its_label,
        sharding::an_operator_of_some_namespaces_needs_no_rights_in_others,
        restricted::what_the_operator_is_told_to_refuse_is_told_and_rolls_nothing,
        restarts::never_more_are_out_than_allowed_though_the_operator_is_killed,
        restarts::a_server_that_does_not_come_back_holds_up_the_others_and_is_named,
        restarts::pods_of_an_earlier_release_go_on_and_follow_the_next_change,
    ]
}

/// Of what all other tests have done.
pub fn last(unavailable: Option<&str>) -> Vec<Trial> {
    trials![
        Needs::AllOthers,
        unavailable,
        used_rights::every_right_is_used_by_some_test,
    ]
}

fn of_an_own_cluster(unavailable: Option<&str>) -> Vec<Trial> {
    trials![
        Needs::OwnApiServer,
        unavailable,
        restored::what_was_restored_is_seen_within_a_minute,
    ]
}

fn of_specs(unavailable: Option<&str>) -> Vec<Trial> {
    trials![
        Needs::ApiServer,
        unavailable,
        mutation::every_field_leads_back_to_where_it_came_from,
        roll_walk::a_pod_is_recreated_where_the_reference_says_so_and_nowhere_else,
        peer::objects_of_the_go_operator_are_accepted,
        peer::a_server_with_every_field_of_theirs_is_accepted,
        peer::kubectl_explains_every_field,
        validation::sizes_that_are_none_are_refused,
        validation::numbers_out_of_range_are_refused,
        validation::name_templates_that_give_no_or_equal_names_are_refused,
        validation::durations_that_are_none_or_out_of_range_are_refused,
        validation::other_values_that_cannot_work_are_refused,
        validation::combinations_that_cannot_work_are_refused,
        validation::unknown_fields_are_refused,
        validation::names_that_services_and_pods_cannot_have_are_refused,
        validation::volumes_cannot_shrink_move_or_go,
        percona::no_server_starts_before_and_none_stops_for_a_hiccup,
        percona::a_cluster_of_somebody_else_is_used_and_never_changed,
        percona::it_goes_with_the_server_only_when_asked,
        storage::a_larger_size_grows_the_claims_and_keeps_the_pod,
        storage::a_volume_for_contents_can_be_added,
        storage::a_class_that_cannot_grow_is_told_and_keeps_nothing_else_from_being_done,
        storage::a_stateful_set_that_is_gone_is_made_again_around_its_pod,
        manual::a_new_volume_waits_for_the_restart,
        never_started::a_pod_that_never_started_is_replaced_as_soon_as_it_is_mended,
        never_started::an_edit_of_ldap_restarts_nobody_and_is_told_until_it_is_taken_back,
        retention::claims_go_with_the_server_when_asked,
        retention::claims_that_are_to_be_kept_after_all_stay,
        retention::claims_go_with_a_server_that_is_deleted_at_once,
        retention::a_stateful_set_that_is_deleted_leaves_its_claims,
        retention::another_policy_changes_the_claims_and_leaves_stateful_set_and_pod,
        earlier::claims_of_an_earlier_version_change_owners_under_a_running_pod,
        earlier::claims_of_an_earlier_version_change_owners_without_a_pod,
        earlier::claim_templates_that_name_a_former_server_are_made_again,
        earlier::a_refused_owner_is_told_and_keeps_nothing_else_from_being_done,
        acceptance::defaults_are_those_of_the_documentation,
        acceptance::every_sample_is_accepted,
        restricted::the_policy_refuses_what_leads_out_of_the_pod_and_nothing_else,
        definition::kubectl_applies_it_client_side_and_server_side,
        definition::what_has_no_end_is_refused,
        definition::an_object_above_a_new_limit_can_still_be_changed,
        definition::a_spec_that_is_too_large_is_told_and_changes_nothing,
        causes::a_refusal_is_the_sentence_of_the_api_server,
        causes::a_load_balancer_without_an_address_is_told_after_a_minute,
        events::a_creation_is_told_in_a_few_lines,
    ]
}

fn of_adapters(unavailable: Option<&str>) -> Vec<Trial> {
    trials![
        Needs::ApiServer,
        unavailable,
        exposure::adapters_get_services_and_policies,
        exposure::one_adapter_has_its_own_type_port_labels_and_annotations,
        exposure::annotations_that_are_taken_back_go,
        exposure::a_new_name_template_makes_the_new_services_before_it_removes_the_old,
        replacing::a_renamed_load_balancer_stays_until_the_new_one_has_an_address,
        replacing::a_change_of_the_mode_keeps_every_address_until_the_new_ones_are_there,
        replacing::a_service_that_waits_can_be_deleted_by_hand_or_taken_back,
        reserved_ports::no_adapter_leads_to_the_api_or_the_metrics_of_the_running_pod,
        policies::without_policies_ours_go_and_foreign_ones_stay,
        policies::exposure_cluster_opens_the_api_and_loopback_closes_it,
        policies::peers_of_adapters_metrics_and_egress_are_in_the_policies,
        policies::rules_that_somebody_adds_go,
        policies::the_pod_is_closed_last_and_opened_first,
        policies::what_services_lead_to_stays_open_while_nothing_is_known,
        rewritten::what_a_cloud_sets_on_services_is_no_fault,
        rewritten::a_class_that_a_webhook_sets_is_told_only_where_another_is_named,
        services::a_load_balancer_that_we_make_shows_the_server_its_clients,
        services::a_traffic_policy_that_somebody_has_chosen_stays,
        services::every_field_is_in_the_service,
        services::the_type_goes_back_and_forth_and_the_service_stays,
        services::a_class_that_cannot_be_changed_is_told_and_stops_nothing_else,
        families::ports_follow_though_the_cluster_lacks_a_family,
        services::a_node_port_that_is_asked_for_moves_with_the_service,
        services::addresses_and_mount_commands_are_told,
        shared::a_shared_service_stays_while_its_adapters_come_and_go,
        shared::a_shared_service_loses_nothing_while_nothing_is_known,
        shared::a_change_of_the_mode_makes_the_new_services_before_the_old_ones_go,
        shared::a_leaving_adapter_keeps_the_shared_service_through_a_change_of_the_mode,
        shared::who_has_a_port_of_the_shared_service_keeps_it,
        routes::each_exposed_adapter_has_its_routes,
        routes::what_gateways_say_of_the_routes_is_told,
        routes::routes_follow_their_adapters_and_go_when_they_are_not_asked_for,
        following::a_port_change_keeps_the_address_of_a_load_balancer,
        following::a_port_change_keeps_the_port_of_the_nodes,
        following::an_adapter_that_is_on_and_does_not_run_keeps_its_service,
        following::an_adapter_that_leaves_keeps_its_service_and_goes_after_the_hold,
        following::an_adapter_that_leaves_gets_nothing_new,
        following::an_adapter_that_is_gone_from_the_list_loses_its_service,
        hostile::impossible_adapters_open_nothing_and_change_nothing,
        hostile::a_state_that_cannot_be_read_changes_nothing,
        hostile::impossible_adapters_get_nothing_to_begin_with,
        published_state::a_deleted_state_comes_back_empty_and_the_sidecar_is_told,
        published_state::data_edited_or_removed_by_hand_change_nothing_and_the_sidecar_is_told,
        published_state::labels_that_a_sidecar_forges_misdirect_nobody,
        published_state::an_owner_that_a_sidecar_forges_is_no_owner,
        published_state::operator_and_sidecar_own_disjoint_fields_of_one_config_map,
        published_state::neither_writer_takes_away_what_the_other_wrote,
        ownership::a_foreign_service_of_the_same_name_is_not_touched,
        ownership::an_address_stays_when_its_new_name_is_taken,
        ownership::two_instances_that_want_the_same_service_do_not_fight_over_it,
        ownership::a_pod_that_our_stateful_set_does_not_control_is_never_deleted,
        ownership::a_sidecar_gets_no_right_to_a_config_map_of_somebody_else,
        ownership::an_apply_can_be_held_to_making_or_to_changing,
        ownership_adoption::what_an_orphaning_deletion_leaves_is_adopted_in_place,
        ownership_adoption::the_pod_and_its_claims_stay_when_the_server_is_made_again,
        ownership_adoption::what_a_backup_brings_back_is_adopted_in_place,
        ownership_adoption::our_labels_do_not_make_ours_what_another_controller_has,
        ownership_other_operator::every_object_of_another_operator_stays_as_it_is,
        ownership_other_operator::work_begins_when_the_objects_of_another_operator_are_gone,
        ownership_other_operator::an_object_without_our_label_that_we_applied_stays_ours,
        ownership_sidecar::what_a_sidecar_does_to_the_metadata_is_put_right,
        ownership_sidecar::a_forged_finalizer_holds_up_no_instance,
        ownership_sidecar::a_forged_finalizer_holds_up_no_namespace,
    ]
}

fn of_the_operator(unavailable: Option<&str>) -> Vec<Trial> {
    trials![
        Needs::ApiServer,
        unavailable,
        limits::a_quota_that_is_used_up_is_told_and_stops_nothing_else,
        limits::default_limits_of_a_namespace_restart_nobody,
        limits::what_a_policy_forbids_is_told_in_its_own_words,
        limits::a_load_balancer_that_the_cloud_refuses_gets_its_address_later,
        overruled::what_policies_rewrite_is_sent_once_and_keeps_no_restart_from_happening,
        overruled::a_policy_that_writes_another_value_every_time_keeps_nobody_busy,
        overruled::a_label_that_a_policy_rewrites_is_no_fight,
        overruled::claim_templates_that_a_policy_completes_keep_no_change_from_being_made,
        injected::what_is_put_into_pods_keeps_no_restart_from_happening_and_causes_none,
        injected::what_policies_do_to_the_other_objects_keeps_nobody_busy,
        overruled::what_somebody_adds_to_the_template_keeps_no_restart_from_happening,
        configuration::a_pod_keeps_its_configuration_until_it_is_recreated,
        configuration::a_configuration_that_cannot_be_written_leaves_the_pod_as_it_is,
        configuration::the_operator_can_delete_no_config_map_but_its_configurations,
        secrets::a_connection_string_is_taken_apart_into_a_secret_of_its_own,
        secrets::a_secret_that_exists_is_never_overwritten,
        lifetime::generated_secrets_stay_with_the_claims_and_are_used_again,
        lifetime::with_retention_delete_generated_secrets_go_with_the_server,
        lifetime::a_later_retention_policy_leaves_secrets_as_they_are,
        lifetime::a_secret_of_somebody_else_starts_no_server,
        lifetime::a_secret_of_somebody_else_leaves_a_server_as_it_runs,
        lifetime::the_documented_command_removes_what_a_deleted_instance_left,
        lifetime::whatever_has_no_owner_is_kept_by_argo_cd,
        first_password::it_is_needed_only_until_the_server_has_data,
        first_password::bytes_that_no_environment_takes_are_told,
        first_password::a_signing_key_of_two_servers_is_told_to_both,
        password_reset::a_reset_widens_the_role_of_the_sidecar_until_it_is_done,
        password_reset::an_annotation_that_is_there_from_the_start_resets_nothing,
        password_reset::a_secret_without_a_password_that_the_server_takes_is_told,
        password_reset::a_signing_key_that_the_server_does_not_have_yet_is_told,
        server::another_content_of_a_named_secret_is_another_roll_hash,
        server::a_server_can_be_stopped_while_a_secret_is_missing,
        server::what_users_add_to_the_pod_is_written_once,
        server::the_budget_goes_when_it_is_not_wanted_and_a_foreign_one_stays,
        eviction::a_server_that_serves_is_not_evicted_whatever_its_sidecar_does,
        eviction::a_server_that_crashes_or_hangs_does_not_hold_up_a_drain,
        eviction::a_pod_on_a_lost_node_does_not_hold_up_a_drain,
        drift::a_service_changed_by_hand_is_put_back,
        drift::policies_changed_by_hand_are_put_back,
        drift::rights_changed_by_hand_are_put_back,
        drift::what_the_pod_is_made_of_is_put_back_when_changed_by_hand,
        drift::labels_and_annotations_of_others_stay,
        drift::what_is_deleted_by_hand_comes_back,
        sidecar_rights::a_sidecar_may_use_its_two_config_maps_and_nothing_else,
        sidecar_rights::a_sidecar_publishes_and_watches_its_settings,
        sidecar_rights::a_sidecar_is_refused_everything_else,
        sidecar_rights::a_sidecar_cannot_make_its_config_map,
        renewal::a_running_pod_gets_the_new_image_and_the_template_follows_when_it_runs,
        renewal::while_paused_a_running_pod_keeps_its_sidecar,
        renewal::an_image_that_does_not_run_is_put_back_and_not_tried_again,
        renewal::with_the_next_pod_a_running_one_keeps_its_sidecar,
        renewal::what_pod_security_refuses_is_told_and_not_asked_for_again,
        pod_rights::the_operator_may_change_the_sidecar_of_its_pods_and_nothing_else,
        operator_rights::the_operator_may_do_its_work_and_not_more,
        operator_rights::no_rule_of_the_operator_has_a_wildcard,
        optional_kinds::an_object_of_such_a_kind_is_kept_like_any_other,
        optional_kinds::a_foreign_object_of_such_a_kind_is_not_touched,
        deletion::everything_goes_but_the_data,
        deletion::orphans_stay_and_are_left_alone,
        deletion::nothing_is_made_again_for_an_instance_on_its_way_out,
        filled_in::what_the_api_server_fills_in_is_no_difference,
        quiet::at_rest_the_operator_asks_for_nothing,
        quiet::a_change_of_an_adapter_is_written_once_to_what_it_concerns,
        quiet::a_state_that_is_published_again_unchanged_is_written_nowhere,
        quiet::making_an_instance_writes_each_object_once,
        status::the_first_word_is_that_it_is_not_known_yet,
        status::the_observed_generation_follows_every_change_of_the_spec,
        secrets::secrets_that_cannot_be_used_are_named_and_healing_is_noticed,
        status::while_paused_only_the_status_is_written,
        telling::adapters_and_addresses_are_told,
        telling::an_address_of_a_load_balancer_is_told,
        telling::kubectl_shows_what_matters_under_every_name,
        troubles::what_the_spec_asks_for_and_cannot_have_is_told,
        troubles::what_keeps_adapters_from_being_reached_is_told,
        troubles::a_server_that_is_left_alone_is_told,
        troubles_refused::what_the_api_server_refuses_to_create_is_told,
        troubles_refused::what_the_operator_may_not_write_is_told,
        troubles_pod::what_the_kubelet_reports_is_told,
        troubles_pod::what_only_events_say_is_told,
        troubles_pod::trouble_that_lasts_keeps_nobody_busy,
        reconcile_now::a_new_value_has_everything_written_anew,
        reconcile_now::a_new_value_has_secrets_read_again,
        reconcile_now::while_paused_the_wish_waits,
        sharding::a_scope_that_is_none_is_refused_at_the_start,
        failing::a_refusal_with_another_text_every_time_keeps_nobody_busy,
        leading::a_standby_waits_and_takes_over_when_the_leader_gives_back,
        leading::a_standby_watches_the_lease_and_does_not_poll_it,
        leading::a_leader_whose_lease_is_taken_stops_and_stands_by,
        isolation::a_server_that_cannot_be_read_is_left_as_it_is_and_stops_no_other,
        isolation::servers_that_cannot_be_made_stop_no_other,
    ]
}
