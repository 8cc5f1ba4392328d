//! Services that stay until the ones that take their place have an address.
//!
//! A new name or mode means new Services, and a load balancer takes its time, or never gets an address. Until it has one the
//! old Service is the one that clients use. There is no time-out: which of the two is wanted more only the user knows.

use std::collections::BTreeSet;

use super::live::LiveService;
use super::ports::adapter_of_port;
use super::{Exposure, Plan, ServicePlan};
use crate::adapters::{Adapters, KNOWN_ADAPTERS};

/// A Service that stays for the time being.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replaced {
    /// Its name.
    pub name: String,
    /// Types of the exposed adapters that it leads to.
    pub adapters: BTreeSet<String>,
    /// The Services that take its place and have no address yet.
    pub waits_for: Vec<String>,
}

impl Exposure {
    /// The Service that stays in place of this one, for an adapter.
    pub fn predecessor(&self, front: &str, adapter: &str) -> Option<&Replaced> {
        self.replaced.iter().find(|replaced| {
            replaced.adapters.contains(adapter)
                && replaced.waits_for.iter().any(|awaited| awaited == front)
        })
    }

    /// Whether a Service that is not desired has to stay.
    pub fn stays(&self, service: &str) -> bool {
        self.replaced
            .iter()
            .any(|replaced| replaced.name == service)
    }
}

impl Plan<'_> {
    /// Finds the Services that have to stay, and leaves open what they lead to.
    pub(super) fn keep_replaced(self, adapters: &Adapters, exposure: &mut Exposure) {
        if matches!(adapters, Adapters::Unknown(_)) {
            return;
        }
        for old in self.live {
            let is_wanted = exposure.services.iter().any(|front| front.name == old.name);
            // Without an address of its own there is nothing to lose.
            if is_wanted || !old.has_address {
                continue;
            }
            let successors = exposure
                .services
                .iter()
                .filter(|front| succeeds(front, old));
            let awaited: Vec<_> = successors
                .filter(|front| self.lacks_address(front))
                .collect();
            if awaited.is_empty() {
                continue;
            }
            let exposed = exposure.services.iter().flat_map(|front| &front.adapters);
            let replaced = Replaced {
                name: old.name.clone(),
                adapters: exposed
                    .filter(|adapter| old.leads_to(adapter))
                    .cloned()
                    .collect(),
                waits_for: awaited.iter().map(|front| front.name.clone()).collect(),
            };
            self.leave_open(old, &replaced, exposure);
            exposure.replaced.push(replaced);
        }
    }

    /// Only a load balancer has its address from somebody else. The others have theirs as soon as they are written, and when
    /// they cannot be written the old one stays for that.
    fn lacks_address(self, front: &ServicePlan) -> bool {
        let live = self.live.iter().find(|live| live.name == front.name);
        let has = live.is_some_and(|live| live.is_load_balancer() && live.has_address);
        front.spec.type_.as_deref() == Some("LoadBalancer") && !has
    }

    fn leave_open(self, old: &LiveService, replaced: &Replaced, exposure: &mut Exposure) {
        for port in old.spec.ports.iter().flatten() {
            let whose = if old.is_shared() {
                adapter_of_port(port)
            } else {
                old.adapter.as_str()
            };
            // A port that the user has added leads to no adapter in particular.
            let for_all = !KNOWN_ADAPTERS.contains(&whose);
            let open = replaced.adapters.iter();
            for adapter in open.filter(|adapter| for_all || *adapter == whose) {
                exposure.open(adapter, self.opening(port));
            }
        }
    }
}

/// Whether one leads to an adapter that the other one leads to.
fn succeeds(front: &ServicePlan, old: &LiveService) -> bool {
    front.adapters.iter().any(|adapter| old.leads_to(adapter))
}

#[cfg(test)]
mod tests;
