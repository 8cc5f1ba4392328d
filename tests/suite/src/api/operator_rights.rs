//! What the operator may do: what it does, and not more.

use dittofs_rig::installation::{NAMESPACE, OPERATOR};
use dittofs_suite::world::Scene;
use dittofs_suite::{Outcome, ensure};
use k8s_openapi::api::rbac::v1::{
    ClusterRole, ClusterRoleBinding, PolicyRule, Role, RoleBinding, Subject,
};
use kube::api::ListParams;
use kube::{Api, ResourceExt};

use super::rights::answers;

const MAY: [&str; 36] = [
    "list dittoservers.dittofs.dittofs.com - -",
    "watch dittoservers.dittofs.dittofs.com - -",
    "patch dittoservers/status.dittofs.dittofs.com own files",
    "get secrets own files-jwt-secret",
    "create secrets own -",
    "patch configmaps own files-config-0123456789ab",
    "delete configmaps own files-config-0123456789ab",
    "watch configmaps - -",
    "patch services own files-smb",
    "delete services own files-smb",
    "patch networkpolicies.networking.k8s.io own files-smb",
    "delete networkpolicies.networking.k8s.io own files-smb",
    "patch poddisruptionbudgets.policy own files",
    "delete poddisruptionbudgets.policy own files",
    "patch statefulsets.apps own files",
    "delete statefulsets.apps own files",
    "watch persistentvolumeclaims - -",
    "patch persistentvolumeclaims own metadata-files-0",
    "delete pods own files-0",
    "patch pods own files-0",
    "watch pods - -",
    "patch roles.rbac.authorization.k8s.io own files-sidecar",
    "patch serviceaccounts own files-sidecar",
    "create events.events.k8s.io own -",
    "list events.events.k8s.io own -",
    "list customresourcedefinitions.apiextensions.k8s.io - perconapgclusters.pgv2.percona.com",
    "watch customresourcedefinitions.apiextensions.k8s.io - tcproutes.gateway.networking.k8s.io",
    "watch perconapgclusters.pgv2.percona.com - -",
    "patch perconapgclusters.pgv2.percona.com own files-postgres",
    "delete servicemonitors.monitoring.coreos.com own files-metrics",
    "patch tcproutes.gateway.networking.k8s.io own files-nfs",
    "delete udproutes.gateway.networking.k8s.io own files-nfs",
    "get leases.coordination.k8s.io dittofs-system dittofs-operator",
    "watch leases.coordination.k8s.io dittofs-system dittofs-operator",
    "update leases.coordination.k8s.io dittofs-system dittofs-operator",
    "update leases.coordination.k8s.io dittofs-system dittofs-operator-0123abcd",
];

