//! What the Services of the adapters have now, as far as it decides what they should have.

use dittofs_shared::labels;
use k8s_openapi::api::core::v1::{Service, ServicePort, ServiceSpec};
use kube::ResourceExt as _;
use std::collections::BTreeMap;

use super::ports::{adapter_of_port, target};
use crate::adapters::{Adapters, KNOWN_ADAPTERS};

/// A Service of an adapter, or of all adapters, that exists.
#[derive(Clone, Debug, PartialEq)]
pub struct LiveService {
    /// Its name.
    pub name: String,
    /// Type of the adapter that it is for, or [`labels::ALL_ADAPTERS`].
    pub adapter: String,
    /// All that it has.
    pub spec: ServiceSpec,
    /// Whether clients can use it: a load balancer needs an address from its controller, and what is being deleted has none for long.
    pub has_address: bool,
    /// Whether externalTrafficPolicy was set by this operator.
    pub owns_traffic_policy: bool,
    /// Whether ipFamilyPolicy was set by this operator.
    pub owns_family_policy: bool,
}

impl LiveService {
    pub(crate) fn of(service: &Service) -> Option<Self> {
        Some(Self {
            name: service.name_any(),
            adapter: service.labels().get(labels::ADAPTER)?.clone(),
            spec: service.spec.clone()?,
            has_address: has_address(service),
            owns_traffic_policy: owns(service, "f:externalTrafficPolicy"),
            owns_family_policy: owns(service, "f:ipFamilyPolicy"),
        })
    }

    /// Whether a cloud, or a load balancer in the cluster, leads to it.
    pub fn is_load_balancer(&self) -> bool {
        self.spec.type_.as_deref() == Some("LoadBalancer")
    }

    /// Whether it is one for all adapters.
    pub fn is_shared(&self) -> bool {
        self.adapter == labels::ALL_ADAPTERS
    }

    /// Its ports that lead to an adapter.
    pub fn ports_of<'a>(&'a self, adapter: &'a str) -> impl Iterator<Item = &'a ServicePort> {
        let ports = self.spec.ports.iter().flatten();
        ports.filter(move |port| {
            self.adapter == adapter || (self.is_shared() && adapter_of_port(port) == adapter)
        })
    }

    /// Whether it has a port that leads to an adapter.
    pub fn leads_to(&self, adapter: &str) -> bool {
        self.ports_of(adapter).next().is_some()
    }

    /// The port of the pod that is the adapter's own.
    pub fn target_of(&self, adapter: &str) -> Option<u16> {
        let main = self
            .ports_of(adapter)
            .find(|port| port.name.as_deref() == Some(adapter));
        target(main.or_else(|| self.ports_of(adapter).next())?)
    }
}

/// What is not taken away and not changed either: what leaves, what cannot be right, and everything when nothing is known.
pub(crate) fn kept(live: &[LiveService], adapters: &Adapters) -> BTreeMap<String, u16> {
    let kept = KNOWN_ADAPTERS
        .into_iter()
        .filter(|r#type| adapters.keep(r#type));
    kept.filter_map(|r#type| {
        let target = live.iter().find_map(|live| live.target_of(r#type))?;
        Some((r#type.to_owned(), target))
    })
    .collect()
}

fn has_address(service: &Service) -> bool {
    let r#type = service.spec.as_ref().and_then(|spec| spec.type_.as_deref());
    let status = service.status.as_ref();
    let balancer = status.and_then(|status| status.load_balancer.as_ref());
    let mut ingress = balancer
        .into_iter()
        .flat_map(|balancer| balancer.ingress.iter().flatten());
    service.metadata.deletion_timestamp.is_none()
        && (r#type != Some("LoadBalancer")
            || ingress.any(|ingress| ingress.ip.is_some() || ingress.hostname.is_some()))
}

fn owns(service: &Service, field: &str) -> bool {
    let writers = service.metadata.managed_fields.iter().flatten();
    let mut ours =
        writers.filter(|entry| entry.manager.as_deref() == Some(labels::OPERATOR_MANAGER));
    ours.any(|entry| {
        let fields = entry.fields_v1.as_ref();
        fields.is_some_and(|fields| !fields.0["f:spec"][field].is_null())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[allow(clippy::needless_pass_by_value)] // The macro makes a value.
    fn live(adapter: &str, ports: serde_json::Value) -> LiveService {
        let service = json!({
            "metadata": {"name": "files", "labels": {labels::ADAPTER: adapter}},
            "spec": {"ports": ports},
        });
        LiveService::of(&serde_json::from_value(service).unwrap()).unwrap()
    }

    #[test]
    fn a_service_of_one_adapter_has_its_ports_and_a_shared_one_has_them_by_name() {
        let ports = json!([
            {"name": "nfs-portmap", "port": 111, "targetPort": 10111},
            {"name": "nfs", "port": 2049, "targetPort": 12049},
            {"name": "smb", "port": 445, "targetPort": 1445},
            {"name": "nfs-portmap-udp", "port": 111, "targetPort": 10111, "protocol": "UDP"},
        ]);
        let shared = live(labels::ALL_ADAPTERS, ports);
        assert_eq!(shared.ports_of("nfs").count(), 3);
        assert_eq!(shared.target_of("nfs"), Some(12049));
        assert_eq!(shared.target_of("smb"), Some(1445));
        assert_eq!(shared.target_of("webdav"), None);
        let own = live("nfs", json!([{"port": 1, "targetPort": 12049}]));
        assert_eq!(own.target_of("nfs"), Some(12049));
        assert_eq!(own.target_of("smb"), None);
    }

    #[test]
    fn a_field_is_ours_when_we_have_applied_it() {
        let service = |manager: &str, fields: serde_json::Value| -> Service {
            let entry = json!({"manager": manager, "fieldsV1": fields});
            serde_json::from_value(json!({"metadata": {"managedFields": [entry]}})).unwrap()
        };
        let policy = json!({"f:spec": {"f:externalTrafficPolicy": {}}});
        let other = json!({"f:spec": {"f:type": {}}});
        let ours = labels::OPERATOR_MANAGER;
        let field = "f:externalTrafficPolicy";
        assert!(owns(&service(ours, policy.clone()), field));
        assert!(!owns(&service(ours, other), field));
        assert!(!owns(&service("kubectl-edit", policy), field));
        assert!(!owns(&Service::default(), field));
    }
}
