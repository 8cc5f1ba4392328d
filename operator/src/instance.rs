//! Pure: parses and judges what was observed. All that can be refused is refused here, so that what follows is total.

mod collisions;
mod config_keys;
pub mod connection;
mod first_password;
pub mod fronts;
mod generated;
pub mod live;
mod overrides;
pub mod password_reset;
mod percona;
pub mod ports;
mod publication;
pub mod replaced;
pub mod reserved;
mod secrets;
mod server;
mod service_settings;
mod serving;
pub mod shutdown;
mod storage;

use dittofs_shared::published::{self, DecodeError, PublishedState, ServerState, ServerStatus};
use dittofs_shared::server::DittoServerSpec;
use dittofs_shared::settings;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::{Resource as _, ResourceExt as _};
use std::collections::BTreeMap;
use std::time::Duration;

use crate::observe::Observed;
use crate::ownership::Claimant;
use crate::renewal::{Known, PodFacts, TemplateFacts};
pub use config_keys::KNOWN as KNOWN_CONFIG_KEYS;
pub use connection::Connection;
use fronts::{Exposition, Plan};
use live::LiveService;
pub use overrides::{OverrideProblem, unknown_keys};
pub use password_reset::{Asked, ResetProgress, Resets};
pub use percona::{DatabaseProblem, PerconaCluster, Progress};
use reserved::ReservedPorts;
pub use secrets::{Digest, SecretProblem, Secrets, WayIn};
pub use server::{BIND_PASSWORD, Obstacle};
pub use storage::Claim;

/// Adapter types that DittoFS has. Nothing else is ever exposed, whatever the published state says.
pub const KNOWN_ADAPTERS: [&str; 2] = ["nfs", "smb"];

/// What the operator itself decides for all instances.
#[derive(Clone, Debug)]
pub struct Defaults {
    /// Image of the sidecar where the `DittoServer` names none.
    pub sidecar_image: String,
    /// How long a configuration is kept that nothing mounts any more.
    pub keep_unused_config: Duration,
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
    /// Image of the sidecar that is asked for, and what is known of those that run.
    pub sidecar: Known,
    /// See [`Defaults`].
    pub keep_unused_config: Duration,
    /// The Secrets it uses.
    pub secrets: Secrets,
    /// The sidecar's and the administrator's ways into the REST API.
    pub way_in: WayIn,
    /// What of the user's settings cannot be taken over.
    pub override_problem: Option<OverrideProblem>,
    /// Account that its pod runs with, if there is a pod.
    pub running_account: Option<String>,
    /// Whether its server is known to serve, however its sidecar is.
    pub serves: bool,
    /// The PerconaPGCluster it uses, if it asks for one.
    pub percona: Option<PerconaCluster>,
    /// The claims it should have.
    pub claims: Vec<Claim>,
    /// Uid of the StatefulSet, once its claims do not go with it.
    pub released_by: Option<String>,
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
        let reports = publication::reports(published.as_ref());
        let reserved = ReservedPorts::of(&server.spec, observed.pod.as_deref());
        let (server_state, mut adapters) = understand(published, &reserved);
        let services = observed.adapter_services.iter();
        let live: Vec<_> = services
            .filter_map(|service| LiveService::of(service))
            .collect();
        let plan = Plan {
            instance: &name,
            spec: &server.spec,
            reserved: &reserved,
            live: &live,
        };
        let exposition = plan.carry_out(&mut adapters);
        Self {
            namespace: server.namespace().unwrap_or_default(),
            owner: server.controller_owner_ref(&()).unwrap_or_default(),
            sidecar: sidecar(observed, defaults),
            keep_unused_config: defaults.keep_unused_config,
            way_in: secrets::way_in(&name, observed, reports),
            secrets: secrets::judge(&name, observed, &adapters),
            override_problem: overrides::judge(&server.spec, &observed.secrets),
            running_account: observed
                .own_pod()
                .and_then(|pod| pod.spec.as_ref()?.service_account_name.clone()),
            serves: observed.pod.as_deref().is_some_and(serving::serves),
            percona: percona::judge(&name, observed),
            claims: storage::judge(&name, &server.spec.storage, &observed.claims),
            released_by: storage::released_by(observed.stateful_set.as_deref()),
            server_state,
            publish_to: observed
                .adapters
                .as_deref()
                .and_then(|config_map| publication::publish_to(config_map, &adapters))
                // It also says which ConfigMap is ours, and the sidecar may have taken that out of our sight.
                .or_else(|| observed.publish_to.clone()),
            kept: live::kept(&live, &adapters),
            live,
            exposition,
            adapters,
            spec: server.spec.clone(),
            name,
        }
    }

    /// Whom the objects of the instance belong to.
    pub fn claimant(&self) -> Claimant<'_> {
        Claimant {
            name: &self.name,
            uid: &self.owner.uid,
        }
    }

    /// Uid of the `{name}-adapters` that the sidecar has been told to write to.
    pub fn published_uid(&self) -> Option<&str> {
        self.publish_to.as_deref().and_then(settings::uid_of)
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

fn sidecar(observed: &Observed, defaults: &Defaults) -> Known {
    let settings = &observed.server.spec.sidecar;
    let asked = settings.image.as_ref().unwrap_or(&defaults.sidecar_image);
    Known {
        asked: asked.clone(),
        policy: settings.update_policy,
        at: observed.at,
        pod: observed.pod.as_deref().and_then(PodFacts::of),
        template: observed.stateful_set.as_deref().and_then(TemplateFacts::of),
    }
}

fn understand(
    published: Option<Result<PublishedState, Unknown>>,
    reserved: &ReservedPorts,
) -> (Option<ServerState>, Adapters) {
    let nothing = Adapters::Unknown(Unknown::NothingPublished);
    match published {
        None => (None, nothing),
        Some(Err(unknown)) => (None, Adapters::Unknown(unknown)),
        Some(Ok(state)) => {
            let adapters = state.adapters.map_or(nothing, |adapters| {
                let judged = adapters.into_iter().map(|adapter| judge(adapter, reserved));
                Adapters::Known(judged.collect())
            });
            (Some(state.server), adapters)
        }
    }
}

fn judge(published: published::Adapter, reserved: &ReservedPorts) -> JudgedAdapter {
    let verdict = verdict(&published, reserved);
    JudgedAdapter { published, verdict }
}

/// Published state is hostile input: at most it opens adapter ports of its own instance.
fn verdict(adapter: &published::Adapter, reserved: &ReservedPorts) -> Verdict {
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
    match reserved.owner(port) {
        Some(whose) => Verdict::Refused(format!(
            "port {port} belongs to {whose}, which is not for clients: set another port for this adapter in DittoFS"
        )),
        None => Verdict::Expose(port),
    }
}

#[cfg(test)]
#[path = "instance_tests.rs"]
mod tests;
