//! The settings of a Service: those of the spec, without what its type does not have and what is immutable.

use dittofs_shared::crd::{
    IpFamilyPolicy, ServiceSettings, ServiceTemplate, ServiceType, TrafficPolicy,
};
use k8s_openapi::DeepMerge as _;
use k8s_openapi::api::core::v1::{ServicePort, ServiceSpec};
use std::collections::BTreeMap;

use super::live::LiveService;

/// The settings of all Services, overridden by those of one.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Effective {
    pub annotations: BTreeMap<String, String>,
    pub labels: BTreeMap<String, String>,
    /// Without ports, selector and type.
    pub spec: ServiceSpec,
    /// Ports of the overlays, in the order in which they are merged.
    pub overlay_ports: Vec<ServicePort>,
}

impl Effective {
    pub fn of(all: &ServiceSettings, own: Option<&ServiceSettings>) -> Self {
        let none = ServiceSettings::default();
        let own = own.unwrap_or(&none);
        let mut effective = Self {
            annotations: all.annotations.clone(),
            labels: all.labels.clone(),
            spec: fields(all, own),
            overlay_ports: Vec::new(),
        };
        effective.annotations.extend(own.annotations.clone());
        effective.labels.extend(own.labels.clone());
        let templates = [&all.service_template, &own.service_template];
        for template in templates.into_iter().flatten() {
            effective.merge(template);
        }
        effective
    }

    fn merge(&mut self, template: &ServiceTemplate) {
        let metadata = &template.metadata;
        self.annotations.extend(metadata.annotations.clone());
        self.labels.extend(metadata.labels.clone());
        let mut overlay = ServiceSpec {
            // The CRD refuses these, but objects that were stored before it did may have them.
            selector: None,
            type_: None,
            cluster_ip: None,
            cluster_ips: None,
            external_name: None,
            publish_not_ready_addresses: None,
            ..template.spec.clone().unwrap_or_default()
        };
        let mut ports = overlay.ports.take().unwrap_or_default();
        // Zero means that Kubernetes chooses one, and the Service never has it.
        for port in &mut ports {
            port.node_port = port.node_port.filter(|port| *port != 0);
        }
        overlay.health_check_node_port = overlay.health_check_node_port.filter(|port| *port != 0);
        self.overlay_ports.extend(ports);
        self.spec.merge_from(overlay);
    }

