//! Rules of the Services of the adapters.

use kube::core::Rule;

use super::none_is_set;

/// What an override can set while one Service exposes all adapters: what belongs to a single port of it.
const PER_PORT: [&str; 4] = ["port", "nodePort", "discoveryPorts", "parentRefs"];

/// What an override cannot set then, because the Service has it once.
const PER_SERVICE: [&str; 10] = [
    "type",
    "loadBalancerClass",
    "externalTrafficPolicy",
    "ipFamilyPolicy",
    "sessionAffinity",
    "loadBalancerSourceRanges",
    "ipFamilies",
    "annotations",
    "labels",
    "serviceTemplate",
];

/// Fields of a Service that its template cannot set: the operator needs them as they are.
const NOT_IN_TEMPLATES: [&str; 6] = [
    "selector",
    "type",
    "clusterIP",
    "clusterIPs",
    "externalName",
    "publishNotReadyAddresses",
];

/// A Service of type ClusterIP has no node ports.
pub(in crate::crd) fn node_ports_need_a_type_with_them() -> Rule {
    let own = "self.overrides[a]";
    Rule::new(format!(
        "!has(self.overrides) || self.overrides.all(a, !has({own}.nodePort) || (has({own}.type) ? {own}.type : self.type) != 'ClusterIP')"
    ))
    .message("adapterServices.overrides: nodePort requires a Service of type NodePort or LoadBalancer")
}

/// No other type has a class.
pub(in crate::crd) fn load_balancer_class_needs_a_load_balancer() -> Rule {
    let own = "self.overrides[a]";
    Rule::new(format!(
        "!has(self.loadBalancerClass) || self.type == 'LoadBalancer' || (has(self.overrides) && self.overrides.exists(a, \
         has({own}.type) && {own}.type == 'LoadBalancer'))"
    ))
    .message("adapterServices.loadBalancerClass requires a Service of type LoadBalancer")
}

/// One Service has one type, one set of annotations and so on.
pub(in crate::crd) fn shared_service_has_one_of_each() -> Rule {
    let none = none_is_set("self.overrides[a]", &PER_SERVICE);
    Rule::new(format!(
        "self.mode != 'Shared' || !has(self.overrides) || self.overrides.all(a, {none})"
    ))
    .message(&*format!(
        "adapterServices.mode Shared creates one Service for all adapters: overrides can only set {}",
        in_words(&PER_PORT)
    ))
}

/// Fields that the operator manages.
pub(in crate::crd) fn template_leaves_ours_alone() -> Rule {
    Rule::new(none_is_set("self", &NOT_IN_TEMPLATES))
        .message(&*format!("cannot set {}", in_words(&NOT_IN_TEMPLATES)))
}

/// Address ranges in the notation of CIDR.
pub(in crate::crd) fn all_are_address_ranges() -> Rule {
    Rule::new("self.all(range, isCIDR(range))")
        .message("must be address ranges such as 192.0.2.0/24")
}

/// A Service has a port once.
pub(in crate::crd) fn no_port_twice() -> Rule {
    Rule::new("self.all(p, self.exists_one(q, q == p))").message("must not list a port twice")
}

/// `a, b and c`.
fn in_words(fields: &[&str]) -> String {
    match fields.split_last() {
        Some((last, others)) if !others.is_empty() => format!("{} and {last}", others.join(", ")),
        _ => fields.concat(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crd::AdapterOverride;
    use std::collections::BTreeSet;

    #[test]
    fn every_field_of_an_override_belongs_to_the_port_or_to_the_service() {
        let schema = schemars::schema_for!(AdapterOverride);
        let fields = schema.as_value()["properties"].as_object().unwrap();
        let known: BTreeSet<_> = PER_PORT.into_iter().chain(PER_SERVICE).collect();
        assert_eq!(
            fields.keys().map(String::as_str).collect::<BTreeSet<_>>(),
            known
        );
        assert_eq!(known.len(), PER_PORT.len() + PER_SERVICE.len());
    }

    #[test]
    fn lists_are_read_aloud() {
        assert_eq!(in_words(&["a"]), "a");
        assert_eq!(in_words(&["a", "b"]), "a and b");
        assert_eq!(in_words(&["a", "b", "c"]), "a, b and c");
    }
}
