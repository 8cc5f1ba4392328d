//! Pure: parses and judges what was observed. All that can be refused is refused here, so that what follows is total.

mod collisions;
mod config_keys;
pub mod connection;
pub mod fronts;
pub mod live;
mod overrides;
mod percona;
pub mod ports;
mod precedent;
mod publication;
mod secrets;
mod server;
mod service_settings;
mod storage;

use dittofs_shared::names;
use dittofs_shared::published::{self, DecodeError, PublishedState, ServerState, ServerStatus};
use dittofs_shared::server::DittoServerSpec;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::{Resource as _, ResourceExt as _};
use std::collections::BTreeMap;

use crate::observe::Observed;
pub use config_keys::KNOWN as KNOWN_CONFIG_KEYS;
pub use connection::Connection;
use fronts::{Exposition, Plan};
use live::LiveService;
pub use overrides::{OverrideProblem, unknown_keys};
pub use percona::{DatabaseProblem, PerconaCluster, Progress};
pub use precedent::Precedent;
pub use secrets::{Digest, SecretProblem, Secrets};
pub use server::Obstacle;
pub use storage::Claim;

/// Adapter types that DittoFS has. Nothing else is ever exposed, whatever the published state says.
pub const KNOWN_ADAPTERS: [&str; 2] = ["nfs", "smb"];

/// What the operator itself decides for all instances.
#[derive(Clone, Debug)]
pub struct Defaults {
    /// Image of the sidecar where the `DittoServer` names none.
    pub sidecar_image: String,
}

/// An instance that has been understood.
#[derive(Clone, Debug)]
pub struct Instance {
    /// Name of the instance and of its `DittoServer`.
    pub name: String,
    /// Namespace of everything that belongs to it.
    pub namespace: String,
    /// Owner of everything that belongs to it.
    pub owner: OwnerReference,
    /// What the user asked for.
    pub spec: DittoServerSpec,
    /// Image of the sidecar.
    pub sidecar_image: String,
    /// The Secrets it uses.
    pub secrets: Secrets,
    /// What of the user's settings cannot be taken over.
    pub override_problem: Option<OverrideProblem>,
    /// Account that its pod runs with, if there is a pod.
    pub running_account: Option<String>,
    /// The PerconaPGCluster it uses, if it asks for one.
    pub percona: Option<PerconaCluster>,
    /// The claims it should have.
    pub claims: Vec<Claim>,
    /// What the sidecar meets at the REST API, if it has said so.
    pub server_state: Option<ServerState>,
    /// The adapters, or why they are not known.
    pub adapters: Adapters,
    /// The Services of adapters that exist.
    pub live: Vec<LiveService>,
    /// Adapters that keep the Service they have, and the port it leads to.
    pub kept: BTreeMap<String, u16>,
    /// How the adapters are exposed.
    pub exposition: Exposition,
    /// See [`dittofs_shared::settings::Settings::publish_to`].
    pub publish_to: Option<String>,
    /// What the live objects remember of earlier templates.
    pub precedent: Precedent,
}

/// Unknown is not empty: nothing may be taken away for want of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Adapters {
    /// What the server has.
    Known(Vec<JudgedAdapter>),
    /// Why that is not known.
    Unknown(Unknown),
}

impl Adapters {
    /// What the server has, as far as that is known.
    pub fn known(&self) -> &[JudgedAdapter] {
        match self {
            Self::Known(adapters) => adapters,
            Self::Unknown(_) => &[],
        }
    }

    /// Whether an adapter keeps what it has as it is: because it leaves, because it cannot be right, or because nothing
    /// is known.
    pub fn keep(&self, r#type: &str) -> bool {
        match self {
            Self::Unknown(_) => true,
            Self::Known(adapters) => adapters.iter().any(|adapter| {
                adapter.published.r#type == r#type
                    && matches!(adapter.verdict, Verdict::Leaving | Verdict::Refused(_))
            }),
        }
    }
}

/// Why the adapters are not known.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unknown {
    /// Nobody has said anything yet.
    #[error("the sidecar has not published any adapters yet")]
    NothingPublished,
    /// What was said cannot be used.
    #[error("ConfigMap {0} cannot be used: {1}. Services and NetworkPolicies stay as they are")]
    Undecodable(String, DecodeError),
    /// Somebody who is not the sidecar has said it.
    #[error(
        "data of ConfigMap {0} have been written by {1}, and only the sidecar knows the adapters. Services and \
         NetworkPolicies stay as they are; the sidecar has been asked to publish again"
    )]
    WrittenByAnother(String, String),
}

/// An adapter and what is to be done about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JudgedAdapter {
    /// As published.
    pub published: published::Adapter,
    /// What is to be done.
    pub verdict: Verdict,
}

