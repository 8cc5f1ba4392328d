//! What is changed on a pod, in one request.

use dittofs_shared::labels;
use jiff::Timestamp;
use std::collections::BTreeMap;

use super::facts::{PodFacts, Refused, State};

/// Longest reason that is kept of a failure, in bytes.
const LONGEST_REASON: usize = 512;

/// A change of a pod: of the sidecar's image and of our annotations, of nothing else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    /// The new image. `None`: it stays.
    pub image: Option<String>,
    /// Annotations. `None`: taken away.
    pub annotations: BTreeMap<&'static str, Option<String>>,
    /// Why, for an Event.
    pub why: String,
}

impl Edit {
    /// Another image is tried.
    pub(super) fn replace(pod: &PodFacts, asked: &str, now: Timestamp) -> Self {
        // What never ran is nothing to go back to.
        let good = pod
            .previous
            .clone()
            .or_else(|| pod.has_run.then(|| pod.image.clone()));
        let good = good.filter(|good| good != asked);
        let running = match &pod.state {
            State::Running { container, .. } => container.clone(),
            _ => String::new(),
        };
        let mut edit = Self::with_image(
            asked,
            &format!("the sidecar is restarted with image {asked}; the server is not restarted"),
        );
        if good.is_some() {
            edit.set(labels::SIDECAR_REPLACED_AT, Some(now.to_string()));
            edit.set(labels::SIDECAR_REPLACED_CONTAINER, Some(running));
        }
        edit.set(labels::SIDECAR_PREVIOUS_IMAGE, good);
        edit
    }

    /// The image of before is put back.
    pub(super) fn put_back(image: &str, refused: &Refused, now: Timestamp) -> Self {
        let why = format!(
            "the sidecar gets image {image} back, because {} does not run ({})",
            refused.image, refused.reason
        );
        let mut edit = Self::with_image(image, &why).refusing(refused);
        // For a while the kubelet goes on speaking of the other image.
        edit.set(labels::SIDECAR_REPLACED_AT, Some(now.to_string()));
        edit.set(labels::SIDECAR_REPLACED_CONTAINER, Some(String::new()));
        edit
    }

    /// The image has proved itself, or nothing is asked for any more that was tried in vain.
    pub(super) fn settle() -> Self {
        Self::of_annotations("the sidecar runs")
    }

    /// An image is not to be tried again.
    pub fn refuse(refused: &Refused) -> Self {
        Self::of_annotations("the image of the sidecar stays").refusing(refused)
    }

    fn with_image(image: &str, why: &str) -> Self {
        let mut edit = Self::of_annotations(why);
        edit.image = Some(image.to_owned());
        edit.set(labels::SIDECAR_IMAGE, Some(image.to_owned()));
        edit
    }

    /// Whatever was noted down about the change before is over.
    fn of_annotations(why: &str) -> Self {
        let over = [
            labels::SIDECAR_PREVIOUS_IMAGE,
            labels::SIDECAR_REPLACED_AT,
            labels::SIDECAR_REPLACED_CONTAINER,
            labels::SIDECAR_REFUSED_IMAGE,
            labels::SIDECAR_REFUSED_REASON,
        ];
        Self {
            image: None,
            annotations: over.into_iter().map(|key| (key, None)).collect(),
            why: why.to_owned(),
        }
    }

    fn refusing(mut self, refused: &Refused) -> Self {
        let mut reason = refused.reason.clone();
        reason.truncate(reason.floor_char_boundary(LONGEST_REASON));
        self.set(labels::SIDECAR_REFUSED_IMAGE, Some(refused.image.clone()));
        self.set(labels::SIDECAR_REFUSED_REASON, Some(reason));
        self
    }

    fn set(&mut self, key: &'static str, value: Option<String>) {
        self.annotations.insert(key, value);
    }
}
