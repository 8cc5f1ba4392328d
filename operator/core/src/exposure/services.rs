//! The plan of each Service: its name, type, ports and settings.

use dittofs_shared::AdapterType;
use dittofs_shared::crd::ServiceType;
use k8s_openapi::api::core::v1::ServicePort;
use std::collections::BTreeSet;

use super::live::LiveService;
use super::port_list::PortList;
use super::ports::{self, Opening, PlannedPort};
use super::settings::Effective;
use super::{Inputs, Scope, ServicePlan};
use crate::adapters::Adapters;

/// A Service, what it opens, and what is left out of it.
pub(super) struct Planned {
    pub service: ServicePlan,
    pub openings: Vec<(AdapterType, Opening)>,
    pub remarks: Vec<(AdapterType, String)>,
}

impl Inputs<'_> {
    /// The Services of all exposed adapters.
    pub(super) fn services(self, adapters: &Adapters) -> Vec<Planned> {
        let exposed: Vec<_> = adapters.exposed().collect();
        if !self.is_shared() {
            let each = exposed.iter();
            let each = each.map(|one| self.service(Scope::Adapter(one.0), &[*one], &[]));
            return each.collect();
        }
        if exposed.is_empty() {
            return Vec::new();
        }
        vec![self.service(Scope::All, &exposed, &self.kept_ports(adapters))]
    }

    fn service(
        self,
        scope: Scope,
        exposed: &[(AdapterType, u16)],
        kept: &[PlannedPort],
    ) -> Planned {
        let name = self.name_of(scope.label());
        let settings = &self.spec.adapter_services;
        let own = settings.overrides.get(scope.label());
        let r#type = own.and_then(|own| own.r#type).unwrap_or(settings.r#type);
        let adapters: Vec<_> = exposed.iter().map(|(adapter, _)| *adapter).collect();

        let mut effective = Effective::of(&settings.all, own.map(|own| &own.own));
        let wanted = exposed.iter();
        let wanted: Vec<_> = wanted
            .flat_map(|(adapter, port)| self.wanted(*adapter, *port, &name))
            .collect();
        let (ports, mut remarks) = self.ports(kept, &wanted, &effective.overlay_ports, r#type);
        let settled = effective.settle(r#type, self.live_service(&name));
        remarks.extend(
            settled
                .into_iter()
                .filter_map(|remark| Some((*adapters.first()?, remark))),
        );
        // A wanted port is open even if the Service has no place for it.
        let leads_to: Vec<_> = wanted.iter().chain(&ports).collect();
        Planned {
            openings: self.openings(adapters.iter().copied(), &leads_to),
            remarks,
            service: ServicePlan {
                name,
                scope,
                adapters,
                annotations: effective.annotations,
                labels: effective.labels,
                r#type,
                ports,
                spec: effective.spec,
            },
        }
    }

    /// The ports that are kept, then those that adapters need, then those of overlays. Returns with them what is left
    /// out. Remarks on overlays, as on all that concerns the whole Service, are those of its first adapter.
    fn ports(
        self,
        kept: &[PlannedPort],
        wanted: &[PlannedPort],
        overlays: &[ServicePort],
        r#type: ServiceType,
    ) -> (Vec<PlannedPort>, Vec<(AdapterType, String)>) {
        let mut list = PortList::new(self.reserved);
        for port in kept {
            // It is in the live Service already, so that there is nothing to report.
            list.add(port.clone());
        }
        let add = |port: &PlannedPort| port.adapter.zip(list.add(port.clone()));
        let mut remarks: Vec<_> = wanted.iter().filter_map(add).collect();
        let first = wanted.first().and_then(|port| port.adapter);
        let of_overlays = overlays.iter().flat_map(|port| list.overlay(port));
        remarks.extend(of_overlays.filter_map(|remark| Some((first?, remark))));
        let held = self.held_by_replaced();
        let mut ports = list.into_ports();
        for planned in &mut ports {
            let requested = planned.port.node_port.filter(|port| !held.contains(port));
            planned.port.node_port = requested.filter(|_| r#type != ServiceType::ClusterIP);
        }
        (ports, remarks)
    }

    /// The ports that an adapter needs in its Service.
    fn wanted(self, adapter: AdapterType, published: u16, service: &str) -> Vec<PlannedPort> {
        let mut main = ports::main(adapter, published, self.spec);
        let others = self.live.iter().filter(|live| live.name != service);
        let held = others
            .flat_map(LiveService::node_ports)
            .any(|held| Some(held) == main.port.node_port);
        if held {
            // It is free once the other Service has given it up.
            main.port.node_port = None;
        }
        let mut wanted = vec![main];
        wanted.extend(ports::discovery(adapter, self.spec));
        wanted
    }

    /// The ports of the live shared Service that stay unchanged.
    fn kept_ports(self, adapters: &Adapters) -> Vec<PlannedPort> {
        let kept = adapters.kept();
        let live = self.live_shared();
        let ports = kept.flat_map(|adapter| {
            live.into_iter()
                .flat_map(move |live| live.ports_of(adapter))
        });
        let mut ports: Vec<_> = ports.cloned().collect();
        for planned in &mut ports {
            // The Service keeps its node ports by the names of its ports when it is written.
            planned.port.node_port = None;
        }
        ports
    }

    /// Node ports of Services that are about to be deleted. A node port belongs to one Service only, and the successor
    /// gets it once it is free.
    fn held_by_replaced(self) -> BTreeSet<i32> {
        let is_replaced = |live: &&LiveService| {
            live.is_shared() != self.is_shared() || live.name != self.name_of(&live.label)
        };
        let replaced = self.live.iter().filter(is_replaced);
        replaced.flat_map(LiveService::node_ports).collect()
    }
}
