//! Metrics for Prometheus, with bounded labels only.

use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};
use std::time::Duration;

use crate::apply::{Action, Applied};

/// How a reconcile ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Outcome {
    Success,
    Error,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReconcileLabels {
    result: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct WriteLabels {
    kind: String,
    action: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct NamespaceLabels {
    namespace: String,
}

/// The metrics of the operator.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    reconciles: Family<ReconcileLabels, Counter>,
    duration: Histogram,
    writes: Family<WriteLabels, Counter>,
    failures: Counter,
    leader: Gauge,
    namespaces: Family<NamespaceLabels, Gauge>,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("dittofs_operator");
        let metrics = Self {
            reconciles: Family::default(),
            duration: Histogram::new(exponential_buckets(0.000_1, 2.0, 16)),
            writes: Family::default(),
            failures: Counter::default(),
            leader: Gauge::default(),
            namespaces: Family::default(),
            registry: Registry::default(),
        };
        registry.register(
            "reconcile",
            "Reconciles of instances, by result",
            metrics.reconciles.clone(),
        );
        registry.register_with_unit(
            "reconcile_time",
            "Duration of a reconcile",
            Unit::Seconds,
            metrics.duration.clone(),
        );
        registry.register(
            "writes",
            "Objects written, by kind and action",
            metrics.writes.clone(),
        );
        registry.register(
            "write_failures",
            "Objects that could not be written",
            metrics.failures.clone(),
        );
        registry.register(
            "leader",
            "1 if this replica is the leader, 0 if it is a standby",
            metrics.leader.clone(),
        );
        registry.register(
            "namespace_managed",
            "1 if the leader manages this namespace of --namespaces, 0 if it has no rights there or has not read it yet",
            metrics.namespaces.clone(),
        );
        Self {
            registry,
            ..metrics
        }
    }
}

impl Metrics {
    /// Counts a reconcile.
    pub fn reconciled(&self, result: Outcome, took: Duration) {
        let result = match result {
            Outcome::Success => "success",
            Outcome::Error => "error",
        };
        self.reconciles
            .get_or_create(&ReconcileLabels { result })
            .inc();
        self.duration.observe(took.as_secs_f64());
    }

    /// Counts what was written.
    pub fn applied(&self, applied: &Applied) {
        for change in &applied.changes {
            let action = match change.action {
                Action::Created => "create",
                Action::Updated => "update",
                Action::Deleted => "delete",
            };
            let kind = change.object.kind.clone().unwrap_or_default();
            self.writes
                .get_or_create(&WriteLabels { kind, action })
                .inc();
        }
        self.failures.inc_by(applied.failures.len() as u64);
    }

    /// Whether this process may write. One that may not manages no namespace, and knows of none.
    pub fn leading(&self, leading: bool) {
        self.leader.set(i64::from(leading));
        self.namespaces.clear();
    }

    /// Whether a namespace of the scope is managed.
    pub fn managed(&self, namespace: &str, is_managed: bool) {
        let namespace = namespace.to_owned();
        self.namespaces
            .get_or_create(&NamespaceLabels { namespace })
            .set(i64::from(is_managed));
    }

    /// The metrics as OpenMetrics text.
    ///
    /// # Errors
    /// The text cannot be written.
    pub fn encode(&self) -> Result<String, std::fmt::Error> {
        let mut text = String::new();
        text::encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_have_the_names_that_users_query() {
        let metrics = Metrics::default();
        metrics.reconciled(Outcome::Error, Duration::from_millis(3));
        metrics.leading(true);
        metrics.managed("team-a", false);
        let text = metrics.encode().unwrap();
        for line in [
            "dittofs_operator_reconcile_total{result=\"error\"} 1",
            "dittofs_operator_reconcile_time_seconds_count 1",
            "dittofs_operator_leader 1",
            "dittofs_operator_write_failures_total 0",
            "dittofs_operator_namespace_managed{namespace=\"team-a\"} 0",
        ] {
            assert!(text.contains(line), "{line:?} is not in\n{text}");
        }
    }
}