/// What is to be done about an adapter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Has a Service that leads to this port.
    Expose(u16),
    /// Keeps what it has and gets nothing new, because it is about to leave.
    Leaving,
    /// Keeps what it has and gets nothing new, because what is published of it cannot be right.
    Refused(String),
    /// Is switched off and has nothing.
    Off,
}

impl Instance {
    /// Understands what was observed.
    pub fn parse(observed: &Observed, defaults: &Defaults) -> Self {
        let server = &observed.server;
        let name = server.name_any();
        let published = observed
            .adapters
            .as_deref()
            .map(|config_map| publication::decode(&name, config_map));
        let (server_state, mut adapters) = understand(published, &server.spec);
        let services = observed.adapter_services.iter();
        let live: Vec<_> = services
            .filter_map(|service| LiveService::of(service))
            .collect();
        let plan = Plan {
            instance: &name,
            spec: &server.spec,
            live: &live,
        };
        let exposition = plan.carry_out(&mut adapters);
        let claims = storage::judge(&name, &server.spec.storage, &observed.claims);
        Self {
            namespace: server.namespace().unwrap_or_default(),
            owner: server.controller_owner_ref(&()).unwrap_or_default(),
            sidecar_image: server
                .spec
                .sidecar
                .image
                .clone()
                .unwrap_or_else(|| defaults.sidecar_image.clone()),
            secrets: secrets::judge(&name, observed),
            override_problem: overrides::judge(&server.spec, &observed.secrets),
            running_account: observed
                .pod
                .as_ref()
                .and_then(|pod| pod.spec.as_ref()?.service_account_name.clone()),
            percona: percona::judge(&name, observed),
            precedent: precedent::judge(observed, &adapters, &claims),
            claims,
            server_state,
            publish_to: observed
                .adapters
                .as_deref()
                .and_then(|config_map| publication::publish_to(config_map, &adapters)),
            kept: live::kept(&live, &adapters),
            live,
            exposition,
            adapters,
            spec: server.spec.clone(),
            name,
        }
    }

    /// Adapters that have a Service leading to a port.
    pub fn exposed(&self) -> impl Iterator<Item = (&str, u16)> {
        self.adapters
            .known()
            .iter()
            .filter_map(|adapter| match adapter.verdict {
                Verdict::Expose(port) => Some((adapter.published.r#type.as_str(), port)),
                _ => None,
            })
    }

    /// Whether the REST API answers, as far as the sidecar has said.
    pub fn server_status(&self) -> Option<ServerStatus> {
        self.server_state.as_ref().map(|state| state.status)
    }
}

fn understand(
    published: Option<Result<PublishedState, Unknown>>,
    spec: &DittoServerSpec,
) -> (Option<ServerState>, Adapters) {
    let nothing = Adapters::Unknown(Unknown::NothingPublished);
    match published {
        None => (None, nothing),
        Some(Err(unknown)) => (None, Adapters::Unknown(unknown)),
        Some(Ok(state)) => {
            let adapters = state.adapters.map_or(nothing, |adapters| {
                let judged = adapters.into_iter().map(|adapter| judge(adapter, spec));
                Adapters::Known(judged.collect())
            });
            (Some(state.server), adapters)
        }
    }
}

fn judge(published: published::Adapter, spec: &DittoServerSpec) -> JudgedAdapter {
    let verdict = verdict(&published, spec);
    JudgedAdapter { published, verdict }
}

/// Published state is hostile input: at most it opens adapter ports of its own instance.
fn verdict(adapter: &published::Adapter, spec: &DittoServerSpec) -> Verdict {
    if !KNOWN_ADAPTERS.contains(&adapter.r#type.as_str()) {
        return Verdict::Refused(format!(
            "adapter type {:?} is not one of {}, and no other is exposed",
            published::shorten(&adapter.r#type),
            KNOWN_ADAPTERS.join(", ")
        ));
    }
    if adapter.leaving_since.is_some() {
        return Verdict::Leaving;
    }
    if !adapter.enabled {
        return Verdict::Off;
    }
    let Some(port) = u16::try_from(adapter.port).ok().filter(|port| *port != 0) else {
        return Verdict::Refused(format!(
            "port {} is not between 1 and 65535: set another port for this adapter in DittoFS",
            adapter.port
        ));
    };
    match reserved(port, spec) {
        Some(whose) => Verdict::Refused(format!(
            "port {port} belongs to {whose}, which is not for clients: set another port for this adapter in DittoFS"
        )),
        None => Verdict::Expose(port),
    }
}

/// Ports of the pod that are not for clients.
fn reserved(port: u16, spec: &DittoServerSpec) -> Option<&'static str> {
    if i32::from(port) == spec.control_plane.port {
        return Some("the REST API");
    }
    if spec.metrics.enabled && i32::from(port) == spec.metrics.port {
        return Some("the metrics");
    }
    (port == names::SIDECAR_PORT).then_some("the sidecar")
}

#[cfg(test)]
#[path = "instance_tests.rs"]
mod tests;
