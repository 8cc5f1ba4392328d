//! Condition `AdaptersReady`.

use dittofs_shared::crd::AdapterStatus;
use dittofs_shared::published_state::shorten;

use super::{address, waits};
use crate::adapters::{Adapters, EvaluatedAdapter, Unknown, Verdict};
use crate::status::{Finding, Reason, View, server};

/// Whether every enabled adapter is exposed as requested.
pub(in crate::status) fn ready(view: &View<'_>, statuses: &[AdapterStatus]) -> Finding {
    if server::is_stopped(view) {
        return Finding::unknown(
            Reason::ScaledToZero,
            "spec.replicas is 0; Services are left unchanged",
        );
    }
    let adapters = match &view.instance.adapters {
        Adapters::Known(adapters) => adapters,
        Adapters::Unknown(unknown @ Unknown::NothingPublished) => {
            return Finding::unknown(Reason::NothingPublished, unknown.to_string());
        }
        Adapters::Unknown(unknown) => {
            return Finding::no(Reason::PublishedStateUnusable, unknown.to_string());
        }
    };
    refused(adapters)
        .or_else(|| not_ready(statuses))
        .or_else(|| waiting_for_address(view))
        .or_else(|| address::problem(view, statuses))
        .or_else(|| setting_not_applied(view, statuses))
        .unwrap_or_else(|| exposed(statuses))
}

fn refused(adapters: &[EvaluatedAdapter]) -> Option<Finding> {
    adapters.iter().find_map(|adapter| match &adapter.verdict {
        Verdict::Refused(reason) => Some(Finding::no(
            Reason::AdapterNotExposed,
            format!(
                "adapter {} is not exposed: {reason}",
                shorten(&adapter.published.r#type)
            ),
        )),
        _ => None,
    })
}

fn not_ready(statuses: &[AdapterStatus]) -> Option<Finding> {
    let mut statuses = statuses.iter();
    let waiting = statuses.find(|status| status.enabled && !(status.running && status.exposed))?;
    let message = waiting.message.as_deref().unwrap_or("not exposed yet");
    Some(Finding::no(
        Reason::AdapterNotReady,
        format!("adapter {}: {message}", waiting.r#type),
    ))
}

fn waiting_for_address(view: &View<'_>) -> Option<Finding> {
    let all = view.instance.exposure.replaced.iter();
    let all: Vec<_> = all.map(|replaced| waits(view, replaced)).collect();
    (!all.is_empty()).then(|| Finding::no(Reason::WaitingForAddress, all.join(". ")))
}

/// What is exposed, but not as the spec says.
fn setting_not_applied(view: &View<'_>, statuses: &[AdapterStatus]) -> Option<Finding> {
    let remark = statuses.iter().find_map(|status| {
        let remarks = view
            .instance
            .exposure
            .remarks
            .get(&status.r#type.parse().ok()?)?;
        Some(format!("adapter {}: {}", status.r#type, remarks.join("; ")))
    });
    remark.map(|remark| Finding::no(Reason::SettingNotApplied, remark))
}

fn exposed(statuses: &[AdapterStatus]) -> Finding {
    match statuses.iter().filter(|status| status.exposed).count() {
        0 => Finding::yes(
            Reason::NoAdapters,
            "no adapter is enabled in DittoFS, so there is nothing to expose",
        ),
        1 => Finding::yes(Reason::AdaptersExposed, "1 adapter is exposed"),
        count => Finding::yes(
            Reason::AdaptersExposed,
            format!("{count} adapters are exposed"),
        ),
    }
}
