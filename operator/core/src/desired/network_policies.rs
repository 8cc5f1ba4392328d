//! NetworkPolicies: the pod accepts only the connections that these allow.

mod egress;

use dittofs_shared::{AdapterType, labels, names};
use k8s_openapi::api::networking::v1::{
    NetworkPolicy, NetworkPolicyIngressRule, NetworkPolicyPeer, NetworkPolicyPort,
    NetworkPolicySpec,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use std::collections::BTreeSet;

use super::meta::{adapter_metadata, metadata};
use crate::exposure::ports::{Opening, Protocol};
use crate::instance::Instance;

/// The policies in the order of their creation: ports are opened before the pod is closed. Adapters that keep their
/// Service have one, too: it may be missing, and the baseline would cut off their clients.
pub fn all(instance: &Instance) -> Vec<NetworkPolicy> {
    if instance.spec.network_policies().is_none() {
        return Vec::new();
    }
    let openings = instance.exposure.openings.iter();
    let mut policies: Vec<_> = openings
        .map(|(adapter, openings)| of_adapter(instance, *adapter, openings))
        .collect();
    policies.push(baseline(instance));
    policies
}

/// Closes the pod, except for the REST API while that has a Service, and for the metrics while they are enabled.
fn baseline(instance: &Instance) -> NetworkPolicy {
    let spec = &instance.spec;
    let mut ingress = Vec::new();
    if instance.api_is_exposed() {
        let peers = spec.network_policy.api.from.clone();
        let peers = peers.unwrap_or_else(|| vec![same_namespace()]);
        ingress.push(rule(vec![tcp(spec.control_plane.port)], Some(peers)));
    }
    if let Some(metrics) = spec.metrics() {
        let peers = spec.network_policy.metrics.from.clone();
        let peers = peers.unwrap_or_else(|| vec![every_namespace()]);
        ingress.push(rule(vec![tcp(metrics.port)], Some(peers)));
    }
    let name = names::baseline_policy(&instance.name);
    let mut policy = policy(instance, metadata(instance, name), ingress);
    if let (Some(settings), Some(spec)) = (&spec.network_policy.egress, &mut policy.spec) {
        let types = spec.policy_types.get_or_insert_default();
        types.push("Egress".to_owned());
        spec.egress = Some(egress::rules(instance, settings));
    }
    policy
}

fn of_adapter(
    instance: &Instance,
    adapter: AdapterType,
    openings: &BTreeSet<Opening>,
) -> NetworkPolicy {
    let name = names::adapter_policy(&instance.name, adapter.name());
    let metadata = adapter_metadata(instance, name, adapter.name());
    let peers = &instance.spec.network_policy.adapters;
    let peers = match peers.overrides.get(adapter.name()) {
        Some(own) => own.from.clone(),
        None => peers.from.clone(),
    };
    let ports = openings
        .iter()
        .map(|opening| port(opening.port.into(), opening.protocol));
    policy(instance, metadata, vec![rule(ports.collect(), peers)])
}

fn policy(
    instance: &Instance,
    metadata: ObjectMeta,
    ingress: Vec<NetworkPolicyIngressRule>,
) -> NetworkPolicy {
    NetworkPolicy {
        metadata,
        spec: Some(NetworkPolicySpec {
            pod_selector: Some(LabelSelector {
                match_labels: Some(labels::selector(&instance.name)),
                ..LabelSelector::default()
            }),
            policy_types: Some(vec!["Ingress".to_owned()]),
            // The API server omits empty lists.
            ingress: (!ingress.is_empty()).then_some(ingress),
            egress: None,
        }),
    }
}

fn rule(
    ports: Vec<NetworkPolicyPort>,
    from: Option<Vec<NetworkPolicyPeer>>,
) -> NetworkPolicyIngressRule {
    NetworkPolicyIngressRule {
        from,
        ports: Some(ports),
    }
}

fn tcp(number: i32) -> NetworkPolicyPort {
    port(number, Protocol::Tcp)
}

fn port(number: i32, protocol: Protocol) -> NetworkPolicyPort {
    NetworkPolicyPort {
        port: Some(IntOrString::Int(number)),
        protocol: Some(protocol.as_str().to_owned()),
        end_port: None,
    }
}

/// An empty pod selector means every pod of the policy's own namespace.
fn same_namespace() -> NetworkPolicyPeer {
    NetworkPolicyPeer {
        pod_selector: Some(LabelSelector::default()),
        ..NetworkPolicyPeer::default()
    }
}

/// An empty namespace selector means every pod of the cluster.
fn every_namespace() -> NetworkPolicyPeer {
    NetworkPolicyPeer {
        namespace_selector: Some(LabelSelector::default()),
        ..NetworkPolicyPeer::default()
    }
}