const MAY_NOT: [&str; 51] = [
    "watch events.events.k8s.io own -",
    "delete events.events.k8s.io own -",
    "list events own -",
    "list secrets - -",
    "watch secrets - -",
    "list secrets own -",
    "update secrets own files-jwt-secret",
    "patch secrets own files-jwt-secret",
    "delete secrets own files-jwt-secret",
    "create pods own -",
    "update pods own files-0",
    "create pods/exec own files-0",
    "create pods/attach own files-0",
    "create pods/portforward own files-0",
    "get pods/log own files-0",
    "get pods/proxy own files-0",
    "get services/proxy own files-api",
    "create dittoservers.dittofs.dittofs.com own -",
    "patch dittoservers.dittofs.dittofs.com own files",
    "update dittoservers.dittofs.dittofs.com own files",
    "delete dittoservers.dittofs.dittofs.com own files",
    "create deployments.apps own -",
    "deletecollection configmaps own -",
    "update configmaps own files-config-0123456789ab",
    "delete persistentvolumeclaims own metadata-files-0",
    "create persistentvolumeclaims own -",
    "update persistentvolumeclaims own metadata-files-0",
    "delete serviceaccounts own files-sidecar",
    "create serviceaccounts/token own files-sidecar",
    "impersonate serviceaccounts own files-sidecar",
    "impersonate users - admin",
    "escalate roles.rbac.authorization.k8s.io own files-sidecar",
    "bind roles.rbac.authorization.k8s.io own files-sidecar",
    "escalate clusterroles.rbac.authorization.k8s.io - -",
    "bind clusterroles.rbac.authorization.k8s.io - cluster-admin",
    "create clusterrolebindings.rbac.authorization.k8s.io - -",
    "delete roles.rbac.authorization.k8s.io own files-sidecar",
    "get nodes - -",
    "list namespaces - -",
    "delete namespaces - default",
    "patch customresourcedefinitions.apiextensions.k8s.io - dittoservers.dittofs.dittofs.com",
    "list customresourcedefinitions.apiextensions.k8s.io - -",
    "watch customresourcedefinitions.apiextensions.k8s.io - dittoservers.dittofs.dittofs.com",
    "patch customresourcedefinitions.apiextensions.k8s.io - tcproutes.gateway.networking.k8s.io",
    "delete perconapgclusters.pgv2.percona.com own files-postgres",
    "patch gateways.gateway.networking.k8s.io own gateway",
    "get prometheuses.monitoring.coreos.com own main",
    "deletecollection services own -",
    "update leases.coordination.k8s.io kube-system kube-scheduler",
    "delete leases.coordination.k8s.io dittofs-system dittofs-operator",
    "create validatingwebhookconfigurations.admissionregistration.k8s.io - -",
];

pub async fn the_operator_may_do_its_work_and_not_more(scene: Scene) -> Outcome {
    let account = (NAMESPACE, OPERATOR);
    answers(&scene, account, true, &MAY).await?;
    answers(&scene, account, false, &MAY_NOT).await
}

fn is_ours(subjects: Option<&[Subject]>) -> bool {
    let ours = |subject: &Subject| subject.kind == "ServiceAccount" && subject.name == OPERATOR;
    subjects.unwrap_or_default().iter().any(ours)
}

fn is_too_much(rule: &PolicyRule) -> bool {
    let wild = |words: &Option<Vec<String>>| words.iter().flatten().any(|word| word.contains('*'));
    let verbs = ["*", "escalate", "bind", "impersonate", "deletecollection"];
    wild(&rule.api_groups)
        || wild(&rule.resources)
        || rule.non_resource_urls.is_some()
        || rule.verbs.iter().any(|verb| verbs.contains(&verb.as_str()))
        || rule
            .resources
            .iter()
            .flatten()
            .any(|resource| resource.contains("exec"))
}

pub async fn no_rule_of_the_operator_has_a_wildcard(scene: Scene) -> Outcome {
    let client = &scene.client;
    let all = ListParams::default();
    let bindings = Api::<ClusterRoleBinding>::all(client.clone())
        .list(&all)
        .await?;
    let roles = bindings
        .items
        .into_iter()
        .filter(|binding| is_ours(binding.subjects.as_deref()));
    let mut seen = Vec::new();
    for binding in roles {
        let role = Api::<ClusterRole>::all(client.clone())
            .get(&binding.role_ref.name)
            .await?;
        ensure!(
            role.aggregation_rule.is_none(),
            "{} is aggregated",
            role.name_any()
        );
        seen.extend(role.rules.unwrap_or_default());
    }
    let bindings = Api::<RoleBinding>::all(client.clone()).list(&all).await?;
    for binding in bindings
        .items
        .into_iter()
        .filter(|binding| is_ours(binding.subjects.as_deref()))
    {
        let namespace = binding.namespace().unwrap_or_default();
        ensure!(namespace == NAMESPACE, "it is bound in {namespace}");
        let role = Api::<Role>::namespaced(client.clone(), &namespace)
            .get(&binding.role_ref.name)
            .await?;
        seen.extend(role.rules.unwrap_or_default());
    }
    let too_much: Vec<_> = seen.iter().filter(|rule| is_too_much(rule)).collect();
    ensure!(
        !seen.is_empty() && too_much.is_empty(),
        "{too_much:#?} of {} rules",
        seen.len()
    );
    Ok(())
}
