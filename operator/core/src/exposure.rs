//! Which Services the exposed adapters get, and with which ports.

mod collisions;
pub mod live;
pub mod ports;
pub mod replaced;
mod settings;

use dittofs_shared::crd::{DittoServerSpec, ServiceMode, ServiceType};
use dittofs_shared::{labels, names};
use k8s_openapi::api::core::v1::{ServicePort, ServiceSpec};
use std::collections::{BTreeMap, BTreeSet};

use crate::adapters::reserved::ReservedPorts;
use crate::adapters::{Adapters, EvaluatedAdapter, KNOWN_ADAPTERS, Verdict};
use live::LiveService;
use ports::{Ports, protocol, target};
use replaced::Replaced;
use settings::Effective;

/// A Service that leads to adapters.
#[derive(Clone, Debug, PartialEq)]
pub struct ServicePlan {
    /// Name of the Service.
    pub name: String,
    /// Type of the adapter that it is for, or [`labels::ALL_ADAPTERS`].
    pub adapter: String,
    /// Types of the exposed adapters that it leads to.
    pub adapters: Vec<String>,
    /// Annotations that the user asks for.
    pub annotations: BTreeMap<String, String>,
    /// Labels that the user asks for.
    pub labels: BTreeMap<String, String>,
    /// All of it that differs from Service to Service.
    pub spec: ServiceSpec,
}

impl ServicePlan {
    /// Its ports that lead to an adapter.
    pub fn ports_of<'a>(&'a self, adapter: &'a str) -> impl Iterator<Item = &'a ServicePort> {
        let ports = self.spec.ports.iter().flatten();
        ports.filter(move |port| ports::adapter_of_port(port) == adapter)
    }
}

/// A port of the pod and its transport protocol.
pub type Opening = (u16, String);

/// How the adapters are exposed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Exposure {
    /// The Services that there should be.
    pub services: Vec<ServicePlan>,
    /// Services that are not among these, and stay until these have an address.
    pub replaced: Vec<Replaced>,
    /// By type of adapter: the ports of the pod that Services lead to, whether they stay or are yet to be made.
    pub openings: BTreeMap<String, BTreeSet<Opening>>,
    /// By type of adapter: what was asked for and cannot be had, and what to do.
    pub remarks: BTreeMap<String, Vec<String>>,
}

impl Exposure {
    /// The Service that leads to an exposed adapter.
    pub fn plan_of(&self, adapter: &str) -> Option<&ServicePlan> {
        let leads = |front: &&ServicePlan| front.adapters.iter().any(|led| led == adapter);
        self.services.iter().find(leads)
    }

    fn open(&mut self, adapter: &str, opening: Option<Opening>) {
        let openings = self.openings.entry(adapter.to_owned()).or_default();
        openings.extend(opening);
    }

    fn remark(&mut self, adapter: &str, remarks: impl IntoIterator<Item = String>) {
        let mut remarks = remarks.into_iter().peekable();
        if remarks.peek().is_some() {
            let all = self.remarks.entry(adapter.to_owned()).or_default();
            all.extend(remarks);
        }
    }
}

/// What is looked at.
#[derive(Clone, Copy)]
pub(crate) struct Plan<'a> {
    pub instance: &'a str,
    pub spec: &'a DittoServerSpec,
    pub reserved: &'a ReservedPorts,
    pub live: &'a [LiveService],
}

impl<'a> Plan<'a> {
    /// Judges the adapters together, and says how they are exposed.
    pub fn carry_out(self, adapters: &mut Adapters) -> Exposure {
        let mut exposure = Exposure::default();
        let shared = self.spec.adapter_services.mode == ServiceMode::Shared;
        if let (Adapters::Known(known), true) = (&mut *adapters, shared) {
            self.refuse_collisions(known);
        }
        for adapter in KNOWN_ADAPTERS {
            if adapters.keep(adapter) {
                self.keep_open(adapter, &mut exposure);
            }
        }
        let exposed: Vec<_> = adapters.known().iter().filter_map(exposed).collect();
        if !shared {
            for one in exposed {
                self.add_front(one.0, &[one], Ports::default(), &mut exposure);
            }
        } else if !exposed.is_empty() {
            let kept = self.kept_ports(adapters);
            self.add_front(labels::ALL_ADAPTERS, &exposed, kept, &mut exposure);
        }
        self.keep_replaced(adapters, &mut exposure);
        exposure
    }

    /// What stays as it is stays open.
    fn keep_open(self, adapter: &str, exposure: &mut Exposure) {
        let ports = self.live.iter().flat_map(|live| live.ports_of(adapter));
        let openings: Vec<_> = ports.filter_map(|port| self.opening(port)).collect();
        for opening in openings {
            exposure.open(adapter, Some(opening));
        }
    }

    fn opening(self, port: &ServicePort) -> Option<Opening> {
        let target = target(port).filter(|target| self.reserved.owner(*target).is_none())?;
        Some((target, protocol(port).to_owned()))
    }

