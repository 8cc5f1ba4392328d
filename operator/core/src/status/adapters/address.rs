//! Load balancers without an address, and what their controllers say on the Service.

use dittofs_shared::crd::{AdapterStatus, ServiceType};
use dittofs_shared::labels;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Service;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::ResourceExt as _;
use std::time::Duration;

use super::missing_address;
use crate::exposure::live::has_address;
use crate::status::{Finding, Reason, View};
use crate::warnings::said;

/// How long a load balancer may take before it counts that it has no address.
const PATIENCE: Duration = Duration::from_mins(1);
/// Words in types of conditions that are wrong while True. All others are wrong while False.
const NEGATIVE: [&str; 6] = [
    "Error", "Fail", "Degraded", "Conflict", "Problem", "Stalled",
];

/// What the controller of a load balancer reports as wrong, in the status of the Service.
pub(super) fn reports(service: &Service) -> Vec<String> {
    let Some(status) = &service.status else {
        return Vec::new();
    };
    let conditions = status.conditions.iter().flatten();
    let conditions = conditions.filter(|condition| is_wrong(condition));
    let conditions = conditions.map(|condition| {
        let Condition {
            type_,
            status,
            reason,
            message,
            ..
        } = condition;
        let message = said(message);
        format!("its controller reports {type_}={status}: {reason}: {message}")
    });
    let ingress = status.load_balancer.iter();
    let ingress = ingress.flat_map(|balancer| balancer.ingress.iter().flatten());
    let ports = ingress.flat_map(|ingress| ingress.ports.iter().flatten());
    let errors = ports.filter_map(|port| {
        let error = port.error.as_ref()?;
        Some(format!(
            "its controller reports for port {}/{}: {}",
            port.port,
            port.protocol,
            said(error)
        ))
    });
    conditions.chain(errors).collect()
}

fn is_wrong(condition: &Condition) -> bool {
    let is_negative = NEGATIVE.iter().any(|word| condition.type_.contains(word));
    condition.status == if is_negative { "True" } else { "False" }
}

/// An exposed adapter whose load balancer has had no address for too long, or reports something.
pub(super) fn problem(view: &View<'_>, statuses: &[AdapterStatus]) -> Option<Finding> {
    statuses.iter().find_map(|status| {
        let service = balancer(view, status)?;
        let name = service.name_any();
        let reports = reports(service);
        if !reports.is_empty() {
            let message = format!(
                "adapter {}: Service {name}: {}",
                status.r#type,
                reports.join("; ")
            );
            return Some(Finding::no(Reason::LoadBalancerError, message));
        }
        let is_due = due_at(service)? <= view.instance.sidecar.at;
        (is_due && status.address.is_none()).then(|| {
            let message = format!(
                "adapter {}: {}. If the cluster has no such controller, set spec.adapterServices.type to NodePort or ClusterIP",
                status.r#type,
                missing_address(view, Some(service))
            );
            Finding::no(Reason::AddressMissing, message)
        })
    })
}

/// How long until it counts that a load balancer has no address.
pub(in crate::status) fn due_in(view: &View<'_>) -> Option<Duration> {
    let services = view.adapter_services.iter();
    let waiting = services.filter(|service| !has_address(service));
    let due = waiting.filter_map(|service| due_at(service));
    let now = view.instance.sidecar.at;
    let left = due.filter_map(|due| Duration::try_from(due.duration_since(now)).ok());
    left.filter(|left| !left.is_zero()).min()
}

/// The load balancer of an exposed adapter.
fn balancer<'a>(view: &View<'a>, status: &AdapterStatus) -> Option<&'a Service> {
    let name = status.service.as_ref().filter(|_| status.exposed)?;
    let mut services = view.adapter_services.iter().map(|service| &**service);
    services.find(|service| {
        service.name_any() == *name && r#type(service) == Some(ServiceType::LoadBalancer.as_str())
    })
}

fn r#type(service: &Service) -> Option<&str> {
    service.spec.as_ref()?.type_.as_deref()
}

/// When a load balancer should have an address: some time after the operator has changed its Service.
fn due_at(service: &Service) -> Option<Timestamp> {
    let metadata = &service.metadata;
    let created = metadata.creation_timestamp.as_ref()?.0;
    let writers = metadata.managed_fields.iter().flatten();
    let ours = writers.filter(|entry| entry.manager.as_deref() == Some(labels::OPERATOR_MANAGER));
    let changed = ours.filter_map(|entry| Some(entry.time.as_ref()?.0));
    Some(
        changed
            .max()
            .map_or(created, |changed| changed.max(created))
            + PATIENCE,
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn service(metadata: &Value, status: &Value) -> Service {
        serde_json::from_value(json!({"metadata": metadata, "status": status})).unwrap()
    }

    #[test]
    fn what_a_controller_reports_is_passed_on() {
        let condition = |r#type: &str, status: &str| {
            json!({"conditions": [{
                "type": r#type, "status": status, "reason": "no_pool", "message": "no pool matches",
                "lastTransitionTime": "2026-01-01T00:00:00Z",
            }]})
        };
        let reported =
            "its controller reports cilium.io/IPAMRequestSatisfied=False: no_pool: no pool matches";
        let ports = json!({"loadBalancer": {"ingress": [{"ip": "192.0.2.1", "ports": [
            {"port": 445, "protocol": "TCP"}, {"port": 111, "protocol": "UDP", "error": "MixedProtocol"},
        ]}]}});
        for (status, expected) in [
            (json!(null), None),
            (json!({"loadBalancer": {}}), None),
            (
                condition("cilium.io/IPAMRequestSatisfied", "False"),
                Some(reported),
            ),
            (condition("cilium.io/IPAMRequestSatisfied", "True"), None),
            (condition("LoadBalancerPortsError", "False"), None),
            (
                condition("LoadBalancerPortsError", "True"),
                Some(
                    "its controller reports LoadBalancerPortsError=True: no_pool: no pool matches",
                ),
            ),
            (
                ports,
                Some("its controller reports for port 111/UDP: MixedProtocol"),
            ),
        ] {
            let found = reports(&service(&json!({}), &status));
            assert_eq!(found.first().map(String::as_str), expected, "{found:?}");
        }
    }

    #[test]
    fn an_address_is_due_a_minute_after_the_last_change_of_the_service() {
        let at = |minute: u8| format!("2026-01-01T00:{minute:02}:00Z");
        let entry = |manager: &str, minute| json!({"manager": manager, "time": at(minute)});
        for (writers, expected) in [
            (json!([]), 1),
            (json!([entry("cloud-controller-manager", 7)]), 1),
            (json!([entry(labels::OPERATOR_MANAGER, 5)]), 6),
        ] {
            let metadata = json!({"creationTimestamp": at(0), "managedFields": writers});
            let due = due_at(&service(&metadata, &json!(null))).unwrap();
            assert_eq!(due, at(expected).parse().unwrap());
        }
        assert_eq!(due_at(&Service::default()), None);
    }
}
