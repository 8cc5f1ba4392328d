//! Services that stay until their successors have an address.
//!
//! A new name or mode means new Services, and a load balancer takes its time, or never gets an address. Until it has
//! one, clients use the old Service. There is no time-out: only the user knows which of the two matters more.

use dittofs_shared::AdapterType;
use dittofs_shared::crd::ServiceType;
use std::collections::BTreeSet;

use super::live::LiveService;
use super::ports::Opening;
use super::{Exposure, Inputs, ServicePlan};
use crate::adapters::Adapters;

/// A Service that stays for the time being.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replaced {
    /// Its name.
    pub name: String,
    /// The exposed adapters that it leads to.
    pub adapters: BTreeSet<AdapterType>,
    /// Its successors that have no address yet.
    pub waits_for: Vec<String>,
}

impl Exposure {
    /// The Service that leads to an adapter until this one has an address.
    pub fn predecessor(&self, service: &str, adapter: AdapterType) -> Option<&Replaced> {
        self.replaced.iter().find(|replaced| {
            replaced.adapters.contains(&adapter)
                && replaced.waits_for.iter().any(|awaited| awaited == service)
        })
    }

    /// Whether a Service that is not desired has to stay.
    pub fn stays(&self, service: &str) -> bool {
        self.replaced
            .iter()
            .any(|replaced| replaced.name == service)
    }
}

impl Inputs<'_> {
    /// The live Services that stay beside the planned ones.
    pub(super) fn replaced(self, adapters: &Adapters, services: &[ServicePlan]) -> Vec<Replaced> {
        if matches!(adapters, Adapters::Unknown(_)) {
            return Vec::new();
        }
        let is_planned = |old: &LiveService| services.iter().any(|plan| plan.name == old.name);
        // A Service without an address has nothing to lose.
        let old = self.live.iter();
        let old = old.filter(|old| !is_planned(old) && old.has_address);
        old.filter_map(|old| self.replaced_by(old, services))
            .collect()
    }

    /// `None`: it has no successor that lacks an address.
    fn replaced_by(self, old: &LiveService, services: &[ServicePlan]) -> Option<Replaced> {
        let exposed = services.iter().flat_map(|plan| &plan.adapters).copied();
        let is_successor = |plan: &&ServicePlan| {
            let mut adapters = plan.adapters.iter();
            adapters.any(|adapter| old.leads_to(*adapter))
        };
        let awaited = services.iter().filter(is_successor);
        let awaited = awaited.filter(|plan| self.lacks_address(plan));
        let waits_for: Vec<_> = awaited.map(|plan| plan.name.clone()).collect();
        (!waits_for.is_empty()).then(|| Replaced {
            name: old.name.clone(),
            adapters: exposed.filter(|adapter| old.leads_to(*adapter)).collect(),
            waits_for,
        })
    }

    /// Only a load balancer gets its address later, from its controller. Other types have one as soon as they are
    /// written, and while that fails the old Service stays anyway.
    fn lacks_address(self, plan: &ServicePlan) -> bool {
        let live = self.live_service(&plan.name);
        let has = live.is_some_and(|live| live.is_load_balancer() && live.has_address);
        plan.r#type == ServiceType::LoadBalancer && !has
    }

    /// What the Services that stay lead to is open as well.
    pub(super) fn replaced_openings(self, replaced: &[Replaced]) -> Vec<(AdapterType, Opening)> {
        let openings = replaced.iter().flat_map(|replaced| {
            let live = self.live_service(&replaced.name);
            let ports = live.into_iter().flat_map(|live| &live.ports);
            let ports: Vec<_> = ports.collect();
            self.openings(replaced.adapters.iter().copied(), &ports)
        });
        openings.collect()
    }
}

#[cfg(test)]
mod tests;