    /// The ports of the shared Service that stay as they are.
    fn kept_ports(self, adapters: &Adapters) -> Ports {
        let mut kept = Ports::default();
        let names = KNOWN_ADAPTERS.into_iter();
        for adapter in names.filter(|adapter| adapters.keep(adapter)) {
            for port in self.shared_ports(adapter) {
                let mut port = port.clone();
                // It stays by the name of the port, see `keep_node_ports`.
                port.node_port = None;
                kept.add(port, self.reserved);
            }
        }
        kept.remarks.clear();
        kept
    }

    fn add_front(
        self,
        label: &str,
        exposed: &[(&str, u16)],
        mut ports: Ports,
        exposure: &mut Exposure,
    ) {
        let name = self.name_of(label);
        let settings = &self.spec.adapter_services;
        let own = settings.overrides.get(label);
        let r#type = own.and_then(|own| own.r#type).unwrap_or(settings.r#type);
        let mut effective = Effective::of(&settings.all, own.map(|own| &own.own));
        for (adapter, published) in exposed {
            for port in self.wanted(adapter, *published, &name) {
                exposure.open(adapter, self.opening(&port));
                ports.add(port, self.reserved);
            }
            exposure.remark(adapter, ports.remarks.drain(..));
        }
        for port in &effective.overlay_ports {
            ports.overlay(port, self.reserved);
        }
        self.leave_node_ports(&mut ports.all);
        for (adapter, _) in exposed {
            let ports = ports.all.iter();
            ports.for_each(|port| exposure.open(adapter, self.opening_for(adapter, port)));
        }
        if r#type == ServiceType::ClusterIP {
            ports.all.iter_mut().for_each(|port| port.node_port = None);
        }
        let remarks = effective.settle(r#type, self.live_front(&name));
        let first = exposed.first().map_or(label, |(adapter, _)| adapter);
        exposure.remark(first, ports.remarks.into_iter().chain(remarks));
        effective.spec.type_ = Some(r#type.as_str().to_owned());
        effective.spec.ports = Some(ports.all);
        exposure.services.push(ServicePlan {
            name,
            adapter: label.to_owned(),
            adapters: exposed.iter().map(|(name, _)| (*name).into()).collect(),
            annotations: effective.annotations,
            labels: effective.labels,
            spec: effective.spec,
        });
    }

    /// The ports that an adapter wants in its Service.
    fn wanted(self, adapter: &str, published: u16, front: &str) -> Vec<ServicePort> {
        let mut main = ports::main(adapter, published, self.spec);
        let others = self.live.iter().filter(|live| live.name != front);
        let held = others
            .flat_map(|live| live.spec.ports.iter().flatten())
            .any(|port| port.node_port == main.node_port);
        if held {
            // The Service that it is taken from gives it up, and then it is free.
            main.node_port = None;
        }
        let mut wanted = vec![main];
        wanted.extend(ports::discovery(adapter, self.spec));
        wanted
    }

    /// The API server gives a node port to one Service only. One that is about to go holds its own until then, which is when the
    /// Service that takes its place gets them.
    fn leave_node_ports(self, wanted: &mut [ServicePort]) {
        let shared = self.spec.adapter_services.mode == ServiceMode::Shared;
        let goes = |live: &&LiveService| {
            live.is_shared() != shared || live.name != self.name_of(&live.adapter)
        };
        let held = self.live.iter().filter(goes);
        let held = held.flat_map(|live| live.spec.ports.iter().flatten());
        let held: BTreeSet<_> = held.filter_map(|port| port.node_port).collect();
        for port in wanted {
            port.node_port = port.node_port.filter(|asked| !held.contains(asked));
        }
    }

    /// A port that the user has added leads to no adapter in particular, so that it is open to the clients of each.
    fn opening_for(self, adapter: &str, port: &ServicePort) -> Option<Opening> {
        let whose = ports::adapter_of_port(port);
        let open = whose == adapter || !KNOWN_ADAPTERS.contains(&whose);
        open.then(|| self.opening(port)).flatten()
    }

    fn name_of(self, label: &str) -> String {
        let template = &self.spec.adapter_services.name_template;
        names::adapter_service(template, self.instance, label)
    }

    fn live_front(self, name: &str) -> Option<&'a LiveService> {
        self.live.iter().find(|live| live.name == name)
    }

    /// The ports that lead to an adapter in the Service that is shared now.
    fn shared_ports<'b>(self, adapter: &'b str) -> impl Iterator<Item = &'b ServicePort>
    where
        'a: 'b,
    {
        let live = self.live_front(&self.name_of(labels::ALL_ADAPTERS));
        let shared = live.filter(|live| live.is_shared());
        shared
            .into_iter()
            .flat_map(move |live| live.ports_of(adapter))
    }
}

fn exposed(adapter: &EvaluatedAdapter) -> Option<(&str, u16)> {
    match adapter.verdict {
        Verdict::Expose(port) => Some((adapter.published.r#type.as_str(), port)),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
