//! The enabled parts of a spec: each accessor is `None` unless its part is enabled.

use super::{
    DittoServerSpec, Kerberos, Ldap, MachineAccount, Metrics, NetworkPolicySettings, Percona,
    PerconaBackup, ServiceMonitorSettings,
};
use crate::names;

impl DittoServerSpec {
    /// The LDAP directory, when the server uses one.
    pub fn ldap(&self) -> Option<&Ldap> {
        self.identity.ldap.as_ref().filter(|ldap| ldap.enabled)
    }

    /// Kerberos, when the server uses it.
    pub fn kerberos(&self) -> Option<&Kerberos> {
        let kerberos = self.identity.kerberos.as_ref();
        kerberos.filter(|kerberos| kerberos.enabled)
    }

    /// The machine account, when the server uses one. Without Kerberos it uses none.
    pub fn machine_account(&self) -> Option<&MachineAccount> {
        let account = self.kerberos()?.machine_account.as_ref();
        account.filter(|account| account.enabled)
    }

    /// The PostgreSQL cluster of Percona's operator, when the server uses one.
    pub fn percona(&self) -> Option<&Percona> {
        self.percona.as_ref().filter(|percona| percona.enabled)
    }

    /// The metrics, when the server serves them.
    pub fn metrics(&self) -> Option<&Metrics> {
        Some(&self.metrics).filter(|metrics| metrics.enabled)
    }

    /// Port of the loopback on which the server serves metrics to the sidecar alone, which reads the version there: the
    /// REST API does not tell it (0.29.0). `None`: others can read the metrics, or the user decides how they are served.
    pub fn local_metrics_port(&self) -> Option<i32> {
        let first = i32::from(names::LOCAL_METRICS_PORT);
        let is_taken = self.control_plane.port == first;
        let is_ours = self.metrics().is_none() && !self.overrides_metrics();
        is_ours.then_some(if is_taken { first + 1 } else { first })
    }

    /// Whether `configOverrides` or a variable changes how metrics are served. The server reads keys in any case, and
    /// with dots between their parts.
    pub fn overrides_metrics(&self) -> bool {
        let overrides = self.config_overrides.as_ref();
        let mut keys = overrides.iter().flat_map(|overrides| overrides.0.keys());
        let is_section = |key: &String| {
            let first = key.split('.').next().unwrap_or_default();
            first.eq_ignore_ascii_case("metrics")
        };
        let mut variables = self.pod.env.iter();
        keys.any(is_section) || variables.any(|one| one.name.starts_with("DITTOFS_METRICS_"))
    }

    /// The ServiceMonitor, when there is one. Without metrics there is none.
    pub fn service_monitor(&self) -> Option<&ServiceMonitorSettings> {
        let monitor = self.metrics().map(|metrics| &metrics.service_monitor);
        monitor.filter(|monitor| monitor.enabled)
    }

    /// The NetworkPolicies, when the operator creates them.
    pub fn network_policies(&self) -> Option<&NetworkPolicySettings> {
        Some(&self.network_policy).filter(|policies| policies.enabled)
    }
}

impl Percona {
    /// The backups, when they are enabled.
    pub fn backup(&self) -> Option<&PerconaBackup> {
        Some(&self.backup).filter(|backup| backup.enabled)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn spec(identity: &Value, more: &Value) -> DittoServerSpec {
        let mut spec = json!({"storage": {"metadataSize": "1Gi"}, "identity": identity});
        let fields = spec.as_object_mut().unwrap();
        fields.extend(more.as_object().unwrap().clone());
        serde_json::from_value(spec).unwrap()
    }

    fn identity(kerberos: bool, account: bool) -> Value {
        json!({
            "ldap": {"enabled": kerberos, "url": "ldaps://a", "baseDN": "b", "bindDN": "c"},
            "kerberos": {"enabled": kerberos, "machineAccount": {"enabled": account}},
        })
    }

    #[test]
    fn a_part_is_there_when_it_and_what_it_is_part_of_are_enabled() {
        for (outer, inner) in [(false, false), (false, true), (true, false), (true, true)] {
            let more = json!({
                "metrics": {"enabled": outer, "serviceMonitor": {"enabled": inner}},
                "percona": {"enabled": outer, "backup": {"enabled": inner}},
                "networkPolicy": {"enabled": outer},
            });
            let spec = spec(&identity(outer, inner), &more);
            assert_eq!(spec.ldap().is_some(), outer);
            assert_eq!(spec.kerberos().is_some(), outer);
            assert_eq!(spec.machine_account().is_some(), outer && inner);
            assert_eq!(spec.metrics().is_some(), outer);
            assert_eq!(spec.service_monitor().is_some(), outer && inner);
            assert_eq!(spec.network_policies().is_some(), outer);
            assert_eq!(spec.percona().is_some(), outer);
            let backup = spec.percona().and_then(Percona::backup);
            assert_eq!(backup.is_some(), outer && inner);
        }
    }

    #[test]
    fn what_the_spec_does_not_name_is_not_enabled_but_network_policies_are() {
        let spec = spec(&json!({}), &json!({}));
        assert!(spec.ldap().is_none() && spec.kerberos().is_none());
        assert!(spec.machine_account().is_none() && spec.percona().is_none());
        assert!(spec.metrics().is_none() && spec.service_monitor().is_none());
        assert!(spec.network_policies().is_some());
    }
}
