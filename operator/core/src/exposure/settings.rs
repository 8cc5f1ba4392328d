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
            let theirs = live.filter(|live| live.is_load_balancer() && !live.owns_traffic_policy);
            if theirs.is_none() {
                self.spec.external_traffic_policy = Some(TrafficPolicy::Local.as_str().to_owned());
            }
        }
        let Some(live) = live else {
            return Vec::new();
        };
        let class = (r#type == ServiceType::LoadBalancer).then(|| self.keep_class(live));
        let families = self.keep_families(live);
        if live.owns_family_policy {
            self.reset_family_policy();
        }
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

    fn keep_class(&mut self, live: &LiveService) -> Option<String> {
        let spec = &mut self.spec;
        if !live.is_load_balancer() || spec.load_balancer_class == live.spec.load_balancer_class {
            return None;
        }
        let remark = stays(
            live,
            "loadBalancerClass",
            live.spec.load_balancer_class.as_deref().unwrap_or("none"),
        );
        spec.load_balancer_class
            .clone_from(&live.spec.load_balancer_class);
        Some(remark)
    }

    /// If the policy were only left out, the API server would keep the one that the Service has.
    fn reset_family_policy(&mut self) {
        let both = |families: &Vec<String>| families.len() > 1;
        if self.spec.ip_family_policy.is_none() && !self.spec.ip_families.as_ref().is_some_and(both)
        {
            self.spec.ip_family_policy = Some(IpFamilyPolicy::SingleStack.as_str().to_owned());
        }
    }

    fn keep_families(&mut self, live: &LiveService) -> Option<String> {
        let spec = &mut self.spec;
        let first = |families: &Option<Vec<String>>| families.as_ref()?.first().cloned();
        let wanted = first(&spec.ip_families)?;
        let has = first(&live.spec.ip_families).filter(|has| *has != wanted)?;
        let remark = stays(live, "ipFamilies", &has);
        spec.ip_families.clone_from(&live.spec.ip_families);
        spec.ip_family_policy
            .clone_from(&live.spec.ip_family_policy);
        Some(remark)
    }
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
