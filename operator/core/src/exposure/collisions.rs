//! Adapters that request the same port of the Service that they share.

use dittofs_shared::AdapterType;
use dittofs_shared::crd::ServiceMode;
use k8s_openapi::api::core::v1::ServicePort;

use super::Inputs;
use super::ports::{self, collide};
use crate::adapters::{Adapters, EvaluatedAdapter, Verdict};

/// An adapter that requests a port.
struct Request {
    /// Whether the adapter does not have the port yet.
    is_new: bool,
    /// Its place in the list of adapters.
    at: usize,
    adapter: AdapterType,
    port: ServicePort,
}

impl Inputs<'_> {
    /// In mode `Shared`, refuses adapters whose port is taken by another. An adapter that has the port already keeps
    /// it; otherwise the first one gets it.
    pub fn refuse_collisions(self, mut adapters: Adapters) -> Adapters {
        let mode = self.spec.adapter_services.mode;
        if let (Adapters::Known(known), ServiceMode::Shared) = (&mut adapters, mode) {
            // A refused adapter keeps its ports, which may collide with those of others in turn.
            while let Some((at, reason)) = self.first_collision(known)
                && let Some(refused) = known.get_mut(at)
            {
                refused.verdict = Verdict::Refused(reason);
            }
        }
        adapters
    }

    fn first_collision(self, adapters: &[EvaluatedAdapter]) -> Option<(usize, String)> {
        let mut taken = self.ports_in_use(adapters);
        let mut requests = self.requests(adapters);
        requests.sort_by_key(|request| (request.is_new, request.at));
        for Request {
            at, adapter, port, ..
        } in requests
        {
            if let Some((other, _)) = taken.iter().find(|(_, there)| collide(there, &port)) {
                return Some((
                    at,
                    format!(
                        "adapter {other} already uses port {} of the shared Service: set another port in \
                         adapterServices.overrides.{adapter}.port",
                        ports::in_words(&port)
                    ),
                ));
            }
            taken.push((adapter.name(), port));
        }
        None
    }

    /// The ports that adapters keep, with their types.
    fn ports_in_use(self, adapters: &[EvaluatedAdapter]) -> Vec<(&str, ServicePort)> {
        let kept = adapters.iter().filter(|adapter| adapter.is_kept());
        let ports = kept.flat_map(|adapter| {
            let r#type = adapter.published.r#type.as_str();
            let ports = self.live_shared().into_iter();
            let ports = ports.flat_map(move |live| live.shared_ports_of(r#type));
            ports.map(move |planned| (r#type, planned.port.clone()))
        });
        ports.collect()
    }

    fn requests(self, adapters: &[EvaluatedAdapter]) -> Vec<Request> {
        let exposed = adapters.iter().enumerate();
        let exposed = exposed.filter_map(|(at, adapter)| Some((at, adapter.exposed()?)));
        let requests = exposed.map(|(at, (adapter, published))| {
            let port = ports::main(adapter, published, self.spec).port;
            let live = self.live_shared();
            let has_it = live
                .is_some_and(|live| live.ports_of(adapter).any(|has| collide(&has.port, &port)));
            Request {
                is_new: !has_it,
                at,
                adapter,
                port,
            }
        });
        requests.collect()
    }
}