    /// Removes what the type does not have, and keeps what is immutable. Returns what cannot be changed, and what to do
    /// about it.
    pub fn settle(&mut self, r#type: ServiceType, live: Option<&LiveService>) -> Vec<String> {
        self.drop_what_the_type_lacks(r#type);
        if r#type == ServiceType::LoadBalancer && self.spec.external_traffic_policy.is_none() {
            let theirs = live.filter(|live| live.is_load_balancer() && !live.owns.traffic_policy);
            if theirs.is_none() {
                self.spec.external_traffic_policy = Some(TrafficPolicy::Local.as_str().to_owned());
            }
        }
        self.match_families(live);
        let Some(live) = live else {
            return Vec::new();
        };
        let class = (r#type == ServiceType::LoadBalancer).then(|| self.keep_class(live));
        let families = self.keep_families(live);
        class.flatten().into_iter().chain(families).collect()
    }

    fn drop_what_the_type_lacks(&mut self, r#type: ServiceType) {
        let spec = &mut self.spec;
        if r#type != ServiceType::LoadBalancer {
            spec.allocate_load_balancer_node_ports = None;
            spec.health_check_node_port = None;
            spec.load_balancer_class = None;
            spec.load_balancer_ip = None;
            spec.load_balancer_source_ranges = None;
        }
        if r#type == ServiceType::ClusterIP && spec.external_ips.is_none() {
            spec.external_traffic_policy = None;
        }
    }

    /// What is left out stays as a webhook or another writer has set it. A class that we have set ourselves would be
    /// removed, which the API server refuses. Only the wish for another class is worth a remark.
    fn keep_class(&mut self, live: &LiveService) -> Option<String> {
        let spec = &mut self.spec;
        let has = &live.spec.load_balancer_class;
        if !live.is_load_balancer() || spec.load_balancer_class == *has {
            return None;
        }
        let wanted = spec.load_balancer_class.take();
        if live.owns.class {
            spec.load_balancer_class.clone_from(has);
        }
        wanted.map(|_| stays(live, "loadBalancerClass", has.as_deref().unwrap_or("none")))
    }

    /// Makes families and policy fit together: the API server refuses two families with `SingleStack`, or on a new
    /// Service without a policy. If a policy of ours were only left out, the API server would keep it.
    fn match_families(&mut self, live: Option<&LiveService>) {
        let spec = &mut self.spec;
        if let Some(families) = &mut spec.ip_families {
            families.dedup();
            let most = if is_single(spec.ip_family_policy.as_deref()) {
                1
            } else {
                2
            };
            families.truncate(most);
        }
        if spec.ip_family_policy.is_some() {
            return;
        }
        let has = live.and_then(|live| live.spec.ip_family_policy.as_deref());
        let families = spec.ip_families.as_deref().unwrap_or_default();
        let policy = if families.len() > 1 {
            has.filter(|policy| *policy != IpFamilyPolicy::SingleStack.as_str())
                .or(Some(IpFamilyPolicy::PreferDualStack.as_str()))
        } else {
            live.filter(|live| live.owns.family_policy)
                .map(|_| IpFamilyPolicy::SingleStack.as_str())
        };
        spec.ip_family_policy = policy.map(str::to_owned);
    }

    /// The first family is immutable. A second one can still be added.
    fn keep_families(&mut self, live: &LiveService) -> Option<String> {
        let spec = &mut self.spec;
        let first = |families: &Option<Vec<String>>| families.as_ref()?.first().cloned();
        let wanted = first(&spec.ip_families)?;
        let has = first(&live.spec.ip_families).filter(|has| *has != wanted)?;
        let remark = stays(live, "ipFamilies", &has);
        spec.ip_families.clone_from(&live.spec.ip_families);
        if is_single(spec.ip_family_policy.as_deref()) || spec.ip_family_policy.is_none() {
            spec.ip_family_policy
                .clone_from(&live.spec.ip_family_policy);
        }
        Some(remark)
    }
}

fn is_single(policy: Option<&str>) -> bool {
    policy == Some(IpFamilyPolicy::SingleStack.as_str())
}

fn stays(live: &LiveService, field: &str, has: &str) -> String {
    format!(
        "{field} of Service {name} is immutable and stays {has}: delete the Service, which is then recreated with a new \
         address, or set another adapterServices.nameTemplate",
        name = live.name
    )
}

fn fields(all: &ServiceSettings, own: &ServiceSettings) -> ServiceSpec {
    let ranges = first_set(
        &own.load_balancer_source_ranges,
        &all.load_balancer_source_ranges,
    );
    let families = first_set(&own.ip_families, &all.ip_families);
    let families = families.iter().map(|family| family.as_str().to_owned());
    let class = own.load_balancer_class.as_ref();
    let traffic_policy = own.external_traffic_policy.or(all.external_traffic_policy);
    let family_policy = own.ip_family_policy.or(all.ip_family_policy);
    let affinity = own.session_affinity.or(all.session_affinity);
    ServiceSpec {
        load_balancer_class: class.or(all.load_balancer_class.as_ref()).cloned(),
        load_balancer_source_ranges: (!ranges.is_empty()).then(|| ranges.to_vec()),
        external_traffic_policy: traffic_policy.map(|policy| policy.as_str().to_owned()),
        ip_family_policy: family_policy.map(|policy| policy.as_str().to_owned()),
        ip_families: Some(families.collect::<Vec<_>>()).filter(|families| !families.is_empty()),
        session_affinity: affinity.map(|affinity| affinity.as_str().to_owned()),
        ..ServiceSpec::default()
    }
}

fn first_set<'a, T>(own: &'a [T], all: &'a [T]) -> &'a [T] {
    if own.is_empty() { all } else { own }
}
