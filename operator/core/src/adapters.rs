//! The adapters that the sidecar has published, and what is to be done about each.

pub mod publication;
pub mod reserved;

use dittofs_shared::published_state::{self, DecodeError, PublishedState, ServerState};

use reserved::ReservedPorts;

/// Adapter types that DittoFS has. Nothing else is ever exposed, whatever the published state says.
pub const KNOWN_ADAPTERS: [&str; 2] = ["nfs", "smb"];

/// Unknown is not empty: nothing may be taken away for want of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Adapters {
    /// What the server has.
    Known(Vec<EvaluatedAdapter>),
    /// Why that is not known.
    Unknown(Unknown),
}

impl Adapters {
    /// What the server has, as far as that is known.
    pub fn known(&self) -> &[EvaluatedAdapter] {
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
pub struct EvaluatedAdapter {
    /// As published.
    pub published: published_state::Adapter,
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
    Disabled,
}

/// What the sidecar has published, understood.
pub(crate) fn understand(
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

pub(crate) fn judge(
    published: published_state::Adapter,
    reserved: &ReservedPorts,
) -> EvaluatedAdapter {
    let verdict = verdict(&published, reserved);
    EvaluatedAdapter { published, verdict }
}

/// Published state is hostile input: at most it opens adapter ports of its own instance.
pub(crate) fn verdict(adapter: &published_state::Adapter, reserved: &ReservedPorts) -> Verdict {
    if !KNOWN_ADAPTERS.contains(&adapter.r#type.as_str()) {
        return Verdict::Refused(format!(
            "adapter type {:?} is not one of {}, and no other is exposed",
            published_state::shorten(&adapter.r#type),
            KNOWN_ADAPTERS.join(", ")
        ));
    }
    if adapter.leaving_since.is_some() {
        return Verdict::Leaving;
    }
    if !adapter.enabled {
        return Verdict::Disabled;
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
