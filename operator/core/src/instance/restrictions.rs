//! Pure: what administrators of the operator forbid in the spec.
//!
//! Whoever may create a `DittoServer` may run a pod. These restrictions take away from that pod what leads out of it.

use dittofs_shared::crd::{DittoServerSpec, PodSettings};
use k8s_openapi::api::core::v1::{
    AppArmorProfile, PodSecurityContext, SELinuxOptions, SeccompProfile, SecurityContext, Volume,
    WindowsSecurityContextOptions,
};
use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

/// What can be forbidden.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Restriction {
    /// Another ServiceAccount than that of the operator, and annotations of that one, which can stand for rights
    /// outside of the cluster.
    ServiceAccount,
    /// Volumes with a path of the node.
    HostPath,
    /// Volumes with a token of the ServiceAccount.
    ProjectedToken,
    /// Whatever the restricted Pod Security Standard forbids in security contexts.
    Privileged,
}

/// Whatever can be forbidden.
pub const ALL: [Restriction; 4] = [
    Restriction::ServiceAccount,
    Restriction::HostPath,
    Restriction::ProjectedToken,
    Restriction::Privileged,
];

impl Restriction {
    /// As in the arguments of the operator.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ServiceAccount => "service-account",
            Self::HostPath => "host-path",
            Self::ProjectedToken => "projected-token",
            Self::Privileged => "privileged",
        }
    }

    /// The field that is forbidden, if it is set.
    fn field(self, spec: &DittoServerSpec) -> Option<String> {
        let pod = &spec.pod;
        match self {
            Self::ServiceAccount if pod.service_account_name.is_some() => {
                Some("pod.serviceAccountName".to_owned())
            }
            Self::ServiceAccount if !pod.service_account_annotations.is_empty() => {
                Some("pod.serviceAccountAnnotations".to_owned())
            }
            Self::ServiceAccount => None,
            Self::HostPath => volume(&pod.volumes, |volume| volume.host_path.is_some()),
            Self::ProjectedToken => volume(&pod.volumes, has_token),
            Self::Privileged => privileged(spec),
        }
    }
}

impl fmt::Display for Restriction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// There is no such restriction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be service-account, host-path, projected-token or privileged")]
pub struct UnknownRestriction;

impl FromStr for Restriction {
    type Err = UnknownRestriction;

    fn from_str(text: &str) -> Result<Self, UnknownRestriction> {
        let mut all = ALL.into_iter();
        all.find(|known| known.as_str() == text)
            .ok_or(UnknownRestriction)
    }
}

/// The first field that is forbidden, and by what.
pub(super) fn violated(
    spec: &DittoServerSpec,
    forbidden: &BTreeSet<Restriction>,
) -> Option<(String, Restriction)> {
    let mut forbidden = forbidden.iter();
    forbidden.find_map(|restriction| Some((restriction.field(spec)?, *restriction)))
}

/// Without what takes effect even while the server is left unchanged: the account of the sidecar.
pub(super) fn restricted(
    mut spec: DittoServerSpec,
    forbidden: &BTreeSet<Restriction>,
) -> DittoServerSpec {
    if forbidden.contains(&Restriction::ServiceAccount) {
        spec.pod.service_account_name = None;
        spec.pod.service_account_annotations.clear();
    }
    spec
}

fn volume(volumes: &[Volume], is_forbidden: impl Fn(&Volume) -> bool) -> Option<String> {
    let found = volumes.iter().find(|volume| is_forbidden(volume))?;
    Some(format!("pod.volumes: volume {:?}", found.name))
}

fn has_token(volume: &Volume) -> bool {
    let sources = volume
        .projected
        .as_ref()
        .and_then(|all| all.sources.as_ref());
    let mut sources = sources.into_iter().flatten();
    sources.any(|source| source.service_account_token.is_some())
}

fn privileged(spec: &DittoServerSpec) -> Option<String> {
    let container = spec.security_context.as_ref().and_then(of_container);
    let container = container.map(|field| format!("securityContext.{field}"));
    let pod = || spec.pod_security_context.as_ref().and_then(of_pod);
    let annotations = || {
        has_app_armor_annotation(&spec.pod).then(|| "pod.annotations: AppArmor profile".to_owned())
    };
    container
        .or_else(|| pod().map(|field| format!("podSecurityContext.{field}")))
        .or_else(annotations)
}

