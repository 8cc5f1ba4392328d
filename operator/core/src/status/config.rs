//! What is wrong with the spec, as far as it can be known before the server runs.

use dittofs_shared::crd::ConfigOverrides;
use dittofs_shared::names;
use dittofs_shared::published_state::shorten;

use super::{Finding, Reason, View};
use crate::instance::{OverrideProblem, StartupProblem, unknown_keys};

/// Version of the server whose keys are known.
const KNOWN_VERSION: &str = names::TESTED_SERVER_VERSION;

/// Condition `ConfigReady`: whether the server can be started as the spec says.
pub(super) fn ready(view: &View<'_>) -> Finding {
    let problem = match view.instance.startable() {
        // Condition DatabaseReady reports the database.
        Ok(_) | Err(StartupProblem::Database(_)) => {
            return Finding::yes(
                Reason::ConfigValid,
                "the configuration is valid and every referenced Secret can be used",
            );
        }
        Err(problem) => problem,
    };
    let reason = match &problem {
        StartupProblem::Secret(_) | StartupProblem::Database(_) => Reason::SecretUnusable,
        StartupProblem::Override(problem) => of_override(problem),
        StartupProblem::NoBindPassword => Reason::NoBindPassword,
    };
    let message = format!("{problem}. A running server is left unchanged");
    Finding::no(reason, message)
}

fn of_override(problem: &OverrideProblem) -> Reason {
    match problem {
        OverrideProblem::Secret { .. } => Reason::SecretInOverrides,
        OverrideProblem::Reserved { .. } => Reason::ReservedKey,
        OverrideProblem::NotASection { .. } => Reason::InvalidOverrides,
        OverrideProblem::Variable { .. } => Reason::ReservedVariable,
        OverrideProblem::Forbidden { .. } => Reason::NotAllowed,
    }
}

/// Condition `ConfigOverridesKnown`, while there are any.
pub(super) fn overrides_known(view: &View<'_>) -> Option<Finding> {
    let ConfigOverrides(overrides) = view.instance.spec.config_overrides.as_ref()?;
    let unknown = unknown_keys(overrides);
    if unknown.is_empty() {
        return Some(Finding::yes(
            Reason::KeysKnown,
            "the server supports every key in spec.configOverrides",
        ));
    }
    Some(Finding::no(
        Reason::UnknownKeys,
        format!(
            "DittoFS {KNOWN_VERSION} does not support these keys of spec.configOverrides and ignores them: {}. Check the spelling, \
             unless your server is newer and supports them",
            first_few(&unknown)
        ),
    ))
}

/// A condition has room for a few of them, and nobody reads more.
fn first_few(keys: &[String]) -> String {
    const FEW: usize = 10;
    let shown = keys.iter().take(FEW).map(|key| shorten(key));
    let shown = shown.collect::<Vec<_>>().join(", ");
    match keys.len().saturating_sub(FEW) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

/// Condition `ImagePinned`, while the image has no fixed version. It does not count for `Ready`.
pub(super) fn image_pinned(view: &View<'_>) -> Option<Finding> {
    let image = &view.instance.spec.image;
    if is_pinned(image) {
        return None;
    }
    Some(Finding::no(
        Reason::MovingTag,
        format!(
            "spec.image {} has no fixed version: the next pod may run another version of the server. Set a version, such as {}. The \
             running server is not affected",
            shorten(image),
            names::default_server_image()
        ),
    ))
}

/// Whether an image has a digest, or a tag other than `latest`.
fn is_pinned(image: &str) -> bool {
    let name = image.rsplit('/').next().unwrap_or(image);
    let tag = name.split_once(':').map(|(_, tag)| tag);
    image.contains('@') || tag.is_some_and(|tag| tag != "latest")
}

/// Condition `AdminUsernameHonored`, while the spec gives the administrator a name that the server ignores. It does
/// not count for `Ready`.
pub(super) fn admin_username(view: &View<'_>) -> Option<Finding> {
    let name = &view.instance.spec.identity.admin.username;
    if name == names::ADMIN_USER {
        return None;
    }
    Some(Finding::no(
        Reason::FixedByServer,
        format!(
            "spec.identity.admin.username is {name:?}, which has no effect: the server always names its first administrator {}. \
             Log in as {0} and remove the field",
            names::ADMIN_USER
        ),
    ))
}

/// Condition `ManagementReady`, while there are fields that are stored and not acted on. It does not count for
/// `Ready`.
pub(super) fn management(view: &View<'_>) -> Option<Finding> {
    if view.instance.spec.snapshot_policies.is_empty() {
        return None;
    }
    Some(Finding::no(
        Reason::NotManaged,
        "spec.snapshotPolicies is stored, but this version of the operator does not act on it: create snapshots in DittoFS instead. \
         The server is not affected",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_is_pinned_by_a_tag_or_a_digest() {
        for (image, expected) in [
            ("dittofs", false),
            ("dittofs:latest", false),
            ("registry:5000/a/dittofs", false),
            ("registry:5000/a/dittofs:latest", false),
            ("dittofs:v0.29.0", true),
            ("registry:5000/a/dittofs:v0.29.0", true),
            ("dittofs@sha256:ab", true),
            ("dittofs:latest@sha256:ab", true),
        ] {
            assert_eq!(is_pinned(image), expected, "{image}");
        }
        assert!(is_pinned(&names::default_server_image()));
    }

    #[test]
    fn a_message_names_a_few_keys_and_counts_the_others() {
        let keys = |count: usize| -> Vec<String> {
            (0..count).map(|number| format!("k{number}")).collect()
        };
        assert_eq!(first_few(&keys(2)), "k0, k1");
        assert!(first_few(&keys(12)).ends_with("k9 and 2 more"));
        assert!(first_few(&["x".repeat(10_000)]).len() < 100);
    }
}
