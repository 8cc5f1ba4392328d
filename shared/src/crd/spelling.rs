//! How Kubernetes spells the values of its enums.

use super::{IpFamily, IpFamilyPolicy, ServiceType, SessionAffinity, TrafficPolicy};

macro_rules! spelled_as_named {
    ($($type:ident { $($variant:ident),+ })+) => {$(
        impl $type {
            /// The spelling that Kubernetes uses.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => stringify!($variant)),+
                }
            }
        }
    )+};
}

spelled_as_named! {
    ServiceType { ClusterIP, NodePort, LoadBalancer }
    TrafficPolicy { Cluster, Local }
    IpFamilyPolicy { SingleStack, PreferDualStack, RequireDualStack }
    IpFamily { IPv4, IPv6 }
    SessionAffinity { None, ClientIP }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kubernetes_and_the_crd_spell_alike() {
        let crd = serde_json::json!([
            ServiceType::LoadBalancer,
            TrafficPolicy::Local,
            IpFamilyPolicy::RequireDualStack,
            IpFamily::IPv6,
            SessionAffinity::ClientIP,
        ]);
        let kubernetes = serde_json::json!([
            ServiceType::LoadBalancer.as_str(),
            TrafficPolicy::Local.as_str(),
            IpFamilyPolicy::RequireDualStack.as_str(),
            IpFamily::IPv6.as_str(),
            SessionAffinity::ClientIP.as_str(),
        ]);
        assert_eq!(crd, kubernetes);
    }
}
