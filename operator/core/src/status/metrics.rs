//! Whether Prometheus can find the metrics.

use dittofs_shared::names;

use super::{Finding, Reason, View};
use crate::optional::OptionalKind;

/// Condition `MetricsReady`, while metrics are enabled.
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
            Reason::ServiceOnly,
            format!("metrics are served at {place}"),
        ));
    }
    if let Some(absence) = view.optional.absent.get(&KIND) {
        return Some(Finding::no(
            Reason::ServiceMonitorUnavailable,
            format!(
                "spec.metrics.serviceMonitor.enabled is true, but {}. Until then metrics are only served at {place}",
                absence.explain(KIND)
            ),
        ));
    }
    let created = view.optional.owned.get(&KIND).into_iter().flatten();
    if created.count() == 0 {
        return Some(Finding::unknown(
            Reason::ServiceMonitorMissing,
            format!("ServiceMonitor {name} has not been created yet"),
        ));
    }
    Some(Finding::yes(
        Reason::ServiceMonitorMade,
        format!("ServiceMonitor {name} configures Prometheus to scrape {place}"),
    ))
}
