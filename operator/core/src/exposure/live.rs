//! The Services of adapters that exist, as far as they decide what the Services should be.

use dittofs_shared::AdapterType;
use dittofs_shared::adapter_type::DiscoveryPort;
use dittofs_shared::crd::ServiceType;
use dittofs_shared::labels;
use k8s_openapi::api::core::v1::{Service, ServicePort, ServiceSpec};
use kube::ResourceExt as _;
use std::collections::BTreeMap;

use super::Scope;
use super::ports::{PlannedPort, PortRole, target};
use crate::adapters::Adapters;

const FAMILY_POLICY: &str = "f:ipFamilyPolicy";

/// A Service of an adapter, or of all adapters, that exists.
#[derive(Clone, Debug, PartialEq)]
pub struct LiveService {
    /// Its name.
    pub name: String,
    /// Its [`labels::ADAPTER`]. Another version may have written a type that this one does not know.
    pub label: String,
    /// Its ports, recognised by their names.
    pub ports: Vec<PlannedPort>,
    /// Everything else that it has.
    pub spec: ServiceSpec,
    /// Whether clients can use it: a load balancer has an address from its controller, and it is not being deleted.
    pub has_address: bool,
    /// What of it this operator has set.
    pub owns: OwnFields,
}

/// Whether these fields of a Service were set by this operator.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OwnFields {
    /// `loadBalancerClass`.
    pub class: bool,
    /// `externalTrafficPolicy`.
    pub traffic_policy: bool,
    /// `ipFamilyPolicy`.
    pub family_policy: bool,
}

impl LiveService {
    /// `None`: it is not the Service of an adapter.
    pub(crate) fn of(service: &Service) -> Option<Self> {
        let label = service.labels().get(labels::ADAPTER)?.clone();
        let scope = Scope::from_label(&label);
        let mut spec = service.spec.clone()?;
        let ports = spec.ports.take().into_iter().flatten();
        Some(Self {
            name: service.name_any(),
            label,
            ports: ports.map(|port| from_live(scope, port)).collect(),
            spec,
            has_address: has_address(service),
            owns: OwnFields {
                class: owns(service, "f:loadBalancerClass"),
                traffic_policy: owns(service, "f:externalTrafficPolicy"),
                family_policy: owns_family_policy(service),
            },
        })
    }

    /// Whether it is of type LoadBalancer.
    pub fn is_load_balancer(&self) -> bool {
        self.spec.type_.as_deref() == Some(ServiceType::LoadBalancer.as_str())
    }

    /// Whether it is one for all adapters.
    pub fn is_shared(&self) -> bool {
        self.label == labels::ALL_ADAPTERS
    }

    /// Its ports that lead to an adapter.
    pub fn ports_of(&self, adapter: AdapterType) -> impl Iterator<Item = &PlannedPort> + Clone {
        let ports = self.ports.iter();
        ports.filter(move |port| port.adapter == Some(adapter))
    }

