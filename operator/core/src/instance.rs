//! Pure: parses and evaluates what was observed. Whatever can be refused is refused here, so that what follows is
//! total.

mod api_access;
mod config_keys;
mod config_overrides;
mod history;
pub mod password_reset;
mod percona;
pub mod restrictions;
pub mod shutdown;
mod startup;
mod storage;

use dittofs_shared::crd::DittoServerSpec;
use dittofs_shared::published_state::ServerState;
use dittofs_shared::reports::Reports;
use dittofs_shared::{AdapterType, settings};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::{Resource as _, ResourceExt as _};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::adapters::reserved::ReservedPorts;
use crate::adapters::{Adapters, publication};
use crate::exposure::live::{self, LiveService};
use crate::exposure::{self, Exposure, Inputs};
use crate::observed::Observed;
use crate::ownership::Claimant;
use crate::pod_status;
use crate::renewal::{PodFacts, Sidecar, TemplateFacts};
use crate::secrets::{self, Secrets};
pub use api_access::ApiAccess;
pub use config_keys::KNOWN as KNOWN_CONFIG_KEYS;
pub use config_overrides::{OverrideProblem, unknown_keys};
pub use history::History;
pub use password_reset::{RequestedReset, ResetProgress, Resets};
pub use percona::{ClusterConnection, DatabaseProblem, PerconaCluster, Progress};
pub use restrictions::Restriction;
pub use startup::{BIND_PASSWORD, StartupProblem};
pub use storage::{Claim, is_bound};

/// What the operator itself decides for all instances.
#[derive(Clone, Debug)]
pub struct Defaults {
    /// Image of the sidecar where the `DittoServer` names none.
    pub sidecar_image: String,
    /// How long a configuration is kept once no pod mounts it.
    pub keep_unused_config: Duration,
    /// What is forbidden in the spec.
    pub forbidden: BTreeSet<Restriction>,
}

/// An instance, parsed and evaluated.
#[derive(Clone, Debug)]
pub struct Instance {
    /// Name of the instance and of its `DittoServer`.
    pub name: String,
    /// Namespace of everything that belongs to it.
    pub namespace: String,
    /// Owner of everything that belongs to it.
    pub owner: OwnerReference,
    /// What the user requests.
    pub spec: DittoServerSpec,
    /// The sidecar that is requested, and what was observed of those that run.
    pub sidecar: Sidecar,
    /// See [`Defaults`].
    pub keep_unused_config: Duration,
    /// The Secrets it uses.
    pub secrets: Secrets,
    /// Who has access to the REST API.
    pub api_access: ApiAccess,
    /// Why the user's settings cannot be used.
    pub override_problem: Option<OverrideProblem>,
    /// ServiceAccount of the running pod.
    pub running_account: Option<String>,
    /// Whether its server is known to serve, however its sidecar is.
    pub serves: bool,
    /// The PerconaPGCluster it uses, if percona is enabled.
    pub percona: Option<PerconaCluster>,
    /// The claims it should have.
    pub claims: Vec<Claim>,
    /// Uid of the StatefulSet, once it no longer deletes its claims with it.
    pub released_by: Option<String>,
    /// State of the REST API, if the sidecar has reported it.
    pub server_state: Option<ServerState>,
    /// The adapters, or why they are not known.
    pub adapters: Adapters,
    /// The Services of adapters that exist.
    pub live: Vec<LiveService>,
    /// Adapters that keep their Service unchanged, and the port of the pod that it leads to.
    pub kept: BTreeMap<AdapterType, u16>,
    /// How the adapters are exposed.
    pub exposure: Exposure,
    /// See [`dittofs_shared::settings::Settings::publish_to`].
    pub publish_to: Option<String>,
    /// What the live objects record of earlier templates.
    pub history: History,
}

impl Instance {
    /// Parses and evaluates what was observed.
    pub fn parse(observed: &Observed, defaults: &Defaults) -> Self {
        let server = &observed.server;
        let name = server.name_any();
        let published = publication::decode(&name, observed.adapters.as_deref());
        let reserved = ReservedPorts::of(&server.spec, observed.pod.as_deref());
        let adapters = Adapters::evaluate(&published, &reserved);
        let (server_state, reports) = published.map_or_else(
            |_| (None, Reports::default()),
            |state| (Some(state.server), state.reports),
        );
        let services = observed.adapter_services.iter();
        let live: Vec<_> = services
            .filter_map(|service| LiveService::of(service))
            .collect();
        let inputs = Inputs {
            instance: &name,
            spec: &server.spec,
            reserved: &reserved,
            live: &live,
        };
        let adapters = inputs.refuse_collisions(adapters);
        let exposure = exposure::plan(inputs, &adapters);
        let claims = storage::evaluate(&name, &server.spec.storage, &observed.claims);
        let has_data = storage::has_data(&observed.claims, &adapters);
        Self {
            namespace: server.namespace().unwrap_or_default(),
            owner: server.controller_owner_ref(&()).unwrap_or_default(),
            sidecar: sidecar(observed, defaults),
            keep_unused_config: defaults.keep_unused_config,
            api_access: api_access::evaluate(&name, observed, reports),
            secrets: secrets::evaluate(server, &observed.secrets, has_data),
            override_problem: refused_settings(observed, defaults),
            running_account: running_account(observed),
            serves: observed.pod.as_deref().is_some_and(pod_status::serves),
            percona: percona::evaluate(&name, observed),
            released_by: storage::released_by(observed.stateful_set.as_deref()),
            history: history::evaluate(observed, &adapters, &claims),
            claims,
            server_state,
            publish_to: observed
                .adapters
                .as_deref()
                .and_then(|config_map| publication::publish_to(config_map, &adapters, observed))
                // It also identifies our ConfigMap, whose labels the sidecar may have removed.
                .or_else(|| observed.publish_to.clone()),
            kept: live::kept(&live, &adapters),
            live,
            exposure,
            adapters,
            spec: restrictions::restricted(server.spec.clone(), &defaults.forbidden),
            name,
        }
    }

    /// The `DittoServer` that owns the objects of the instance.
    pub fn claimant(&self) -> Claimant<'_> {
        Claimant {
            name: &self.name,
            uid: &self.owner.uid,
        }
    }

    /// Uid of the `{name}-adapters` that the sidecar is to write to.
    pub fn published_uid(&self) -> Option<&str> {
        self.publish_to.as_deref().and_then(settings::uid_of)
    }
}

fn refused_settings(observed: &Observed, defaults: &Defaults) -> Option<OverrideProblem> {
    let spec = &observed.server.spec;
    let violated = restrictions::violated(spec, &defaults.forbidden);
    let forbidden =
        violated.map(|(field, restriction)| OverrideProblem::Forbidden { field, restriction });
    forbidden.or_else(|| config_overrides::evaluate(spec, &observed.secrets))
}

fn running_account(observed: &Observed) -> Option<String> {
    let pod = observed.own_pod()?;
    pod.spec.as_ref()?.service_account_name.clone()
}

fn sidecar(observed: &Observed, defaults: &Defaults) -> Sidecar {
    let settings = &observed.server.spec.sidecar;
    let requested = settings.image.as_ref().unwrap_or(&defaults.sidecar_image);
    Sidecar {
        requested: requested.clone(),
        policy: settings.update_policy,
        at: observed.at,
        pod: observed.pod.as_deref().and_then(PodFacts::of),
        template: observed.stateful_set.as_deref().and_then(TemplateFacts::of),
    }
}
