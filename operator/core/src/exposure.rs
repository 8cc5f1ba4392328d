//! How adapters are exposed: the Services that lead to them, and the ports of the pod that are open for these.
//!
//! `plan()` decides it from the adapters, the spec and the live Services. It is total: what cannot be done is left
//! out and becomes a remark, and no later step can fail for it. In a plan, what a port is for is data; only the ports
//! of live Services are recognised by their names, in [`live`].
//!
//! * [`ports`]: one port, and what it is for.
//! * `port_list`: the ports of one Service, without collisions.
//! * [`live`]: the Services that exist.
//! * `settings`: the settings of one Service that its type has and Kubernetes lets change.
//! * `collisions`: adapters that request the same port of a shared Service.
//! * `services`: the plan of each Service.
//! * [`replaced`]: Services that stay until their successors have an address.

mod collisions;
pub mod live;
mod port_list;
pub mod ports;
pub mod replaced;
mod services;
mod settings;

use dittofs_shared::AdapterType;
use dittofs_shared::crd::{DittoServerSpec, ServiceMode, ServiceType};
use dittofs_shared::{labels, names};
use k8s_openapi::api::core::v1::ServiceSpec;
use std::collections::{BTreeMap, BTreeSet};

use crate::adapters::Adapters;
use crate::adapters::reserved::ReservedPorts;
use live::LiveService;
use ports::{Opening, PlannedPort};
use replaced::Replaced;

/// The adapters that a Service is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// One adapter.
    Adapter(AdapterType),
    /// All adapters, in mode `Shared`.
    All,
}

impl Scope {
    /// The value of [`labels::ADAPTER`].
    pub const fn label(self) -> &'static str {
        match self {
            Self::Adapter(adapter) => adapter.name(),
            Self::All => labels::ALL_ADAPTERS,
        }
    }

    /// `None`: a type that this version does not know.
    pub(crate) fn from_label(label: &str) -> Option<Self> {
        if label == labels::ALL_ADAPTERS {
            return Some(Self::All);
        }
        label.parse().ok().map(Self::Adapter)
    }
}

/// A Service that leads to adapters.
#[derive(Clone, Debug, PartialEq)]
pub struct ServicePlan {
    /// Name of the Service.
    pub name: String,
    /// The adapters that it is for.
    pub scope: Scope,
    /// The exposed adapters that it leads to.
    pub adapters: Vec<AdapterType>,
    /// Annotations of the spec.
    pub annotations: BTreeMap<String, String>,
    /// Labels of the spec.
    pub labels: BTreeMap<String, String>,
    /// Type of the Service.
    pub r#type: ServiceType,
    /// Its ports.
    pub ports: Vec<PlannedPort>,
    /// Its other settings.
    pub spec: ServiceSpec,
}

impl ServicePlan {
    /// Its ports that lead to an adapter.
    pub fn ports_of(&self, adapter: AdapterType) -> impl Iterator<Item = &PlannedPort> {
        let ports = self.ports.iter();
        ports.filter(move |port| port.adapter == Some(adapter))
    }
}

/// By adapter, the ports of the pod that are open to clients.
pub type Openings = BTreeMap<AdapterType, BTreeSet<Opening>>;

/// By adapter, what the spec requests and cannot have, and the next step.
pub type Remarks = BTreeMap<AdapterType, Vec<String>>;

/// How the adapters are exposed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Exposure {
    /// The Services that there should be.
    pub services: Vec<ServicePlan>,
    /// Services that are not among these, and stay until these have an address.
    pub replaced: Vec<Replaced>,
    /// The ports that Services lead to, both of those that stay and of those that are yet to be created.
    pub openings: Openings,
    /// What is left out of the plan.
    pub remarks: Remarks,
}

impl Exposure {
    /// The Service that leads to an exposed adapter.
    pub fn plan_of(&self, adapter: AdapterType) -> Option<&ServicePlan> {
        let mut services = self.services.iter();
        services.find(|service| service.adapters.contains(&adapter))
    }
}

/// What the exposure is planned from.
#[derive(Clone, Copy)]
pub(crate) struct Inputs<'a> {
    pub instance: &'a str,
    pub spec: &'a DittoServerSpec,
    pub reserved: &'a ReservedPorts,
    pub live: &'a [LiveService],
}

impl<'a> Inputs<'a> {
    fn is_shared(self) -> bool {
        self.spec.adapter_services.mode == ServiceMode::Shared
    }

    /// The name that the template gives to the Service with this label.
    fn name_of(self, label: &str) -> String {
        let template = &self.spec.adapter_services.name_template;
        names::adapter_service(template, self.instance, label)
    }

    fn live_service(self, name: &str) -> Option<&'a LiveService> {
        self.live.iter().find(|live| live.name == name)
    }

    /// The live Service that all adapters share.
    fn live_shared(self) -> Option<&'a LiveService> {
        let live = self.live_service(&self.name_of(labels::ALL_ADAPTERS));
        live.filter(|live| live.is_shared())
    }

    /// What these ports open to the clients of these adapters.
    fn openings(
        self,
        adapters: impl IntoIterator<Item = AdapterType>,
        ports: &[&PlannedPort],
    ) -> Vec<(AdapterType, Opening)> {
        let of_adapter = |adapter| {
            let ports = ports.iter().filter(move |port| port.is_for(adapter));
            ports.filter_map(move |port| Some((adapter, port.opening(self.reserved)?)))
        };
        adapters.into_iter().flat_map(of_adapter).collect()
    }

    /// What live Services open for adapters that keep theirs.
    fn kept_openings(self, adapters: &Adapters) -> Vec<(AdapterType, Opening)> {
        let openings = adapters.kept().flat_map(|adapter| {
            let live = self.live.iter();
            let ports = live.flat_map(|live| live.ports_of(adapter));
            self.openings([adapter], &ports.collect::<Vec<_>>())
        });
        openings.collect()
    }
}

/// Plans how the adapters are exposed. In mode `Shared`, those that collide must have been refused before.
pub(crate) fn plan(inputs: Inputs<'_>, adapters: &Adapters) -> Exposure {
    let mut openings = inputs.kept_openings(adapters);
    let mut remarks = Vec::new();
    let mut services = Vec::new();
    for planned in inputs.services(adapters) {
        openings.extend(planned.openings);
        remarks.extend(planned.remarks);
        services.push(planned.service);
    }
    let replaced = inputs.replaced(adapters, &services);
    openings.extend(inputs.replaced_openings(&replaced));
    Exposure {
        services,
        replaced,
        openings: by_adapter(openings),
        remarks: by_adapter(remarks),
    }
}

fn by_adapter<T, C: Default + Extend<T>>(all: Vec<(AdapterType, T)>) -> BTreeMap<AdapterType, C> {
    let mut map: BTreeMap<_, C> = BTreeMap::new();
    for (adapter, one) in all {
        map.entry(adapter).or_default().extend([one]);
    }
    map
}

#[cfg(test)]
mod tests;