fn of_container(context: &SecurityContext) -> Option<&'static str> {
    let capabilities = context.capabilities.as_ref();
    let added = capabilities.and_then(|capabilities| capabilities.add.as_ref());
    let dropped = capabilities.map(|capabilities| capabilities.drop.iter().flatten());
    let keeps_some = dropped.is_some_and(|mut dropped| !dropped.any(|one| one == "ALL"));
    let adds_some = added
        .into_iter()
        .flatten()
        .any(|one| one != "NET_BIND_SERVICE");
    let checks = [
        ("privileged", context.privileged == Some(true)),
        (
            "allowPrivilegeEscalation",
            context.allow_privilege_escalation == Some(true),
        ),
        ("capabilities", adds_some || keeps_some),
        (
            "procMount",
            is_other(context.proc_mount.as_deref(), &["Default"]),
        ),
    ];
    let both = Both {
        user: context.run_as_user,
        non_root: context.run_as_non_root,
        seccomp: context.seccomp_profile.as_ref(),
        app_armor: context.app_armor_profile.as_ref(),
        se_linux: context.se_linux_options.as_ref(),
        windows: context.windows_options.as_ref(),
    };
    first(&checks).or_else(|| both.violated())
}

fn of_pod(context: &PodSecurityContext) -> Option<&'static str> {
    let sysctls = context.sysctls.as_ref();
    let checks = [("sysctls", sysctls.is_some_and(|all| !all.is_empty()))];
    let both = Both {
        user: context.run_as_user,
        non_root: context.run_as_non_root,
        seccomp: context.seccomp_profile.as_ref(),
        app_armor: context.app_armor_profile.as_ref(),
        se_linux: context.se_linux_options.as_ref(),
        windows: context.windows_options.as_ref(),
    };
    first(&checks).or_else(|| both.violated())
}

/// What the security contexts of a pod and of a container both have.
struct Both<'a> {
    user: Option<i64>,
    non_root: Option<bool>,
    seccomp: Option<&'a SeccompProfile>,
    app_armor: Option<&'a AppArmorProfile>,
    se_linux: Option<&'a SELinuxOptions>,
    windows: Option<&'a WindowsSecurityContextOptions>,
}

impl Both<'_> {
    fn violated(&self) -> Option<&'static str> {
        const PROFILES: [&str; 2] = ["RuntimeDefault", "Localhost"];
        let seccomp = self.seccomp.map(|profile| profile.type_.as_str());
        let app_armor = self.app_armor.map(|profile| profile.type_.as_str());
        first(&[
            ("runAsUser", self.user == Some(0)),
            ("runAsNonRoot", self.non_root == Some(false)),
            ("seccompProfile", is_other(seccomp, &PROFILES)),
            ("appArmorProfile", is_other(app_armor, &PROFILES)),
            ("seLinuxOptions", self.se_linux.is_some_and(is_unconfined)),
            (
                "windowsOptions.hostProcess",
                self.windows
                    .is_some_and(|windows| windows.host_process == Some(true)),
            ),
        ])
    }
}

/// As the Pod Security Standards have it.
fn is_unconfined(options: &SELinuxOptions) -> bool {
    const TYPES: [&str; 5] = [
        "",
        "container_t",
        "container_init_t",
        "container_kvm_t",
        "container_engine_t",
    ];
    is_other(options.user.as_deref(), &[""])
        || is_other(options.role.as_deref(), &[""])
        || is_other(options.type_.as_deref(), &TYPES)
}

/// The API server takes this annotation for the AppArmor profile of a container that has none.
fn has_app_armor_annotation(pod: &PodSettings) -> bool {
    let mut names = pod.annotations.keys();
    names.any(|name| name.starts_with("container.apparmor.security.beta.kubernetes.io/"))
}

fn is_other(value: Option<&str>, allowed: &[&str]) -> bool {
    value.is_some_and(|value| !allowed.contains(&value))
}

fn first(checks: &[(&'static str, bool)]) -> Option<&'static str> {
    let found = checks.iter().find(|(_, is_violated)| *is_violated);
    found.map(|(field, _)| *field)
}

#[cfg(test)]
mod tests;
