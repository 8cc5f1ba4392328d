//! Pure and total: the objects that an instance should have. One file a kind.

mod claims;
mod config;
mod config_maps;
mod disruption_budgets;
mod environment;
mod files;
mod meta;
mod network_policies;
mod percona;
mod pod;
mod rbac;
mod routes;
mod server_container;
mod service_monitor;
mod services;
mod sidecar_container;
mod stateful_set;

use dittofs_shared::{labels, names};
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{ConfigMap, PersistentVolumeClaim, Service, ServiceAccount};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use k8s_openapi::api::rbac::v1::{Role, RoleBinding};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::core::DynamicObject;
use std::collections::BTreeMap;

use crate::adapters::{Adapters, Verdict};
use crate::exposure::live::LiveService;
use crate::instance::Instance;
use crate::optional::OptionalKind;
use crate::secrets::connection::ConnectionString;
pub use claims::ClaimMarks;
pub use pod::SIGNING_KEY_VOLUME;
pub use routes::parents;

/// Everything that an instance should have. A new kind is a new field, and whatever takes this apart names them all.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct Desired {
    /// Secrets that are made once and never overwritten.
    pub secrets: Vec<GeneratedSecret>,
    /// `None`: the user has one.
    pub service_account: Option<ServiceAccount>,
    pub role: Role,
    pub role_binding: RoleBinding,
    pub config_maps: Vec<ConfigMap>,
    pub network_policies: Vec<NetworkPolicy>,
    pub services: Vec<Service>,
    /// Objects of kinds that the cluster may be without. They are written before the StatefulSet, in the order of the
    /// kinds.
    pub optional: BTreeMap<OptionalKind, Vec<DynamicObject>>,
    /// `None`: none is wanted.
    pub disruption_budget: Option<PodDisruptionBudget>,
    /// Claims that have to grow: their new size, and nothing else.
    pub growing_claims: Vec<PersistentVolumeClaim>,
    /// Claims whose labels or owners are not as they should be.
    pub marked_claims: Vec<ClaimMarks>,
    /// `None`: the server cannot be started as asked, so that what runs stays as it is.
    pub stateful_set: Option<StatefulSet>,
    /// Whether what runs is stopped, also when nothing else can be done.
    pub stop: bool,
    /// Of `config.yaml`. `None`: the server cannot be started as asked.
    pub config_hash: Option<String>,
    /// See [`crate::renewal`].
    pub sidecar_contract: String,
    pub prune: Prune,
}

/// A Secret whose contents come about at the moment it is made.
#[derive(Clone, Debug, PartialEq)]
pub struct GeneratedSecret {
    /// Name, owner and labels.
    pub metadata: ObjectMeta,
    /// Where the contents come from.
    pub content: Content,
}

/// Where the contents of a Secret come from.
#[derive(Clone, Debug, PartialEq)]
pub enum Content {
    /// One value is made up.
    Random {
        /// Contents that are known.
        fixed: BTreeMap<String, String>,
        /// Key whose value is made up.
        key: String,
        /// Length of that value in characters.
        length: usize,
    },
    /// The parts of a connection string.
    Connection(ConnectionString),
}

/// What may be taken away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Prune {
    /// Nothing: it is not known what should be there.
    Nothing,
    /// Services and NetworkPolicies of adapters that are neither desired nor of one of these types.
    AllBut(Vec<String>),
}

impl Prune {
    /// Why the objects of this adapter type may be taken away. `None`: they may not.
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
        let sidecar_contract = sidecar_container::contract(instance);
        let config_map = startable
            .is_ok()
            .then(|| config_maps::config(instance, &config_hash, &config));
        Self {
            secrets: secrets(instance),
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

/// Kinds of which an instance wants nothing may be left out.
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

/// A configuration that no pod could start with is not written: settings that cannot be taken over may be a secret in clear.
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
    let keeps = |verdict: &Verdict| matches!(verdict, Verdict::Leaving | Verdict::Refused(_));
    let kept = adapters.iter().filter(|adapter| keeps(&adapter.verdict));
    let kept = kept.map(|adapter| adapter.published.r#type.clone());
    // An adapter of this type would be none that we know, and must not pass for all of them.
    let mut kept: Vec<_> = kept.filter(|kept| kept != labels::ALL_ADAPTERS).collect();
    let mut shared = instance.live.iter().filter(|live| live.is_shared());
    let leads = |live: &LiveService| kept.iter().any(|kept| live.ports_of(kept).next().is_some());
    if shared.any(leads) {
        kept.push(labels::ALL_ADAPTERS.to_owned());
    }
    Prune::AllBut(kept)
}

fn secrets(instance: &Instance) -> Vec<GeneratedSecret> {
    let name = &instance.name;
    let user = |user: &str| BTreeMap::from([(names::USERNAME_KEY.to_owned(), user.to_owned())]);
    let generated = |secret: String, fixed, key: &str, length| GeneratedSecret {
        metadata: meta::as_long_as_data(instance, secret),
        content: Content::Random {
            fixed,
            key: key.to_owned(),
            length,
        },
    };
    let mut secrets = vec![generated(
        names::sidecar_credentials(name),
        user(names::SIDECAR_USER),
        names::PASSWORD_KEY,
        32,
    )];
    if instance.secrets.generates_jwt {
        secrets.push(generated(
            names::jwt_secret(name),
            BTreeMap::new(),
            names::JWT_SECRET_KEY,
            64,
        ));
    }
    if instance.secrets.generates_admin {
        let admin = user(names::ADMIN_USER);
        secrets.push(generated(
            names::admin_credentials(name),
            admin,
            names::PASSWORD_KEY,
            32,
        ));
    }
    let can_be_used = instance.secrets.digest.is_ok();
    for connection in instance.secrets.connection.iter().filter(|_| can_be_used) {
        // It can be made again from the user's own Secret at any time, and a former string must not stay for ever.
        secrets.extend(connection.made_from.clone().map(|string| GeneratedSecret {
            metadata: meta::metadata(instance, connection.secret.clone()),
            content: Content::Connection(string),
        }));
    }
    secrets
}

/// The adapter type that an object belongs to.
pub fn adapter_of(metadata: &ObjectMeta) -> Option<&str> {
    metadata
        .labels
        .as_ref()?
        .get(labels::ADAPTER)
        .map(String::as_str)
}
