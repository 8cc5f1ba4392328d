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
