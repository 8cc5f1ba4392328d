//! Which sidecar the next pod gets.

use dittofs_shared::crd::SidecarUpdatePolicy;
use dittofs_shared::labels;
use std::collections::BTreeMap;

use super::Sidecar;
use super::facts::{PodFacts, Refused, State, TemplateFacts};

/// The sidecar of the next pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chosen {
    /// Its image.
    pub image: String,
    /// Image to go back to if that one does not run.
    pub previous: Option<String>,
    /// Image that has failed and is not tried.
    pub refused: Option<Refused>,
}

impl Chosen {
    /// What the pod records of it.
    pub fn annotations(&self, contract: &str) -> BTreeMap<String, String> {
        let mut annotations = BTreeMap::from([
            (labels::SIDECAR_IMAGE.to_owned(), self.image.clone()),
            (labels::SIDECAR_CONTRACT.to_owned(), contract.to_owned()),
        ]);
        if let Some(previous) = &self.previous {
            annotations.insert(labels::SIDECAR_PREVIOUS_IMAGE.to_owned(), previous.clone());
        }
        if let Some(Refused { image, reason }) = &self.refused {
            annotations.insert(labels::SIDECAR_REFUSED_IMAGE.to_owned(), image.clone());
            annotations.insert(labels::SIDECAR_REFUSED_REASON.to_owned(), reason.clone());
        }
        annotations
    }
}

/// Chooses the sidecar of the next pod: the last one that ran, until the one that is requested has run in place. So a
/// pod that is recreated in between starts. If it cannot be tried in place, the next pod tries it first, and goes
/// back if it fails.
pub fn choose(sidecar: &Sidecar, contract: &str) -> Chosen {
    let template = sidecar.template.as_ref();
    let requested = Chosen {
        image: sidecar.requested.clone(),
        previous: None,
        refused: None,
    };
    let (good, refused, in_place) = match (&sidecar.pod, template) {
        (Some(pod), _) => (
            good(pod, template),
            pod.refused.as_ref(),
            pod.contract.as_deref() == Some(contract) && pod.state != State::Unreported,
        ),
        (None, Some(template)) => (
            Some(template.previous.as_ref().unwrap_or(&template.image)),
            template.refused.as_ref(),
            template.contract.as_deref() == Some(contract),
        ),
        (None, None) => (None, None, false),
    };
    let Some(good) = good.filter(|good| **good != sidecar.requested) else {
        return requested;
    };
    let refused = refused.filter(|refused| refused.image == sidecar.requested);
    let is_there = template.is_some_and(|template| template.image == sidecar.requested);
    let in_place = in_place && sidecar.policy == SidecarUpdatePolicy::InPlace && !is_there;
    if in_place || refused.is_some() {
        return Chosen {
            image: good.clone(),
            previous: None,
            refused: refused.cloned(),
        };
    }
    Chosen {
        previous: Some(good.clone()),
        ..requested
    }
}

/// The last image that is known to run. The image of a pod that has not started yet counts, until the kubelet reports a
/// failure.
fn good<'a>(pod: &'a PodFacts, template: Option<&'a TemplateFacts>) -> Option<&'a String> {
    if let Some(previous) = &pod.previous {
        return Some(previous);
    }
    // A restored image has run before.
    if pod.has_run || pod.refused.is_some() {
        return Some(&pod.image);
    }
    match pod.state {
        State::Failing(_) => None,
        _ => template
            .and_then(|template| template.previous.as_ref())
            .or(Some(&pod.image)),
    }
}
