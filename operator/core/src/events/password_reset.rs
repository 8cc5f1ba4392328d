//! Pure: what is told of a reset of the administrator's password, and who asked for it.

use dittofs_shared::crd::{DittoServer, DittoServerStatus};
use dittofs_shared::labels;
use dittofs_shared::names::ADMIN_USER;
use dittofs_shared::published_state::shorten;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ManagedFieldsEntry;

use super::Notice;
use crate::instance::{ResetProgress, Resets};

/// What is news about a reset.
pub fn notices(server: &DittoServer, resets: &Resets, after: &DittoServerStatus) -> Vec<Notice> {
    let before = server.status.as_ref();
    let known = before.and_then(|status| status.last_handled_password_reset.as_deref());
    let now = after.last_handled_password_reset.as_deref();
    let done = resets
        .asked
        .as_ref()
        .filter(|asked| asked.progress == ResetProgress::Done);
    let mut notices = Vec::new();
    if let Some(done) = done {
        notices.push(notice(
            false,
            "AdminPasswordReset",
            format!(
                "the password of user {ADMIN_USER} is what key {:?} of Secret {:?} holds, as {} asked with annotation {}={}",
                done.secret.key,
                done.secret.name,
                asked_by(server),
                labels::RESET_ADMIN_PASSWORD,
                shorten(&done.value)
            ),
        ));
    } else if now != known && now.is_some() {
        notices.push(notice(
            false,
            "AdminPasswordResetSkipped",
            format!(
                "annotation {} was there when the DittoServer was created, and resets no password: give it another value to ask for a reset",
                labels::RESET_ADMIN_PASSWORD
            ),
        ));
    }
    notices.extend(trouble(before, after).map(|note| {
        let note = format!("{note}. {} asked for it", asked_by(server));
        notice(true, "AdminPasswordNotReset", note)
    }));
    notices
}

/// What keeps the reset from happening, if that is news.
fn trouble(before: Option<&DittoServerStatus>, after: &DittoServerStatus) -> Option<String> {
    const TROUBLE: [&str; 3] = ["SecretUnusable", "Refused", "RestartNeeded"];
    let pending = |status: &DittoServerStatus| {
        let mut conditions = status.conditions.iter();
        conditions
            .find(|condition| condition.type_ == "PasswordResetPending")
            .cloned()
    };
    let now = pending(after).filter(|now| TROUBLE.contains(&now.reason.as_str()))?;
    let known = before.and_then(pending);
    let is_news = known.is_none_or(|known| known.reason != now.reason);
    is_news.then_some(now.message)
}

/// The field manager that set the annotation.
fn asked_by(server: &DittoServer) -> String {
    let entries = server.metadata.managed_fields.iter().flatten();
    let mut managers = entries.filter(|entry| sets_annotation(entry));
    let manager = managers.find_map(|entry| entry.manager.as_deref());
    match manager {
        Some(manager) => format!("field manager {:?}", shorten(manager)),
        None => "an unknown field manager".to_owned(),
    }
}

/// Whether this is who set the annotation.
pub fn sets_annotation(entry: &ManagedFieldsEntry) -> bool {
    let fields = entry.fields_v1.as_ref();
    let annotations = fields.and_then(|fields| fields.0.pointer("/f:metadata/f:annotations"));
    let field = format!("f:{}", labels::RESET_ADMIN_PASSWORD);
    annotations.is_some_and(|annotations| annotations.get(field).is_some())
}

fn notice(warning: bool, reason: &str, note: String) -> Notice {
    Notice {
        warning,
        reason: reason.to_owned(),
        action: "ResetPassword".to_owned(),
        note,
    }
}
