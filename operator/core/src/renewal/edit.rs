//! Changes of a pod, in one request.

use dittofs_shared::labels;
use jiff::Timestamp;
use std::collections::BTreeMap;

use super::facts::{PodFacts, Refused, State};

/// Longest reason of a failure that is recorded, in bytes.
const MAX_REASON: usize = 512;

/// A change of a pod: only of the sidecar's image and of our annotations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    /// The new image. `None`: unchanged.
    pub image: Option<String>,
    /// Annotations. `None`: removed.
    pub annotations: BTreeMap<&'static str, Option<String>>,
    /// Why, for an Event.
    pub why: String,
}

impl Edit {
    /// Another image is tried.
    pub(super) fn replace(pod: &PodFacts, requested: &str, now: Timestamp) -> Self {
        // An image that never ran is none to go back to.
        let good = pod
            .previous
            .clone()
            .or_else(|| pod.has_run.then(|| pod.image.clone()));
        let good = good.filter(|good| good != requested);
        let running = match &pod.state {
            State::Running { container, .. } => container.clone(),
            _ => String::new(),
        };
        let mut edit = Self::with_image(
            requested,
            &format!("restarting the sidecar with image {requested}; the server keeps running"),
        );
        if good.is_some() {
            edit.set(labels::SIDECAR_REPLACED_AT, Some(now.to_string()));
            edit.set(labels::SIDECAR_REPLACED_CONTAINER, Some(running));
        }
        edit.set(labels::SIDECAR_PREVIOUS_IMAGE, good);
        edit
    }

    /// The previous image is restored.
    pub(super) fn put_back(image: &str, refused: &Refused, now: Timestamp) -> Self {
        let why = format!(
            "restoring sidecar image {image}, because {} does not run ({})",
            refused.image, refused.reason
        );
        let mut edit = Self::with_image(image, &why).refusing(refused);
        // For a while the kubelet still reports on the other image.
        edit.set(labels::SIDECAR_REPLACED_AT, Some(now.to_string()));
        edit.set(labels::SIDECAR_REPLACED_CONTAINER, Some(String::new()));
        edit
    }

    /// The image is proved, or the failed one is no longer requested.
    pub(super) fn settle() -> Self {
        Self::of_annotations("the sidecar runs")
    }

    /// An image is not to be tried again.
    pub fn refuse(refused: &Refused) -> Self {
        Self::of_annotations("the sidecar keeps its image").refusing(refused)
    }

    fn with_image(image: &str, why: &str) -> Self {
        let mut edit = Self::of_annotations(why);
        edit.image = Some(image.to_owned());
        edit.set(labels::SIDECAR_IMAGE, Some(image.to_owned()));
        edit
    }

    /// Removes what was recorded about the previous change.
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
        reason.truncate(reason.floor_char_boundary(MAX_REASON));
        self.set(labels::SIDECAR_REFUSED_IMAGE, Some(refused.image.clone()));
        self.set(labels::SIDECAR_REFUSED_REASON, Some(reason));
        self
    }

    fn set(&mut self, key: &'static str, value: Option<String>) {
        self.annotations.insert(key, value);
    }
}
