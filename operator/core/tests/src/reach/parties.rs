//! Who tries to connect, and whom a peer of a NetworkPolicy means.

use dittofs_rig::policy_evaluator::{self, PodIdentity};
use k8s_openapi::api::networking::v1::{IPBlock, NetworkPolicyPeer};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use std::collections::BTreeMap;
use std::net::IpAddr;

use super::asked::Opening;

/// The label that every namespace has.
const NAMESPACE_NAME: &str = "kubernetes.io/metadata.name";
/// In none of the ranges that anybody would name, see RFC 5737.
const OUTSIDE: &str = "203.0.113.9";

/// Somebody, with a name for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Party {
    pub name: String,
    pub party: policy_evaluator::Party,
}

impl Party {
    pub fn pod(name: impl Into<String>, pod: PodIdentity, number: usize) -> Self {
        Self {
            name: name.into(),
            party: policy_evaluator::Party {
                pod: Some(pod),
                // RFC 2544: in nobody's range either.
                address: format!("198.18.0.{number}"),
            },
        }
    }

    fn address(address: impl Into<String>) -> Self {
        let address = address.into();
        Self {
            name: address.clone(),
            party: policy_evaluator::Party { pod: None, address },
        }
    }
}

pub fn own_labels(namespace: &str) -> BTreeMap<String, String> {
    [(NAMESPACE_NAME.to_owned(), namespace.to_owned())].into()
}

/// Everybody whom it is interesting to try: those who are always there, then for each peer that the openings name
/// somebody whom it means and somebody whom it only just does not.
pub fn all<'a>(
    own: &str,
    openings: impl Iterator<Item = &'a Opening>,
    with_dns: bool,
) -> Vec<Party> {
    let mut cast = Cast {
        own,
        parties: Vec::new(),
    };
    let nobody = BTreeMap::new();
    cast.pod(&nobody, own, &own_labels(own));
    cast.pod(&nobody, "elsewhere", &own_labels("elsewhere"));
    cast.push(Party::address(OUTSIDE));
    if with_dns {
        let dns = [("k8s-app".to_owned(), "kube-dns".to_owned())].into();
        cast.pod(&dns, "kube-system", &own_labels("kube-system"));
    }
    for peer in openings.flat_map(|opening| opening.peers.iter().flatten()) {
        cast.around(peer);
    }
    cast.parties
}

struct Cast<'a> {
    own: &'a str,
    parties: Vec<Party>,
}

impl Cast<'_> {
    fn push(&mut self, party: Party) {
        if self.parties.iter().all(|known| known.name != party.name) {
            self.parties.push(party);
        }
    }

    fn pod(
        &mut self,
        labels: &BTreeMap<String, String>,
        namespace: &str,
        namespace_labels: &BTreeMap<String, String>,
    ) {
        let mut name = "a pod".to_owned();
        if !labels.is_empty() {
            name = format!("{name} with {}", words(labels));
        }
        name = format!("{name} in {namespace}");
        let mut shown = namespace_labels.clone();
        shown.remove(NAMESPACE_NAME);
        if !shown.is_empty() {
            name = format!("{name} ({})", words(&shown));
        }
        let pod = PodIdentity {
            namespace: namespace.to_owned(),
            namespace_labels: namespace_labels.clone(),
            pod_labels: labels.clone(),
        };
        let number = 20 + self.parties.len();
        self.push(Party::pod(name, pod, number));
    }

    fn around(&mut self, peer: &NetworkPolicyPeer) {
        if let Some(block) = &peer.ip_block {
            for range in [&block.cidr]
                .into_iter()
                .chain(block.except.iter().flatten())
            {
                self.push(Party::address(within(range)));
            }
            return;
        }
        let labels = peer.pod_selector.as_ref().map(meant).unwrap_or_default();
        let (namespace, namespace_labels) = match &peer.namespace_selector {
            None => (self.own.to_owned(), own_labels(self.own)),
            Some(selector) => {
                let mut wanted = meant(selector);
                let named = wanted.get(NAMESPACE_NAME).cloned();
                let name = named.unwrap_or_else(|| "selected".to_owned());
                wanted.insert(NAMESPACE_NAME.to_owned(), name.clone());
                (name, wanted)
            }
        };
        self.pod(&labels, &namespace, &namespace_labels);
        self.pod(&labels, "elsewhere", &own_labels("elsewhere"));
        self.pod(&BTreeMap::new(), &namespace, &namespace_labels);
    }
}

