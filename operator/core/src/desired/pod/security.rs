//! Security contexts: what the restricted Pod Security Standard requires.

use dittofs_shared::crd::UserPolicy;
use k8s_openapi::api::core::v1::{
    Capabilities, PodSecurityContext, SeccompProfile, SecurityContext,
};

use crate::instance::Instance;

/// User and group of the official image.
const USER: i64 = 65532;

/// Of the pod. The user's fields win, also over a user that is left to the platform.
pub fn of_pod(instance: &Instance) -> PodSecurityContext {
    let user = instance
        .spec
        .pod_security_context
        .clone()
        .unwrap_or_default();
    // A platform that assigns users refuses any other.
    let ours = (instance.spec.pod.user_policy == UserPolicy::Fixed).then_some(USER);
    PodSecurityContext {
        run_as_non_root: user.run_as_non_root.or(Some(true)),
        run_as_user: user.run_as_user.or(ours),
        run_as_group: user.run_as_group.or(ours),
        fs_group: user.fs_group.or(ours),
        // Changing the owner of millions of files would delay every start.
        fs_group_change_policy: user
            .fs_group_change_policy
            .clone()
            .or_else(|| Some("OnRootMismatch".to_owned())),
        seccomp_profile: user
            .seccomp_profile
            .clone()
            .or_else(|| Some(runtime_default())),
        ..user
    }
}

fn runtime_default() -> SeccompProfile {
    SeccompProfile {
        type_: "RuntimeDefault".to_owned(),
        localhost_profile: None,
    }
}

/// Of a container. The user's fields win.
pub fn of_container(user: Option<SecurityContext>) -> SecurityContext {
    let user = user.unwrap_or_default();
    SecurityContext {
        allow_privilege_escalation: user.allow_privilege_escalation.or(Some(false)),
        read_only_root_filesystem: user.read_only_root_filesystem.or(Some(true)),
        run_as_non_root: user.run_as_non_root.or(Some(true)),
        capabilities: user.capabilities.clone().or_else(|| {
            Some(Capabilities {
                drop: Some(vec!["ALL".to_owned()]),
                add: None,
            })
        }),
        seccomp_profile: user
            .seccomp_profile
            .clone()
            .or_else(|| Some(runtime_default())),
        ..user
    }
}
