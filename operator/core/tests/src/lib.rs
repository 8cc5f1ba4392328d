//! What the pure core of the operator makes, compared with files that people read.
//!
//! `cases/<case>/in.yaml` is a `DittoServer`. Beside it may stand `adapters.yaml` (data of the published ConfigMap),
//! `secrets.yaml` (Secrets of the user's own: name, key, length), `services.yaml` (Services of adapters as they have been
//! so far) and `live.yaml` (how the cluster differs from one in which all is done).
//!
//! `out.yaml` is everything the operator would apply, in that order, then what it may prune, then the status it would write.
//! Most cases have `out.diff` instead: how they differ from case `minimal`, see module `shown`. `reach.yaml` is who can connect to the
//! server, see module `reach`.
//!
//! `cargo xtask bless` rewrites all of them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod case;
mod causes;
mod config;
mod crd;
mod diff;
mod effect;
pub mod fields;
mod outliving;
mod peer;
mod reach;
mod reference;
mod render;
mod roll;
mod roll_directory;
mod roll_forms;
mod shown;
mod situation;
pub mod trial;

use case::Case;
pub use config::given;
pub use crd::are_described;
pub use diff::lines as difference;
use dittofs_shared::labels;
pub use effect::elsewhere_is_there;
use k8s_openapi::api::core::v1::ConfigMap;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{FieldsV1, ManagedFieldsEntry};
use libtest_mimic::Trial;
pub use peer::FIELDS as FIELDS_OF_THE_GO_OPERATOR;
pub use roll::effect as roll_parts;
use std::path::Path;
pub use trial::Outcome;
use trial::{plain, skipped};

/// All of them.
pub fn trials() -> Vec<Trial> {
    let mut trials = of_objects();
    let known = trials.iter().map(|trial| trial.name().to_owned()).collect();
    trials.push(plain(
        "golden::fields::every_golden_test_that_is_named_exists",
        move || effect::elsewhere_is_there(&known, true),
    ));
    trials
}

fn of_objects() -> Vec<Trial> {
    let mut trials = vec![
        plain("golden::crd::is_current", crd::is_current),
        plain(
            "golden::crd::every_field_is_described",
            crd::every_field_is_described,
        ),
        plain(
            "golden::crd::is_small_enough_for_kubectl_apply",
            crd::is_small_enough_for_kubectl_apply,
        ),
        plain(
            "golden::crd::types_of_kubernetes_have_no_descriptions_inside",
            crd::types_of_kubernetes_have_no_descriptions_inside,
        ),
        plain(
            "golden::crd::whatever_users_write_is_limited",
            crd::whatever_users_write_is_limited,
        ),
        plain("golden::reference::is_current", reference::is_current),
        plain(
            "golden::reference::every_reason_is_of_a_field_with_a_default",
            reference::reasons,
        ),
        plain(
            "golden::outliving::whatever_has_no_owner_is_kept_by_argo_cd",
            outliving::is_annotated,
        ),
        plain(
            "golden::roll::only_what_a_running_server_cannot_take_up_rolls_it",
            roll::table,
        ),
        plain(
            "golden::roll::every_field_of_the_spec_is_in_the_table",
            roll::table_is_complete,
        ),
        plain(
            "golden::roll::secrets_and_the_outside_world",
            roll::beyond_the_spec,
        ),
    ];
    trials.extend([
        plain(
            "golden::causes::ready_names_the_cause",
            causes::ready_names_the_cause,
        ),
        plain(
            "golden::causes::a_lost_node_leaves_everything_unknown",
            causes::a_lost_node_leaves_everything_unknown,
        ),
    ]);
    trials.extend(of_rolls());
    trials.extend(effect::trials());
    trials.extend(peer::trials());
    let cases = Case::all();
    let schema = config::schema();
    trials.extend(reach::trials(&cases));
    let known_keys = "golden::config_schema::the_operator_knows_every_key";
    trials.push(match &schema {
        Ok(schema) => {
            let schema = schema.clone();
            plain(known_keys, move || config::known_keys(&schema))
        }
        Err(reason) => skipped(known_keys, reason),
    });
    for case in cases {
        let name = case.name.clone();
        let config_case = case.clone();
        let schema_case = case.clone();
        trials.push(plain(&format!("golden::case::{name}"), move || {
            compare(&case)
        }));
        trials.push(plain(&format!("golden::config::{name}"), move || {
            config::is_accepted(&config_case)
        }));
        let schema_name = format!("golden::config_schema::{name}");
        trials.push(match &schema {
            Ok(schema) => {
                let schema = schema.clone();
                plain(&schema_name, move || {
                    config::is_in_schema(&schema_case, &schema)
                })
            }
            Err(reason) => skipped(&schema_name, reason),
        });
    }
    trials
}

fn of_rolls() -> Vec<Trial> {
    vec![
        plain(
            "golden::roll_forms::pods_of_the_first_releases_go_on",
            roll_forms::pods_of_the_first_releases_go_on,
        ),
        plain(
            "golden::roll_forms::another_rendering_restarts_nobody_and_a_change_does",
            roll_forms::another_rendering_restarts_nobody_and_a_change_does,
        ),
        plain(
            "golden::roll_forms::another_spelling_restarts_nobody",
            roll_forms::another_spelling_restarts_nobody,
        ),
        plain(
            "golden::roll_directory::what_the_server_has_stored_rolls_nobody_and_is_told",
            roll_directory::what_the_server_has_stored_rolls_nobody_and_is_told,
        ),
        plain(
            "golden::roll_directory::what_is_stored_is_remembered_through_restarts",
            roll_directory::what_is_stored_is_remembered_through_restarts,
        ),
        plain(
            "golden::roll_directory::a_server_that_has_stored_nothing_is_restarted",
            roll_directory::a_server_that_has_stored_nothing_is_restarted,
        ),
        plain(
            "golden::roll_directory::a_password_leaves_no_digest_that_can_be_tried",
            roll_directory::a_password_leaves_no_digest_that_can_be_tried,
        ),
    ]
}

fn compare(case: &Case) -> Outcome {
    let (file, text) = shown::expected(case)?;
    expect(&case.folder.join(file), &text)?;
    expect(&case.folder.join("reach.yaml"), &reach::table(case)?)
}

/// Compares a text with a file, or rewrites the file when asked to.
fn expect(file: &Path, actual: &str) -> Outcome {
    let expected = std::fs::read_to_string(file).unwrap_or_default();
    if expected == actual {
        return Ok(());
    }
    if std::env::var_os("DITTOFS_BLESS").is_some_and(|value| value == "1") {
        std::fs::write(file, actual)?;
        return Ok(());
    }
    fail!(
        "{} is not what the code makes (- file, + code). If the code is right: cargo xtask bless\n{}",
        file.display(),
        diff::lines(&expected, actual)
    );
}

/// Says of published data what the API server says when the sidecar has written them.
fn signed_by_sidecar(config_map: &mut ConfigMap) {
    let keys = config_map.data.iter().flatten();
    let fields: serde_json::Map<_, _> = keys
        .map(|(key, _)| (format!("f:{key}"), serde_json::json!({})))
        .collect();
    config_map.metadata.managed_fields = Some(vec![ManagedFieldsEntry {
        manager: Some(labels::SIDECAR_MANAGER.to_owned()),
        fields_v1: Some(FieldsV1(serde_json::json!({ "f:data": fields }))),
        ..ManagedFieldsEntry::default()
    }]);
}
