//! Whether the metrics are where Prometheus looks for them.

use dittofs_shared::names;

use super::{Finding, View};
use crate::optional::OptionalKind;

/// `None` while no metrics are asked for.
pub(super) fn ready(view: &View<'_>) -> Option<Finding> {
    const KIND: OptionalKind = OptionalKind::ServiceMonitor;
    let settings = view.instance.spec.metrics()?;
    let name = names::metrics_service(&view.instance.name);
    let place = format!(
        "Service {name}, port {}, path {}",
        settings.port, settings.path
    );
    if view.instance.spec.service_monitor().is_none() {
        return Some(Finding::yes(
            "ServiceOnly",
            format!("the metrics are at {place}"),
        ));
    }
    if let Some(absence) = view.optional.absent.get(&KIND) {
        return Some(Finding::no(
            "ServiceMonitorUnavailable",
            format!(
                "metrics.serviceMonitor.enabled is true, and {}. Until then the metrics are at {place}",
                absence.explain(KIND)
            ),
        ));
    }
    let made = view.optional.owned.get(&KIND).into_iter().flatten();
    if made.count() == 0 {
        return Some(Finding::unknown(
            "ServiceMonitorMissing",
            format!("ServiceMonitor {name} has not been made yet"),
        ));
    }
    Some(Finding::yes(
        "ServiceMonitorMade",
        format!("ServiceMonitor {name} leads Prometheus to {place}"),
    ))
}
