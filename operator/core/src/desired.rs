//! Pure and total: the objects that an instance should have. One file a kind.

mod claims;
mod config;
mod config_maps;
mod disruption_budgets;
mod meta;
mod network_policies;
mod percona;
mod pod;
mod rbac;
mod routes;
mod secrets;
mod service_monitor;
mod services;
mod stateful_set;
mod with;

use dittofs_shared::{labels, names};
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{ConfigMap, PersistentVolumeClaim, Service, ServiceAccount};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use k8s_openapi::api::rbac::v1::{Role, RoleBinding};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::core::DynamicObject;
use std::collections::BTreeMap;

use crate::adapters::Adapters;
use crate::exposure::live::LiveService;
use crate::instance::Instance;
use crate::optional::OptionalKind;
pub use claims::ClaimMarks;
pub use pod::SIGNING_KEY_VOLUME;
pub use routes::parents;
pub use secrets::{Content, GeneratedSecret};

/// Everything that an instance should have. A new kind is a new field, and all code that destructures this lists
/// every field.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct Desired {
    /// Secrets that are created once and never overwritten.
    pub secrets: Vec<GeneratedSecret>,
    /// `None`: the user has one.
    pub service_account: Option<ServiceAccount>,
    pub role: Role,
    pub role_binding: RoleBinding,
    pub config_maps: Vec<ConfigMap>,
    pub network_policies: Vec<NetworkPolicy>,
    pub services: Vec<Service>,
    /// Objects of optional kinds. They are written in the order of the kinds.
    pub optional: BTreeMap<OptionalKind, Vec<DynamicObject>>,
    /// `None`: the spec disables it.
    pub disruption_budget: Option<PodDisruptionBudget>,
    /// Claims that have to grow: only their new size.
    pub growing_claims: Vec<PersistentVolumeClaim>,
    /// Claims whose labels or owners have to change.
    pub marked_claims: Vec<ClaimMarks>,
    /// `None`: the server cannot be started as requested, so a running one is left unchanged.
    pub stateful_set: Option<StatefulSet>,
    /// Whether the server is scaled to zero, also when nothing else can be done.
    pub stop: bool,
    /// Of `config.yaml`. `None`: the server cannot be started as requested.
    pub config_hash: Option<String>,
    /// See [`crate::renewal`].
    pub sidecar_contract: String,
    pub prune: Prune,
}

/// What may be pruned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Prune {
    /// Nothing, because the adapters are not known.
    Nothing,
    /// Services and NetworkPolicies of adapters that are neither desired nor of one of these types.
    AllBut(Vec<String>),
}

impl Prune {
    /// Whether the objects of this adapter type may be pruned.
    pub fn permits(&self, adapter: &str) -> bool {
        match self {
            Self::Nothing => false,
            Self::AllBut(kept) => !kept.iter().any(|kept| kept == adapter),
        }
    }
}

impl Desired {
    /// The objects of an instance.
    pub fn of(instance: &Instance) -> Self {
        let config = config::render(instance);
        let config_hash = crate::roll::config_hash(&config);
        let startable = instance.startable();
        let sidecar_contract = pod::contract(instance);
        let config_map = startable
            .is_ok()
            .then(|| config_maps::config(instance, &config_hash, &config));
        Self {
            secrets: secrets::all(instance),
            service_account: rbac::service_account(instance),
            role: rbac::role(instance),
            role_binding: rbac::role_binding(instance),
            config_maps: config_maps(instance, config_map),
            network_policies: network_policies::all(instance),
            services: services::all(instance),
            optional: optional(instance),
            disruption_budget: disruption_budgets::disruption_budget(instance),
            growing_claims: claims::growing(instance),
            marked_claims: claims::marked(instance),
            stateful_set: startable.as_ref().ok().map(|digest| {
                let settings = config::inputs(instance);
                let text = || config::first_form(instance);
                let hashes = crate::roll::hashes(instance, text, &settings, digest);
                let config = names::config(&instance.name, &config_hash);
                stateful_set::stateful_set(instance, &hashes, &config, &sidecar_contract)
            }),
            config_hash: startable.is_ok().then_some(config_hash),
            stop: instance.spec.replicas == 0,
            sidecar_contract,
            prune: prune(instance),
        }
    }
}

/// Kinds of which an instance has no object may be left out.
fn optional(instance: &Instance) -> BTreeMap<OptionalKind, Vec<DynamicObject>> {
    let mut objects = routes::all(instance);
    let cluster = percona::cluster(instance);
    let service_monitor = service_monitor::service_monitor(instance);
    objects.insert(
        OptionalKind::PerconaPGCluster,
        cluster.into_iter().collect(),
    );
    objects.insert(
        OptionalKind::ServiceMonitor,
        service_monitor.into_iter().collect(),
    );
    objects
}

/// A configuration that no pod could start with is not written: the settings in it that were refused may be secrets.
fn config_maps(instance: &Instance, config: Option<ConfigMap>) -> Vec<ConfigMap> {
    let mut all: Vec<_> = config.into_iter().collect();
    all.push(config_maps::settings(instance));
    all.push(config_maps::adapters(instance));
    all
}

fn prune(instance: &Instance) -> Prune {
    let Adapters::Known(adapters) = &instance.adapters else {
        return Prune::Nothing;
    };
    let kept = adapters.iter().filter(|adapter| adapter.is_kept());
    let kept = kept.map(|adapter| adapter.published.r#type.clone());
    // An unknown adapter with this type must not count as all adapters.
    let mut kept: Vec<_> = kept.filter(|kept| kept != labels::ALL_ADAPTERS).collect();
    let mut live = instance.live.iter();
    let leads = |live: &LiveService| {
        kept.iter()
            .any(|kept| live.shared_ports_of(kept).next().is_some())
    };
    if live.any(leads) {
        kept.push(labels::ALL_ADAPTERS.to_owned());
    }
    Prune::AllBut(kept)
}

/// The adapter type that an object belongs to.
pub fn adapter_of(metadata: &ObjectMeta) -> Option<&str> {
    metadata
        .labels
        .as_ref()?
        .get(labels::ADAPTER)
        .map(String::as_str)
}
