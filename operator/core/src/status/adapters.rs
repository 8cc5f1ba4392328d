//! The status of each adapter.

mod address;
mod place;
mod ready;

use dittofs_shared::crd::AdapterStatus;
use dittofs_shared::{labels, published_state};
use k8s_openapi::api::core::v1::Service;
use kube::ResourceExt;

use super::View;
use crate::adapters::{Adapters, EvaluatedAdapter, Verdict};
use crate::desired::adapter_of;
use crate::exposure::Exposure;
use crate::exposure::replaced::Replaced;
use crate::outcome::Failure;
use crate::warnings;
pub(super) use address::due_in;
pub(super) use place::host;
use place::{join, place};
pub(super) use ready::ready;

/// One entry for each adapter. While the adapters are not known, the last entries stay.
pub(super) fn all(view: &View<'_>) -> Vec<AdapterStatus> {
    match &view.instance.adapters {
        Adapters::Known(adapters) => adapters.iter().map(|adapter| one(view, adapter)).collect(),
        Adapters::Unknown(_) => view
            .previous
            .map(|previous| previous.adapters.clone())
            .unwrap_or_default(),
    }
}

fn one(view: &View<'_>, adapter: &EvaluatedAdapter) -> AdapterStatus {
    let published = &adapter.published;
    let exposure = &view.instance.exposure;
    let plan = adapter.r#type.and_then(|r#type| exposure.plan_of(r#type));
    let name = plan.map(|plan| plan.name.clone());
    let failure = name.as_deref().and_then(|name| failure(view, name));
    let failed = failure.is_some();
    let predecessor = predecessor(exposure, adapter);
    // Clients get the address that works.
    let current = predecessor.map(|replaced| &replaced.name).or(name.as_ref());
    let service = service_of(view, &published.r#type, current.map(String::as_str));
    let place = service.and_then(|service| place(service, &published.r#type, view.pod));
    let message = failure.or_else(|| message(view, adapter, service, place.is_some()));
    AdapterStatus {
        r#type: published_state::shorten(&published.r#type),
        port: i32::try_from(published.port).ok(),
        enabled: published.enabled,
        running: published.running,
        exposed: plan.is_some() && !failed,
        service: service.map(ResourceExt::name_any).or(name),
        address: place.as_ref().map(|(host, port)| join(host, *port)),
        // What is not exposed is about to be deleted, or not what it should be.
        mount_commands: place
            .filter(|_| plan.is_some())
            .map_or_else(Vec::new, |(host, port)| {
                let r#type = adapter.r#type;
                r#type.map_or_else(Vec::new, |r#type| r#type.mount_commands(&host, port))
            }),
        message,
    }
}

/// The Service that clients use until that of the adapter has an address.
fn predecessor<'a>(exposure: &'a Exposure, adapter: &EvaluatedAdapter) -> Option<&'a Replaced> {
    let r#type = adapter.r#type?;
    exposure.predecessor(&exposure.plan_of(r#type)?.name, r#type)
}

/// What is wrong, or about to happen.
fn message(
    view: &View<'_>,
    adapter: &EvaluatedAdapter,
    service: Option<&Service>,
    has_address: bool,
) -> Option<String> {
    let published = &adapter.published;
    match &adapter.verdict {
        Verdict::Expose(_) if !published.running => Some(
            "enabled, but nothing is listening on its port yet: check the server log".to_owned(),
        ),
        Verdict::Expose(_) => {
            // A setting that could not be applied may be why there is no address.
            let exposure = &view.instance.exposure;
            let waits = predecessor(exposure, adapter).map(|replaced| waits(view, replaced));
            let remarks = adapter
                .r#type
                .and_then(|r#type| exposure.remarks.get(&r#type));
            let reports = service.filter(|_| has_address).map(address::reports);
            let all: Vec<_> = waits
                .into_iter()
                .chain(remarks.into_iter().flatten().cloned())
                .chain(reports.into_iter().flatten())
                .collect();
            let known = (!all.is_empty()).then(|| all.join("; "));
            known.or_else(|| (!has_address).then(|| missing_address(view, service)))
        }
        Verdict::Disabled => None,
        Verdict::Leaving => published
            .leaving_since
            .map(|since| leaving(&since.to_string(), service)),
        Verdict::Refused(reason) => Some(reason.clone()),
    }
}

/// Why a Service is kept that is no longer wanted, and what to do when that does not end.
fn waits(view: &View<'_>, replaced: &Replaced) -> String {
    let (old, namespace) = (&replaced.name, &view.instance.namespace);
    let new = replaced.waits_for.join(", ");
    let next = replaced.waits_for.join(" ");
    let (services, have) = if replaced.waits_for.len() == 1 {
        ("Service", "has")
    } else {
        ("Services", "have")
    };
    format!(
        "{services} {new} {have} no address yet, so Service {old} is kept: `kubectl describe service {next} -n {namespace}` shows what \
         the load balancer controller reports. If the new address must be the old one, or Service {old} is no longer needed, run \
         `kubectl delete service {old} -n {namespace}`"
    )
}

fn missing_address(view: &View<'_>, service: Option<&Service>) -> String {
    let Some(service) = service else {
        return "its Service has no address yet".to_owned();
    };
    let (name, namespace) = (service.name_any(), &view.instance.namespace);
    if let Some(warning) = warnings::cause(view.warnings, "Service", &name) {
        return format!("Service {name} has no address yet: {}", warning.said());
    }
    let spec = service.spec.as_ref();
    match spec.and_then(|spec| spec.type_.as_deref()) {
        Some("NodePort") => format!(
            "Service {name} has no address yet: clients reach a NodePort at the node of the pod, and the pod is not on a node yet"
        ),
        _ if !address::reports(service).is_empty() => format!(
            "Service {name} has no address yet: {}",
            address::reports(service).join("; ")
        ),
        _ => format!(
            "Service {name} has no address yet: run `kubectl describe service {name} -n {namespace}` to see what the load balancer \
             controller reports"
        ),
    }
}

/// The Services of which a load balancer controller may report why they have no address.
pub(super) fn without_address<'a>(view: &View<'a>) -> impl Iterator<Item = &'a Service> {
    let services = view.adapter_services.iter().map(|service| &**service);
    services.filter(|service| {
        let spec = service.spec.as_ref();
        let ingress = service
            .status
            .as_ref()
            .and_then(|status| status.load_balancer.as_ref()?.ingress.as_deref());
        let is_balanced = spec.and_then(|spec| spec.type_.as_deref()) == Some("LoadBalancer");
        is_balanced && ingress.is_none_or(<[_]>::is_empty)
    })
}

/// What happens to an adapter that is disabled or no longer in DittoFS.
fn leaving(since: &str, service: Option<&Service>) -> String {
    const ONCE: &str = "once spec.adapterDiscovery.removalHold has elapsed";
    let Some(service) = service else {
        return format!("disabled or removed since {since}");
    };
    let name = service.name_any();
    if adapter_of(&service.metadata) == Some(labels::ALL_ADAPTERS) {
        format!("disabled or removed since {since}: Service {name} loses its port {ONCE}")
    } else {
        format!("disabled or removed since {since}: Service {name} is deleted {ONCE}")
    }
}

/// Why the Service of this name could not be written, if it could not.
fn failure(view: &View<'_>, name: &str) -> Option<String> {
    let of_service = |failure: &&Failure| failure.kind == "Service" && failure.name == name;
    view.failures
        .iter()
        .find(of_service)
        .map(ToString::to_string)
}

/// The Service of this name or, while there is none yet, the one that the adapter has had so far.
fn service_of<'a>(view: &View<'a>, adapter: &str, name: Option<&str>) -> Option<&'a Service> {
    let has_port = |service: &Service| {
        let ports = service.spec.as_ref().and_then(|spec| spec.ports.as_ref());
        let mut ports = ports.into_iter().flatten();
        ports.any(|port| port.name.as_deref() == Some(adapter))
    };
    let leads = |service: &Service| {
        let whose = adapter_of(&service.metadata);
        whose == Some(adapter) || (whose == Some(labels::ALL_ADAPTERS) && has_port(service))
    };
    let mut services = view.adapter_services.iter().map(|service| &**service);
    let mut so_far = services.clone().filter(|service| leads(service));
    services
        .find(|service| name.is_some_and(|name| service.name_any() == name) && leads(service))
        .or_else(|| so_far.next())
}
