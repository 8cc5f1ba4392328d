//! NetworkPolicies: nothing reaches the pod but what these open.

use dittofs_shared::{labels, names};
use k8s_openapi::api::networking::v1::{
    NetworkPolicy, NetworkPolicyIngressRule, NetworkPolicyPeer, NetworkPolicyPort,
    NetworkPolicySpec,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::meta::{adapter_metadata, metadata};
use crate::instance::Instance;

/// The policies, in the order in which they are made: ports are opened before the pod is closed.
pub fn all(instance: &Instance) -> Vec<NetworkPolicy> {
    if !instance.spec.network_policy.enabled {
        return Vec::new();
    }
    let mut policies: Vec<_> = instance
        .exposed()
        .map(|(adapter, port)| of_adapter(instance, adapter, port))
        .collect();
    policies.push(baseline(instance));
    policies
}

/// Closes the pod, but for the REST API when that has a Service.
fn baseline(instance: &Instance) -> NetworkPolicy {
    let spec = &instance.spec;
    let api = instance.api_is_exposed().then(|| {
        let peers = spec
            .network_policy
            .api
            .from
            .clone()
            .unwrap_or_else(|| vec![same_namespace()]);
        vec![rule(spec.control_plane.port, Some(peers))]
    });
    policy(
        instance,
        metadata(instance, names::baseline_policy(&instance.name)),
        api,
    )
}

fn of_adapter(instance: &Instance, adapter: &str, port: u16) -> NetworkPolicy {
    let metadata = adapter_metadata(
        instance,
        names::adapter_policy(&instance.name, adapter),
        adapter,
    );
    let peers = instance.spec.network_policy.adapters.from.clone();
    policy(instance, metadata, Some(vec![rule(i32::from(port), peers)]))
}

fn policy(
    instance: &Instance,
    metadata: ObjectMeta,
    ingress: Option<Vec<NetworkPolicyIngressRule>>,
) -> NetworkPolicy {
    NetworkPolicy {
        metadata,
        spec: Some(NetworkPolicySpec {
            pod_selector: Some(LabelSelector {
                match_labels: Some(labels::selector(&instance.name)),
                ..LabelSelector::default()
            }),
            policy_types: Some(vec!["Ingress".to_owned()]),
            // No rule at all must be `None`: the API server drops an empty list, which would look like a difference for ever.
            ingress,
            egress: None,
        }),
    }
}

fn rule(port: i32, from: Option<Vec<NetworkPolicyPeer>>) -> NetworkPolicyIngressRule {
    NetworkPolicyIngressRule {
        from,
        ports: Some(vec![NetworkPolicyPort {
            port: Some(IntOrString::Int(port)),
            protocol: Some("TCP".to_owned()),
            end_port: None,
        }]),
    }
}

/// An empty pod selector means every pod of the policy's own namespace.
fn same_namespace() -> NetworkPolicyPeer {
    NetworkPolicyPeer {
        pod_selector: Some(LabelSelector::default()),
        ..NetworkPolicyPeer::default()
    }
}
