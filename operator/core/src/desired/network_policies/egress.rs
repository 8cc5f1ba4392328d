//! Where the pod may connect to.

use dittofs_shared::crd::EgressPolicy;
use dittofs_shared::names;
use k8s_openapi::api::networking::v1::{
    NetworkPolicyEgressRule, NetworkPolicyPeer, NetworkPolicyPort,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use std::collections::BTreeMap;

use super::{port, tcp};
use crate::exposure::ports::Protocol;
use crate::instance::Instance;

/// Label with the name of the cluster on every pod of a PerconaPGCluster, including the connection pooler.
const PERCONA_CLUSTER: &str = "postgres-operator.crunchydata.com/cluster";
/// Port of PostgreSQL, and of the connection pooler.
const POSTGRES_PORT: i32 = 5432;

/// What the pod needs, and what the user allows.
pub fn rules(instance: &Instance, settings: &EgressPolicy) -> Vec<NetworkPolicyEgressRule> {
    let api_server = &settings.api_server;
    let mut rules = vec![
        rule(vec![port(53, Protocol::Udp), port(53, Protocol::Tcp)], None),
        rule(
            api_server.ports.iter().map(|number| tcp(*number)).collect(),
            api_server.to.clone(),
        ),
    ];
    if instance.spec.percona().is_some() {
        let cluster = names::percona_cluster(&instance.name);
        let pods = NetworkPolicyPeer {
            pod_selector: Some(LabelSelector {
                match_labels: Some(BTreeMap::from([(PERCONA_CLUSTER.to_owned(), cluster)])),
                ..LabelSelector::default()
            }),
            ..NetworkPolicyPeer::default()
        };
        rules.push(rule(vec![tcp(POSTGRES_PORT)], Some(vec![pods])));
    }
    rules.extend(settings.rules.iter().cloned().map(with_protocols));
    rules
}

/// With the protocol that the API server fills in. Rules are compared whole, so that without it they would never be as
/// desired.
fn with_protocols(mut rule: NetworkPolicyEgressRule) -> NetworkPolicyEgressRule {
    for port in rule.ports.iter_mut().flatten() {
        port.protocol
            .get_or_insert_with(|| Protocol::Tcp.as_str().to_owned());
    }
    rule
}

fn rule(
    ports: Vec<NetworkPolicyPort>,
    to: Option<Vec<NetworkPolicyPeer>>,
) -> NetworkPolicyEgressRule {
    NetworkPolicyEgressRule {
        ports: Some(ports),
        to,
    }
}
