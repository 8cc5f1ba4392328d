//! Policies that are wrong in ways in which ours could be are told apart from right ones.

use crate::{Outcome, ensure};
use dittofs_rig::policy_evaluator::PolicyEvaluator;
use k8s_openapi::api::networking::v1::{
    NetworkPolicy, NetworkPolicyIngressRule, NetworkPolicySpec,
};

use super::{judged, policies};
use crate::case::Case;

type Spoil = fn(&mut Vec<NetworkPolicy>);

pub fn is_noticed(evaluator: &PolicyEvaluator) -> Outcome {
    let cases = Case::all();
    let case = cases.iter().find(|case| case.name == "adapters-from-peers");
    let case = case.ok_or("there is no case adapters-from-peers")?;
    let right = policies(case)?;
    let expected = judged(case, right.clone(), evaluator)?;
    let wrong: [(&str, Spoil); 7] = [
        ("no policies", Vec::clear),
        ("nothing for an adapter", |policies| {
            policies.remove(0);
        }),
        ("open to everybody", |policies| rule(policies).from = None),
        ("open on all ports", |policies| rule(policies).ports = None),
        ("open to those excepted", |policies| {
            forget_exceptions(policies);
        }),
        ("closed the other way", |policies| {
            let types = &mut spec(&mut policies[0]).policy_types;
            types.get_or_insert_default().push("Egress".to_owned());
        }),
        ("of another pod", |policies| {
            select_another(policies);
        }),
    ];
    for (what, spoil) in wrong {
        let mut policies = right.clone();
        spoil(&mut policies);
        let actual = judged(case, policies, evaluator)?;
        ensure!(actual != expected, "{what}: and nothing is noticed");
    }
    Ok(())
}

fn forget_exceptions(policies: &mut [NetworkPolicy]) {
    for peer in rule(policies).from.iter_mut().flatten() {
        if let Some(block) = &mut peer.ip_block {
            block.except = None;
        }
    }
}

fn select_another(policies: &mut [NetworkPolicy]) {
    for policy in policies {
        let selector = spec(policy).pod_selector.get_or_insert_default();
        let labels = selector.match_labels.get_or_insert_default();
        labels.insert("instance".to_owned(), "other".to_owned());
    }
}

fn rule(policies: &mut [NetworkPolicy]) -> &mut NetworkPolicyIngressRule {
    &mut spec(&mut policies[0]).ingress.as_mut().unwrap()[0]
}

fn spec(policy: &mut NetworkPolicy) -> &mut NetworkPolicySpec {
    policy.spec.as_mut().unwrap()
}