    /// The ports of a shared Service that are named after a type of adapter, which may be one that this version does
    /// not know.
    pub fn shared_ports_of(&self, r#type: &str) -> impl Iterator<Item = &PlannedPort> {
        let ports = self.ports.iter().filter(|_| self.is_shared());
        ports.filter(move |planned| first_word(name_of(&planned.port)) == r#type)
    }

    /// Whether it has a port that leads to an adapter.
    pub fn leads_to(&self, adapter: AdapterType) -> bool {
        self.ports_of(adapter).next().is_some()
    }

    /// The port of the pod that is the adapter's own.
    pub fn target_of(&self, adapter: AdapterType) -> Option<u16> {
        let mut ports = self.ports_of(adapter);
        let main = ports.clone().find(|planned| planned.role == PortRole::Main);
        target(&main.or_else(|| ports.next())?.port)
    }

    pub(super) fn node_ports(&self) -> impl Iterator<Item = i32> {
        self.ports
            .iter()
            .filter_map(|planned| planned.port.node_port)
    }
}

/// The name of a port begins with the type of the adapter that it leads to. In a Service for one adapter, all ports
/// lead to that.
fn from_live(scope: Option<Scope>, port: ServicePort) -> PlannedPort {
    let adapter = match scope {
        Some(Scope::Adapter(adapter)) => Some(adapter),
        Some(Scope::All) => first_word(name_of(&port)).parse().ok(),
        None => None,
    };
    let role = adapter.map_or(PortRole::Overlay, |adapter| role_of(adapter, &port));
    PlannedPort {
        adapter,
        role,
        port,
    }
}

fn role_of(adapter: AdapterType, port: &ServicePort) -> PortRole {
    let rest = name_of(port).strip_prefix(adapter.name());
    if rest == Some("") {
        return PortRole::Main;
    }
    let suffix = rest.and_then(|rest| rest.strip_prefix('-'));
    let mut all = DiscoveryPort::ALL
        .into_iter()
        .flat_map(DiscoveryPort::ports);
    let found = all.find(|known| Some(known.suffix) == suffix);
    found.map_or(PortRole::Overlay, |found| PortRole::Discovery {
        suffix: found.suffix,
    })
}

fn name_of(port: &ServicePort) -> &str {
    port.name.as_deref().unwrap_or_default()
}

/// The part of a port's name before the first `-`.
pub(super) fn first_word(name: &str) -> &str {
    name.split('-').next().unwrap_or_default()
}

/// By adapter that keeps its Service, the port of the pod that the Service leads to.
pub(crate) fn kept(live: &[LiveService], adapters: &Adapters) -> BTreeMap<AdapterType, u16> {
    let kept = adapters.kept().filter_map(|adapter| {
        let target = live.iter().find_map(|live| live.target_of(adapter))?;
        Some((adapter, target))
    });
    kept.collect()
}

/// Whether clients can use it: see [`LiveService::has_address`].
pub(crate) fn has_address(service: &Service) -> bool {
    let r#type = service.spec.as_ref().and_then(|spec| spec.type_.as_deref());
    let status = service.status.as_ref();
    let balancer = status.and_then(|status| status.load_balancer.as_ref());
    let mut ingress = balancer
        .into_iter()
        .flat_map(|balancer| balancer.ingress.iter().flatten());
    service.metadata.deletion_timestamp.is_none()
        && (r#type != Some(ServiceType::LoadBalancer.as_str())
            || ingress.any(|ingress| ingress.ip.is_some() || ingress.hostname.is_some()))
}

/// Whether this operator has set the family policy of a Service.
pub fn owns_family_policy(service: &Service) -> bool {
    owns(service, FAMILY_POLICY)
}

fn owns(service: &Service, field: &str) -> bool {
    let writers = service.metadata.managed_fields.iter().flatten();
    let mut ours =
        writers.filter(|entry| entry.manager.as_deref() == Some(labels::OPERATOR_MANAGER));
    ours.any(|entry| {
        let fields = entry.fields_v1.as_ref();
        let spec = fields.and_then(|fields| fields.0.get("f:spec"));
        spec.and_then(|spec| spec.get(field))
            .is_some_and(|field| !field.is_null())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adapters::Unknown;
    use crate::adapters::reserved::ReservedPorts;
    use AdapterType::{Nfs, Smb};
    use dittofs_shared::published_state::Adapter;
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
        let roles: Vec<_> = shared.ports_of(Nfs).map(|planned| planned.role).collect();
        let discovery = |suffix| PortRole::Discovery { suffix };
        assert_eq!(
            roles,
            [
                discovery("portmap"),
                PortRole::Main,
                discovery("portmap-udp")
            ]
        );
        assert_eq!(shared.target_of(Nfs), Some(12049));
        assert_eq!(shared.target_of(Smb), Some(1445));
        let own = live("nfs", json!([{"port": 1, "targetPort": 12049}]));
        assert_eq!(own.target_of(Nfs), Some(12049));
        assert_eq!(own.target_of(Smb), None);
    }

    #[test]
    fn a_type_that_this_version_does_not_know_is_recognised_by_its_name_alone() {
        let ports = json!([{"name": "webdav-tls", "port": 443}, {"name": "nfs", "port": 2049}]);
        let shared = live(labels::ALL_ADAPTERS, ports.clone());
        assert_eq!(shared.ports[0].adapter, None);
        assert_eq!(shared.shared_ports_of("webdav").count(), 1);
        assert_eq!(shared.shared_ports_of("nfs").count(), 1);
        let unknown = live("webdav", ports);
        assert!(!unknown.leads_to(Nfs));
        assert_eq!(unknown.shared_ports_of("webdav").count(), 0);
    }

    #[test]
    fn an_adapter_that_is_kept_keeps_the_port_it_has() {
        let leads_to = |adapter, to| live(adapter, json!([{"port": 1, "targetPort": to}]));
        let live = [leads_to("nfs", 12049), leads_to("smb", 1445)];
        let reserved = ReservedPorts::default();
        let known =
            |adapters: &[Adapter]| kept(&live, &Adapters::of(adapters.iter().cloned(), &reserved));
        let smb = BTreeMap::from([(Smb, 1445)]);
        let leaving = Adapter {
            leaving_since: Some(jiff::Timestamp::UNIX_EPOCH),
            ..Adapter::running("smb", 1446)
        };
        assert_eq!(known(&[Adapter::running("nfs", 12049), leaving]), smb);
        assert_eq!(known(&[Adapter::running("smb", 70_000)]), smb, "refused");
        let exposed = known(&[Adapter::running("smb", 1446)]);
        assert_eq!(exposed, BTreeMap::new());
        assert_eq!(known(&[]), BTreeMap::new(), "removed");
        let unknown = Adapters::Unknown(Unknown::NothingPublished);
        assert_eq!(kept(&live, &unknown).len(), 2);
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
