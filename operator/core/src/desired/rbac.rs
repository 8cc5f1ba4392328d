//! Access of the sidecar to the API server: exactly two ConfigMaps, without `create`, which cannot be limited by
//! name. And one Secret, while a reset of the administrator's password to the value in it is requested.

use dittofs_shared::names;
use k8s_openapi::api::core::v1::ServiceAccount;
use k8s_openapi::api::rbac::v1::{PolicyRule, Role, RoleBinding, RoleRef, Subject};

use super::meta::metadata;
use crate::instance::Instance;

/// Name of the ServiceAccount of the pod.
pub fn account(instance: &Instance) -> String {
    let own = instance.spec.pod.service_account_name.clone();
    own.unwrap_or_else(|| names::sidecar(&instance.name))
}

/// The ServiceAccount, unless the user names one. Its token is projected into the sidecar only.
pub fn service_account(instance: &Instance) -> Option<ServiceAccount> {
    let settings = &instance.spec.pod;
    if settings.service_account_name.is_some() {
        return None;
    }
    let mut metadata = metadata(instance, names::sidecar(&instance.name));
    if !settings.service_account_annotations.is_empty() {
        metadata.annotations = Some(settings.service_account_annotations.clone());
    }
    Some(ServiceAccount {
        metadata,
        automount_service_account_token: Some(false),
        ..ServiceAccount::default()
    })
}

/// Write the published state, read and watch the settings.
pub fn role(instance: &Instance) -> Role {
    let rule = |verbs: &[&str], resource: &str, name: String| PolicyRule {
        api_groups: Some(vec![String::new()]),
        resources: Some(vec![resource.to_owned()]),
        resource_names: Some(vec![name]),
        verbs: verbs.iter().map(|verb| (*verb).to_owned()).collect(),
        ..PolicyRule::default()
    };
    let config_maps = [
        rule(
            &["get", "patch"],
            "configmaps",
            names::adapters(&instance.name),
        ),
        rule(
            &["list", "watch"],
            "configmaps",
            names::sidecar(&instance.name),
        ),
    ];
    let reset = instance.api_access.reset.for_sidecar();
    let password = reset.map(|reset| rule(&["get"], "secrets", reset.secret));
    Role {
        metadata: metadata(instance, names::sidecar(&instance.name)),
        rules: Some(config_maps.into_iter().chain(password).collect()),
    }
}

/// Binds the role to the ServiceAccount and, until the pod is next recreated, to the one that it still runs with. Any
/// other loses it.
pub fn role_binding(instance: &Instance) -> RoleBinding {
    let name = names::sidecar(&instance.name);
    let own = account(instance);
    let running = instance.running_account.clone();
    let running = running.filter(|running| *running != own);
    let accounts: Vec<_> = std::iter::once(own).chain(running).collect();
    RoleBinding {
        metadata: metadata(instance, name.clone()),
        role_ref: RoleRef {
            api_group: "rbac.authorization.k8s.io".to_owned(),
            kind: "Role".to_owned(),
            name,
        },
        subjects: Some(
            accounts
                .into_iter()
                .map(|account| Subject {
                    kind: "ServiceAccount".to_owned(),
                    name: account,
                    namespace: Some(instance.namespace.clone()),
                    ..Subject::default()
                })
                .collect(),
        ),
    }
}
