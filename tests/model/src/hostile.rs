//! Published states as an attacker would write them, who has taken over the server and its sidecar.

mod payload;

use dittofs_operator_core::desired::{Desired, Prune};
use dittofs_shared::{labels, names};
use k8s_openapi::api::core::v1::Service;
use k8s_openapi::api::networking::v1::NetworkPolicy;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use serde_json::{Value, json};
use std::collections::BTreeMap;

use crate::Error;
use crate::ground::{self, Ground, NAME};
use crate::random::Random;

/// What the instance has whatever is published: everything but Services and policies of adapters.
fn rest(desired: &Desired) -> Value {
    let services = desired.services.iter();
    let services = services.filter(|service| !ground::is_of_adapter(&service.metadata));
    let services = services.cloned().map(|mut service| {
        if let Some(spec) = &mut service.spec {
            // Those of the adapters, by which they are found.
            spec.ports = None;
        }
        service
    });
    let policies = desired.network_policies.iter();
    let policies = policies.filter(|policy| !ground::is_of_adapter(&policy.metadata));
    let config_maps = desired.config_maps.iter().map(|map| {
        let mut map = map.clone();
        if let Some(data) = &mut map.data {
            // Which ConfigMap, and who else has written it.
            data.remove("publishTo");
        }
        map
    });
    json!({
        "accounts": (&desired.service_account, &desired.role, &desired.role_binding),
        "configMaps": config_maps.collect::<Vec<_>>(),
        "services": services.collect::<Vec<_>>(),
        "policies": policies.collect::<Vec<_>>(),
        "budget": desired.disruption_budget,
        "claims": desired.growing_claims,
        "statefulSet": desired.stateful_set,
    })
}

/// What objects of adapters have in common.
struct Law {
    selector: BTreeMap<String, String>,
    labels: BTreeMap<String, String>,
}

impl Law {
    fn metadata(&self, metadata: &ObjectMeta) -> Result<(), String> {
        let name = metadata.name.as_deref().unwrap_or_default();
        if ![format!("{NAME}-nfs"), format!("{NAME}-smb")].contains(&name.to_owned()) {
            return Err(format!("an object is called {name:?}"));
        }
        if metadata
            .namespace
            .as_deref()
            .is_some_and(|other| other != "storage")
        {
            return Err(format!("{name} is in another namespace"));
        }
        let own = metadata.labels.clone().unwrap_or_default();
        if self
            .labels
            .iter()
            .any(|(key, value)| own.get(key) != Some(value))
        {
            return Err(format!("{name} has the labels {own:?}"));
        }
        let owners = metadata.owner_references.iter().flatten();
        if owners.map(|owner| owner.name.as_str()).ne([NAME]) {
            return Err(format!(
                "{name} has the owners {:?}",
                metadata.owner_references
            ));
        }
        Ok(())
    }

    fn service(&self, service: &Service) -> Result<(), String> {
        self.metadata(&service.metadata)?;
        let spec = service.spec.clone().unwrap_or_default();
        if spec.selector.as_ref() != Some(&self.selector) {
            return Err(format!("a Service selects {:?}", spec.selector));
        }
        if spec.external_ips.is_some() || spec.external_name.is_some() {
            return Err("a Service leads out of the cluster".to_owned());
        }
        for port in spec.ports.iter().flatten() {
            may_be_opened(port.target_port.as_ref())?;
        }
        Ok(())
    }

    fn policy(&self, policy: &NetworkPolicy) -> Result<(), String> {
        self.metadata(&policy.metadata)?;
        let spec = policy.spec.clone().unwrap_or_default();
        let selected = spec.pod_selector.and_then(|selector| selector.match_labels);
        if selected.as_ref() != Some(&self.selector) {
            return Err(format!("a policy selects {selected:?}"));
        }
        if spec.egress.is_some() {
            return Err("a policy of an adapter opens egress".to_owned());
        }
        let rules = spec.ingress.iter().flatten();
        if rules
            .clone()
            .any(|rule| rule.ports.iter().flatten().next().is_none())
        {
            return Err("a policy opens every port".to_owned());
        }
        for port in rules.flat_map(|rule| rule.ports.iter().flatten()) {
            may_be_opened(port.port.as_ref())?;
            if port.end_port.is_some() {
                return Err("a policy opens a range of ports".to_owned());
            }
        }
        Ok(())
    }
}

fn may_be_opened(port: Option<&IntOrString>) -> Result<(), String> {
    let reserved = [
        8080,
        i32::from(names::SIDECAR_PORT),
        i32::from(names::LOCAL_METRICS_PORT),
    ];
    match port {
        Some(IntOrString::Int(port)) if (1..=65_535).contains(port) && !reserved.contains(port) => {
            Ok(())
        }
        other => Err(format!("port {other:?} is opened")),
    }
}

/// Says whether a published state does what it must not.
pub struct Judge {
    ground: Ground,
    law: Law,
    /// See [`rest`].
    expected: Value,
}

/// What came of a published state that does nothing that it must not.
#[derive(Clone, Copy, Debug)]
pub struct Harmless {
    /// Whether it says something that is acted on.
    pub is_understood: bool,
    /// How many Services of adapters there should be because of it.
    pub services: usize,
}

impl Judge {
    /// Of an instance with nothing set.
    ///
    /// # Errors
    /// There is no such instance: a fault of this program.
    pub fn new() -> Result<Self, Error> {
        let ground = Ground::new()?;
        let expected = rest(&ground.desired(None, Vec::new())?);
        let law = Law {
            selector: labels::selector(NAME),
            labels: labels::of_instance(NAME),
        };
        Ok(Self {
            ground,
            law,
            expected,
        })
    }

    /// Of these data.
    ///
    /// # Errors
    /// They do what they must not.
    pub fn of(&self, data: &BTreeMap<String, String>) -> Result<Harmless, String> {
        let published = ground::published(data.clone(), None);
        let desired = self.ground.desired(Some(published), Vec::new());
        let desired = desired.map_err(|error| error.to_string())?;
        let services = desired.services.iter();
        let services = services.filter(|one| ground::is_of_adapter(&one.metadata));
        let policies = desired.network_policies.iter();
        let mut policies = policies.filter(|one| ground::is_of_adapter(&one.metadata));
        services
            .clone()
            .try_for_each(|service| self.law.service(service))?;
        policies.try_for_each(|policy| self.law.policy(policy))?;
        let rest = rest(&desired);
        if rest != self.expected {
            return Err(format!("something else has changed: {rest}"));
        }
        Ok(Harmless {
            is_understood: desired.prune != Prune::Nothing,
            services: services.count(),
        })
    }
}

/// Tries so many of them.
///
/// # Errors
/// One of them does what it must not; it is in the text.
pub fn search(payloads: usize, seed: u64) -> Result<String, Error> {
    let judge = Judge::new()?;
    let mut random = Random::of(seed, "hostile");
    let (mut understood, mut exposed) = (0_usize, 0_usize);
    for number in 0..payloads {
        let data = payload::data(&mut random);
        let harmless = judge.of(&data).map_err(|violation| {
            format!("payload {number} of seed {seed}: {violation}\n{data:#?}")
        })?;
        understood += usize::from(harmless.is_understood);
        exposed += harmless.services;
    }
    Ok(format!(
        "torture: hostile published states: {payloads} payloads, {understood} of them understood, {exposed} Services asked for, 0 violations (seed {seed})"
    ))
}