fn words(labels: &BTreeMap<String, String>) -> String {
    let words = labels.iter().map(|(key, value)| format!("{key}={value}"));
    words.collect::<Vec<_>>().join(" ")
}

/// Labels that a selector selects.
fn meant(selector: &LabelSelector) -> BTreeMap<String, String> {
    let mut labels = selector.match_labels.clone().unwrap_or_default();
    for expression in selector.match_expressions.iter().flatten() {
        let first = expression.values.iter().flatten().next().cloned();
        let value = match expression.operator.as_str() {
            "In" => first.unwrap_or_default(),
            "Exists" => "any".to_owned(),
            _ => continue,
        };
        labels.insert(expression.key.clone(), value);
    }
    labels
}

/// Whether a peer means this party. An address range means pods, too.
pub fn selects(peer: &NetworkPolicyPeer, party: &Party, own: &str) -> bool {
    if let Some(block) = &peer.ip_block {
        return includes(block, &party.party.address);
    }
    let Some(pod) = &party.party.pod else {
        return false;
    };
    let namespace = match &peer.namespace_selector {
        None => pod.namespace == own,
        Some(selector) => fits(selector, &pod.namespace_labels),
    };
    let selector = peer.pod_selector.as_ref();
    namespace && selector.is_none_or(|selector| fits(selector, &pod.pod_labels))
}

fn fits(selector: &LabelSelector, labels: &BTreeMap<String, String>) -> bool {
    let mut wanted = selector.match_labels.iter().flatten();
    let mut expressions = selector.match_expressions.iter().flatten();
    wanted.all(|(key, value)| labels.get(key) == Some(value))
        && expressions.all(|expression| {
            let has = labels.get(&expression.key);
            let among = |value| expression.values.iter().flatten().any(|one| one == value);
            match expression.operator.as_str() {
                "In" => has.is_some_and(among),
                "NotIn" => !has.is_some_and(among),
                "Exists" => has.is_some(),
                "DoesNotExist" => has.is_none(),
                other => panic!("{other} is no operator of selectors"),
            }
        })
}

fn includes(block: &IPBlock, address: &str) -> bool {
    let mut except = block.except.iter().flatten();
    lies_in(address, &block.cidr) && !except.any(|range| lies_in(address, range))
}

fn lies_in(address: &str, range: &str) -> bool {
    let ((base, length), width) = parsed(range);
    let (address, own_width) = bits(address.parse().unwrap());
    // What is left of the range's length. Rust does not shift by all 128 bits.
    let distinct = (address ^ base).checked_shr(width - length).unwrap_or(0);
    width == own_width && distinct == 0
}

/// An address of a range, and not its first one where it has more.
fn within(range: &str) -> String {
    let ((base, length), width) = parsed(range);
    let host = base | u128::from(width > length);
    match width {
        32 => IpAddr::V4(u32::try_from(host).unwrap().into()).to_string(),
        _ => IpAddr::V6(host.into()).to_string(),
    }
}

fn parsed(range: &str) -> ((u128, u32), u32) {
    let (base, length) = range.split_once('/').expect("a range has a length");
    let (base, width) = bits(base.parse().expect("a range begins with an address"));
    ((base, length.parse().expect("a length is a number")), width)
}

fn bits(address: IpAddr) -> (u128, u32) {
    match address {
        IpAddr::V4(address) => (u32::from(address).into(), 32),
        IpAddr::V6(address) => (address.into(), 128),
    }
}
