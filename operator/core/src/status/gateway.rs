//! Whether the Gateways have accepted the routes to the adapters.

use dittofs_shared::AdapterType;
use kube::ResourceExt as _;
use kube::core::DynamicObject;
use serde_json::Value;

use super::{Finding, Reason, View};
use crate::desired::parents;
use crate::optional::OptionalKind;

/// Condition `GatewayReady`, while routes are requested.
pub(super) fn ready(view: &View<'_>) -> Option<Finding> {
    let settings = &view.instance.spec.adapter_services;
    let mut with_parents =
        AdapterType::ALL.map(|adapter| !parents(view.instance, adapter).is_empty());
    if !with_parents.iter_mut().any(|has| *has) {
        settings.gateway.as_ref()?;
        return Some(Finding::no(
            Reason::NoParents,
            "spec.adapterServices.gateway.parentRefs names no Gateway: add one, or remove spec.adapterServices.gateway",
        ));
    }
    let mut kinds = vec![OptionalKind::TcpRoute];
    let discovers = |own: &dittofs_shared::crd::AdapterOverride| !own.discovery_ports.is_empty();
    if settings.overrides.values().any(discovers) {
        kinds.push(OptionalKind::UdpRoute);
    }
    for kind in &kinds {
        if let Some(absence) = view.optional.absent.get(kind) {
            return Some(Finding::no(Reason::KindMissing, absence.explain(*kind)));
        }
    }
    let routes = kinds
        .iter()
        .filter_map(|kind| view.optional.owned.get(kind));
    let routes: Vec<_> = routes.flatten().collect();
    Some(of_routes(routes.iter().map(|route| &***route)))
}

fn of_routes<'a>(routes: impl Iterator<Item = &'a DynamicObject> + Clone) -> Finding {
    if let Some(refusal) = routes.clone().find_map(refusal) {
        return Finding::no(Reason::RouteNotAccepted, refusal);
    }
    if let Some(route) = routes.clone().find(|route| parents_of(route).is_empty()) {
        return Finding::unknown(
            Reason::NotAcceptedYet,
            format!(
                "no Gateway has accepted {} yet: check that the controller of the Gateway is running and that the Gateway has a \
                 listener for it",
                in_words(route)
            ),
        );
    }
    match routes.count() {
        0 => Finding::yes(
            Reason::NoRoutes,
            "no adapter is exposed, so there is nothing to route to",
        ),
        1 => Finding::yes(Reason::RoutesAccepted, "1 route is accepted by its Gateway"),
        count => Finding::yes(
            Reason::RoutesAccepted,
            format!("{count} routes are accepted by their Gateways"),
        ),
    }
}

fn parents_of(route: &DynamicObject) -> &[Value] {
    let parents = route.data.pointer("/status/parents");
    let parents = parents.and_then(Value::as_array);
    parents.map_or(&[], Vec::as_slice)
}

/// Why a Gateway rejects a route.
fn refusal(route: &DynamicObject) -> Option<String> {
    parents_of(route).iter().find_map(|parent| {
        let conditions = parent["conditions"].as_array()?;
        let refused = conditions.iter().find(|condition| {
            condition["status"] == "False"
                && (condition["type"] == "Accepted" || condition["type"] == "ResolvedRefs")
        })?;
        let text = |field: &str| refused[field].as_str().unwrap_or_default();
        let name = parent.pointer("/parentRef/name");
        Some(format!(
            "Gateway {} reports {}=False for {}: {}: {}",
            name.and_then(Value::as_str).unwrap_or_default(),
            text("type"),
            in_words(route),
            text("reason"),
            text("message")
        ))
    })
}

fn in_words(route: &DynamicObject) -> String {
    let kind = route.types.as_ref().map_or("route", |types| &types.kind);
    format!("{kind} {}", route.name_any())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::ConditionStatus;
    use serde_json::json;

    #[allow(clippy::needless_pass_by_value)] // The macro makes a value.
    fn route(parents: Value) -> DynamicObject {
        let mut route = OptionalKind::TcpRoute.object(
            serde_json::from_value(json!({"name": "files-nfs"})).unwrap(),
            json!({}),
        );
        route.data["status"] = json!({"parents": parents});
        route
    }

    fn parent(r#type: &str, status: &str) -> Value {
        json!({"parentRef": {"name": "edge"}, "conditions": [
            {"type": r#type, "status": status, "reason": "NoMatchingParent", "message": "there is no such listener"},
        ]})
    }

    #[test]
    fn routes_are_as_ready_as_their_gateways_say() {
        for (routes, status, reason) in [
            (vec![], ConditionStatus::True, Reason::NoRoutes),
            (
                vec![route(json!([]))],
                ConditionStatus::Unknown,
                Reason::NotAcceptedYet,
            ),
            (
                vec![route(json!([parent("Accepted", "True")]))],
                ConditionStatus::True,
                Reason::RoutesAccepted,
            ),
            (
                vec![route(json!([parent("Accepted", "False")]))],
                ConditionStatus::False,
                Reason::RouteNotAccepted,
            ),
            (
                vec![
                    route(json!([])),
                    route(json!([parent("ResolvedRefs", "False")])),
                ],
                ConditionStatus::False,
                Reason::RouteNotAccepted,
            ),
        ] {
            let finding = of_routes(routes.iter());
            assert_eq!((finding.status, finding.reason), (status, reason));
        }
        let refused = of_routes([route(json!([parent("Accepted", "False")]))].iter());
        assert_eq!(
            refused.message,
            "Gateway edge reports Accepted=False for TCPRoute files-nfs: NoMatchingParent: there is no such listener"
        );
    }
}
