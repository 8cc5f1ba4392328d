//! The ServiceMonitor, which configures Prometheus to scrape the metrics.

use dittofs_shared::{Duration, labels, names};
use kube::core::DynamicObject;
use serde_json::{Value, json};

use super::meta::metadata;
use super::services::metrics_over_tls;
use super::with::with;
use crate::instance::Instance;
use crate::optional::OptionalKind;

/// It selects the Service of the metrics by its labels.
pub fn service_monitor(instance: &Instance) -> Option<DynamicObject> {
    let settings = instance.spec.service_monitor()?;
    let mut metadata = metadata(instance, names::metrics_service(&instance.name));
    // Ours win, because ownership depends on them.
    let mut all_labels = settings.labels.clone();
    all_labels.extend(metadata.labels.take().unwrap_or_default());
    metadata.labels = Some(all_labels);
    let mut selector = labels::selector(&instance.name);
    selector.insert(labels::METRICS.to_owned(), labels::METRICS_VALUE.to_owned());
    let body = json!({"spec": {
        "selector": {"matchLabels": selector},
        "endpoints": [endpoint(instance)],
    }});
    Some(OptionalKind::ServiceMonitor.object(metadata, body))
}

fn endpoint(instance: &Instance) -> Value {
    let settings = &instance.spec.metrics;
    let endpoint = json!({"port": "metrics", "path": settings.path});
    let scheme = metrics_over_tls(instance).then(|| "https".into());
    let interval = settings.service_monitor.interval.map(prometheus_duration);
    let secret = settings.bearer_token_secret.as_ref();
    let authorization = secret.map(
        |secret| json!({"type": "Bearer", "credentials": {"name": secret.name, "key": secret.key}}),
    );
    let endpoint = with(endpoint, "scheme", scheme);
    let endpoint = with(endpoint, "interval", interval.map(Value::from));
    with(endpoint, "authorization", authorization)
}

/// Prometheus accepts no fractions.
fn prometheus_duration(duration: Duration) -> String {
    let milliseconds = std::time::Duration::from(duration).as_millis();
    if milliseconds.is_multiple_of(1000) {
        format!("{}s", milliseconds / 1000)
    } else {
        format!("{milliseconds}ms")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_written_as_prometheus_reads_them() {
        for (requested, written) in [
            ("30s", "30s"),
            ("1m30s", "90s"),
            ("1.5s", "1500ms"),
            ("1h", "3600s"),
        ] {
            assert_eq!(prometheus_duration(requested.parse().unwrap()), written);
        }
    }
}
