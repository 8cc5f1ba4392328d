//! Pure: which Events report a reset of the administrator's password, and who requested it.

use dittofs_shared::crd::{DittoServer, DittoServerStatus};
use dittofs_shared::labels;
use dittofs_shared::names::ADMIN_USER;
use dittofs_shared::published_state::shorten;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ManagedFieldsEntry;

use super::Notice;
use crate::instance::{ResetProgress, Resets};
use crate::status::{ConditionType, Reason, find};

/// Action of the Events.
const ACTION: &str = "ResetPassword";

/// What has changed about a reset.
pub fn notices(server: &DittoServer, resets: &Resets, after: &DittoServerStatus) -> Vec<Notice> {
    let before = server.status.as_ref();
    let known = before.and_then(|status| status.last_handled_password_reset.as_deref());
    let now = after.last_handled_password_reset.as_deref();
    let done = resets
        .requested
        .as_ref()
        .filter(|requested| requested.progress == ResetProgress::Done);
    let mut notices = Vec::new();
    if let Some(done) = done {
        let note = format!(
            "the password of user {ADMIN_USER} has been set from key {:?} of Secret {:?}, as requested by {} with annotation {}={}",
            done.secret.key,
            done.secret.name,
            requested_by(server),
            labels::RESET_ADMIN_PASSWORD,
            shorten(&done.value)
        );
        notices.push(Notice::normal("AdminPasswordReset", ACTION, note));
    } else if now != known && now.is_some() {
        let note = format!(
            "annotation {} was present when the DittoServer was created, so no password has been reset: set another value to \
             request a reset",
            labels::RESET_ADMIN_PASSWORD
        );
        notices.push(Notice::normal("AdminPasswordResetSkipped", ACTION, note));
    }
    notices.extend(problem(before, after).map(|message| {
        let note = format!("{message}. Requested by {}", requested_by(server));
        Notice::warning("AdminPasswordNotReset", ACTION, note)
    }));
    notices
}

/// What keeps the reset from happening, if that is new.
fn problem<'a>(
    before: Option<&DittoServerStatus>,
    after: &'a DittoServerStatus,
) -> Option<&'a str> {
    const TYPE: ConditionType = ConditionType::PasswordResetPending;
    let now = find(after, TYPE)?;
    let known = before.and_then(|before| find(before, TYPE));
    let is_new = known.is_none_or(|known| known.reason != now.reason);
    let is_trouble = matches!(
        Reason::parse(&now.reason)?,
        Reason::SecretUnusable | Reason::Refused | Reason::RestartNeeded
    );
    (is_new && is_trouble).then_some(&now.message)
}

/// The field manager that set the annotation.
fn requested_by(server: &DittoServer) -> String {
    let entries = server.metadata.managed_fields.iter().flatten();
    let mut managers = entries.filter(|entry| sets_annotation(entry));
    let manager = managers.find_map(|entry| entry.manager.as_deref());
    match manager {
        Some(manager) => format!("field manager {:?}", shorten(manager)),
        None => "an unknown field manager".to_owned(),
    }
}

/// Whether this entry is of the field manager that set the annotation.
pub fn sets_annotation(entry: &ManagedFieldsEntry) -> bool {
    let fields = entry.fields_v1.as_ref();
    let annotations = fields.and_then(|fields| fields.0.pointer("/f:metadata/f:annotations"));
    let field = format!("f:{}", labels::RESET_ADMIN_PASSWORD);
    annotations.is_some_and(|annotations| annotations.get(field).is_some())
}
