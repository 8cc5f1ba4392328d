//! The adapters that the sidecar has published, and what is done about each.

pub mod publication;
pub mod reserved;

use dittofs_shared::AdapterType;
use dittofs_shared::adapter_type::UnknownAdapterType;
use dittofs_shared::published_state::{self, DecodeError, PublishedState};

use reserved::ReservedPorts;

/// Unknown is not empty: nothing is deleted for lack of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Adapters {
    /// The adapters of the server, in the order in which they are published.
    Known(Vec<EvaluatedAdapter>),
    /// Why the adapters are not known.
    Unknown(Unknown),
}

impl Adapters {
    /// Evaluates what the sidecar has published.
    pub(crate) fn evaluate(
        published: &Result<PublishedState, Unknown>,
        reserved: &ReservedPorts,
    ) -> Self {
        let adapters = match published {
            Ok(state) => state.adapters.as_ref().ok_or(&Unknown::NothingPublished),
            Err(unknown) => Err(unknown),
        };
        match adapters {
            Ok(adapters) => Self::of(adapters.iter().cloned(), reserved),
            Err(unknown) => Self::Unknown(unknown.clone()),
        }
    }

    pub(crate) fn of(
        published: impl IntoIterator<Item = published_state::Adapter>,
        reserved: &ReservedPorts,
    ) -> Self {
        let published = published.into_iter();
        Self::Known(published.map(|one| evaluate(one, reserved)).collect())
    }

    /// The adapters, as far as they are known.
    pub fn known(&self) -> &[EvaluatedAdapter] {
        match self {
            Self::Known(adapters) => adapters,
            Self::Unknown(_) => &[],
        }
    }

    /// The adapters that have a Service, and the port of the pod that it leads to.
    pub fn exposed(&self) -> impl Iterator<Item = (AdapterType, u16)> {
        self.known().iter().filter_map(EvaluatedAdapter::exposed)
    }

    /// The adapters that keep their objects unchanged.
    pub fn kept(&self) -> impl Iterator<Item = AdapterType> {
        let all = AdapterType::ALL.into_iter();
        all.filter(|r#type| self.keeps(*r#type))
    }

    /// While nothing is known, all adapters are kept.
    fn keeps(&self, r#type: AdapterType) -> bool {
        match self {
            Self::Unknown(_) => true,
            Self::Known(adapters) => adapters
                .iter()
                .any(|adapter| adapter.r#type == Some(r#type) && adapter.is_kept()),
        }
    }
}

/// Why the adapters are not known.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unknown {
    /// Nothing is published yet.
    #[error("the sidecar has not published any adapters yet")]
    NothingPublished,
    /// The published data are invalid.
    #[error(
        "ConfigMap {config_map} is invalid: {error}. Services and NetworkPolicies are left unchanged"
    )]
    Undecodable {
        /// The ConfigMap with the published state.
        config_map: String,
        /// What is wrong with its data.
        error: DecodeError,
    },
    /// Another field manager than the sidecar's owns data.
    #[error(
        "{writer} changed the data of ConfigMap {config_map}, but only the sidecar may write them. Services and \
         NetworkPolicies are left unchanged until the sidecar has published again"
    )]
    WrittenByAnother {
        /// The ConfigMap with the published state.
        config_map: String,
        /// The field manager that wrote to it.
        writer: String,
    },
}

/// An adapter, and what is done about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EvaluatedAdapter {
    /// As published.
    pub published: published_state::Adapter,
    /// `None`: the published type is unknown, and the adapter is refused.
    pub r#type: Option<AdapterType>,
    /// What is done.
    pub verdict: Verdict,
}

impl EvaluatedAdapter {
    /// Its type, and the port of the pod that its Service leads to. `None` while it is not exposed.
    pub fn exposed(&self) -> Option<(AdapterType, u16)> {
        match self.verdict {
            Verdict::Expose(port) => Some((self.r#type?, port)),
            _ => None,
        }
    }

    /// Whether its objects stay unchanged.
    pub fn is_kept(&self) -> bool {
        matches!(self.verdict, Verdict::Leaving | Verdict::Refused(_))
    }
}

/// What is done about an adapter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It has a Service that leads to this port of the pod.
    Expose(u16),
    /// It was disabled or removed, and keeps its objects until removalHold has elapsed. Nothing new is created for it.
    Leaving,
    /// What is published of it is unacceptable. It keeps its objects, and nothing new is created for it.
    Refused(String),
    /// It is disabled and has no objects.
    Disabled,
}

fn evaluate(published: published_state::Adapter, reserved: &ReservedPorts) -> EvaluatedAdapter {
    let r#type = published_state::shorten(&published.r#type).parse();
    let verdict = match &r#type {
        Ok(_) => verdict(&published, reserved),
        Err(unknown) => Verdict::Refused(UnknownAdapterType::to_string(unknown)),
    };
    EvaluatedAdapter {
        published,
        r#type: r#type.ok(),
        verdict,
    }
}

/// Published state is hostile input: at most, it opens adapter ports of its own instance.
fn verdict(adapter: &published_state::Adapter, reserved: &ReservedPorts) -> Verdict {
    if adapter.leaving_since.is_some() {
        return Verdict::Leaving;
    }
    if !adapter.enabled {
        return Verdict::Disabled;
    }
    let Some(port) = u16::try_from(adapter.port).ok().filter(|port| *port != 0) else {
        return Verdict::Refused(format!(
            "port {} is not between 1 and 65535: change the port of this adapter in DittoFS",
            adapter.port
        ));
    };
    match reserved.owner(port) {
        Some(owner) => Verdict::Refused(format!(
            "port {port} is reserved for {owner}: change the port of this adapter in DittoFS"
        )),
        None => Verdict::Expose(port),
    }
}

#[cfg(test)]
mod tests;
