//! What the operator decides, by the real rules.

use dittofs_operator_core::desired::Desired;
use k8s_openapi::api::core::v1::Service;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use super::world::{ADAPTERS, ADAPTERS_KEY, Stored, World};
use crate::Error;
use crate::ground::{self, Ground, NAME};

/// What the operator decides for one view of the world.
#[derive(Debug, Default)]
pub(super) struct Decision {
    pub applied: Vec<(usize, i32, Arc<Service>)>,
    pub deleted: Vec<usize>,
}

type View = (Option<Rc<Stored>>, Vec<(usize, i32)>);

/// The operator's decisions, each computed once.
pub(super) struct Rules {
    ground: Ground,
    known: HashMap<View, Rc<Decision>>,
    /// How many Services were deleted in all worlds together.
    pub(super) deleted: usize,
}

impl Rules {
    pub(super) fn new() -> Result<Self, Error> {
        Ok(Self {
            ground: Ground::new()?,
            known: HashMap::new(),
            deleted: 0,
        })
    }

    /// What the operator does, given what it knows of the published state.
    pub(super) fn decide(&mut self, world: &World) -> Result<Rc<Decision>, String> {
        let services = world.services.iter();
        let view = (
            world.seen.clone(),
            services
                .map(|(adapter, live)| (*adapter, live.target))
                .collect(),
        );
        if let Some(decision) = self.known.get(&view) {
            return Ok(Rc::clone(decision));
        }
        let published = world.seen.as_ref().map(|stored| {
            let foreign = stored.is_edited.then_some(ADAPTERS_KEY);
            ground::published(stored.data.clone(), foreign)
        });
        let live = world
            .services
            .values()
            .map(|live| Arc::clone(&live.service));
        let desired = self.ground.desired(published, live.collect());
        let desired = desired.map_err(|error| error.to_string())?;
        let decision = Rc::new(decision(&desired, world)?);
        self.known.insert(view, Rc::clone(&decision));
        Ok(decision)
    }
}

fn decision(desired: &Desired, world: &World) -> Result<Decision, String> {
    let services = desired.services.iter();
    let services = services.filter(|service| ground::is_of_adapter(&service.metadata));
    let mut decision = Decision::default();
    for service in services {
        let adapter =
            adapter_of(service).ok_or_else(|| format!("a Service of nothing: {service:?}"))?;
        let target = target(service).ok_or_else(|| format!("a Service to nowhere: {service:?}"))?;
        decision
            .applied
            .push((adapter, target, Arc::new(service.clone())));
    }
    let is_kept = |adapter: &usize| decision.applied.iter().any(|(kept, ..)| kept == adapter);
    let gone = world.services.keys().filter(|adapter| !is_kept(adapter));
    let permitted = gone.filter(|adapter| desired.prune.permits(ADAPTERS[**adapter].0));
    decision.deleted = permitted.copied().collect();
    Ok(decision)
}

fn adapter_of(service: &Service) -> Option<usize> {
    let name = service.metadata.name.as_deref()?;
    let mut known = ADAPTERS.iter();
    known.position(|(r#type, ..)| name == format!("{NAME}-{type}", r#type = r#type))
}

fn target(service: &Service) -> Option<i32> {
    let port = service.spec.as_ref()?.ports.as_ref()?.first()?;
    match port.target_port.as_ref()? {
        IntOrString::Int(target) => Some(*target),
        IntOrString::String(_) => None,
    }
}
