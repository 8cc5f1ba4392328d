//! Adapters that want the same port of the Service that they share.

use k8s_openapi::api::core::v1::ServicePort;

use super::Plan;
use super::ports::{self, collide};
use crate::adapters::{EvaluatedAdapter, Verdict};

impl Plan<'_> {
    /// Refuses adapters whose port another one has in the Service that they share. Who has the port keeps it; otherwise
    /// the first one gets it.
    pub fn refuse_collisions(self, adapters: &mut [EvaluatedAdapter]) {
        // Whoever is refused keeps the ports it has, which may be in the way of others. So we look again.
        while let Some((at, reason)) = self.first_collision(adapters) {
            adapters[at].verdict = Verdict::Refused(reason);
        }
    }

    fn first_collision(self, adapters: &[EvaluatedAdapter]) -> Option<(usize, String)> {
        let mut taken: Vec<(&str, ServicePort)> = Vec::new();
        let mut asking = Vec::new();
        for (at, adapter) in adapters.iter().enumerate() {
            let name = adapter.published.r#type.as_str();
            match adapter.verdict {
                Verdict::Expose(port) => {
                    let wanted = ports::main(name, port, self.spec);
                    let has_it = self.shared_ports(name).any(|has| collide(has, &wanted));
                    asking.push((!has_it, at, name, wanted));
                }
                Verdict::Leaving | Verdict::Refused(_) => {
                    taken.extend(self.shared_ports(name).map(|port| (name, port.clone())));
                }
                Verdict::Disabled => {}
            }
        }
        asking.sort_by_key(|(is_new, at, ..)| (*is_new, *at));
        for (_, at, name, wanted) in asking {
            if let Some((other, _)) = taken.iter().find(|(_, there)| collide(there, &wanted)) {
                return Some((
                    at,
                    format!(
                        "port {} of the shared Service is taken by adapter {other}: set another port in \
                         adapterServices.overrides.{name}.port",
                        ports::in_words(&wanted)
                    ),
                ));
            }
            taken.push((name, wanted));
        }
        None
    }
}
