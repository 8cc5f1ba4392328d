//! What the sidecar may do at the API server: exactly two ConfigMaps, and no `create`, which cannot be limited by name.

use dittofs_shared::names;
use k8s_openapi::api::core::v1::ServiceAccount;
use k8s_openapi::api::rbac::v1::{PolicyRule, Role, RoleBinding, RoleRef, Subject};

use super::meta::metadata;
use crate::instance::Instance;

/// The sidecar's account. Its token is projected into the sidecar only.
pub fn service_account(instance: &Instance) -> ServiceAccount {
    ServiceAccount {
        metadata: metadata(instance, names::sidecar(&instance.name)),
        automount_service_account_token: Some(false),
        ..ServiceAccount::default()
    }
}

/// Write the published state, read and watch the settings.
pub fn role(instance: &Instance) -> Role {
    let rule = |verbs: &[&str], name: String| PolicyRule {
        api_groups: Some(vec![String::new()]),
        resources: Some(vec!["configmaps".to_owned()]),
        resource_names: Some(vec![name]),
        verbs: verbs.iter().map(|verb| (*verb).to_owned()).collect(),
        ..PolicyRule::default()
    };
    Role {
        metadata: metadata(instance, names::sidecar(&instance.name)),
        rules: Some(vec![
            rule(&["get", "patch"], names::adapters(&instance.name)),
            rule(&["get", "list", "watch"], names::sidecar(&instance.name)),
        ]),
    }
}

/// Gives the role to the account.
pub fn role_binding(instance: &Instance) -> RoleBinding {
    let name = names::sidecar(&instance.name);
    RoleBinding {
        metadata: metadata(instance, name.clone()),
        role_ref: RoleRef {
            api_group: "rbac.authorization.k8s.io".to_owned(),
            kind: "Role".to_owned(),
            name: name.clone(),
        },
        subjects: Some(vec![Subject {
            kind: "ServiceAccount".to_owned(),
            name,
            namespace: Some(instance.namespace.clone()),
            ..Subject::default()
        }]),
    }
}
