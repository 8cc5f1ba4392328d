//! What is observed of a sidecar: in the annotations of its pod, which the operator writes, and in the status, which the
//! kubelet writes. Only computed: the pod and the time are arguments.

use dittofs_shared::{labels, names};
use jiff::Timestamp;
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{Container, ContainerStatus, Pod};
use kube::ResourceExt as _;
use std::collections::BTreeMap;
use std::time::Duration;

use super::{MAX_CLOCK_SKEW, MAX_TURN, PROBATION, SLOWEST_START, STALE, has_passed, left_of};
use crate::pod_status;

/// Reasons with which the kubelet reports that an image does not run.
const FAILURES: [&str; 9] = [
    "CrashLoopBackOff",
    "CreateContainerConfigError",
    "CreateContainerError",
    "ErrImageNeverPull",
    "ErrImagePull",
    "ImageInspectError",
    "ImagePullBackOff",
    "InvalidImageName",
    "RunContainerError",
];
/// The reason where the kubelet reports none.
const NOT_STARTED: &str = "it did not start within 2 minutes; check `kubectl describe pod`";
/// Reasons of a terminated container whose program never started.
const NEVER_BEGAN: [&str; 2] = ["ContainerCannotRun", "StartError"];

/// An image that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The image.
    pub image: String,
    /// Why it does not run, as the kubelet or the API server reports.
    pub reason: String,
}

impl Refused {
    /// Start of the reason if the API server has refused to change the pod.
    pub const BY_API_SERVER: &'static str = "the API server refused to change the pod";

    /// Whether the image itself failed. Otherwise it was never tried, and may run in other pods.
    pub fn is_about_image(&self) -> bool {
        !self.reason.starts_with(Self::BY_API_SERVER)
    }

    fn of(annotations: &BTreeMap<String, String>) -> Option<Self> {
        Some(Self {
            image: annotations.get(labels::SIDECAR_REFUSED_IMAGE)?.clone(),
            reason: annotations
                .get(labels::SIDECAR_REFUSED_REASON)
                .cloned()
                .unwrap_or_default(),
        })
    }
}

/// A change to an image that is not proved yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replaced {
    /// When the image was changed.
    pub at: Timestamp,
    /// The container that ran then.
    pub container: Option<String>,
}

/// What the kubelet reports of the sidecar.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// Nothing yet.
    Unreported,
    /// It does not run yet, without a failure.
    Starting,
    /// It does not run, and this is why.
    Failing(String),
    /// It runs.
    Running {
        /// Id of the container.
        container: String,
        /// Since when, by the clock of the node.
        since: Timestamp,
    },
}

/// The sidecar of a pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PodFacts {
    /// Image that was requested when the pod got it.
    pub image: String,
    /// Hash over what the pod offers to an image. `None`: an older operator created it.
    pub contract: Option<String>,
    /// Image to go back to.
    pub previous: Option<String>,
    /// Image that failed.
    pub refused: Option<Refused>,
    /// The change that is not proved yet.
    pub replaced: Option<Replaced>,
    /// What the kubelet reports.
    pub state: State,
    /// Whether a sidecar has run in this pod.
    pub has_run: bool,
    /// Whether the server runs in this pod.
    pub server_runs: bool,
    /// Whether the pod is ready.
    pub is_ready: bool,
}

impl PodFacts {
    /// `None`: the pod is being deleted, or is not the pod of a server.
    pub fn of(pod: &Pod) -> Option<Self> {
        if pod.metadata.deletion_timestamp.is_some() {
            return None;
        }
        let annotations = pod.annotations();
        let containers = pod.spec.as_ref()?.init_containers.as_deref();
        let status = pod.status.as_ref();
        let sidecars = status.and_then(|status| status.init_container_statuses.as_deref());
        let sidecar = find(sidecars, names::SIDECAR_CONTAINER);
        Some(Self {
            image: image(annotations, containers)?,
            contract: annotations.get(labels::SIDECAR_CONTRACT).cloned(),
            previous: annotations.get(labels::SIDECAR_PREVIOUS_IMAGE).cloned(),
            refused: Refused::of(annotations),
            replaced: replaced(annotations),
            state: sidecar.map_or(State::Unreported, state),
            has_run: sidecar.is_some_and(has_run),
            server_runs: pod_status::is_serving(pod),
            is_ready: pod_status::is_ready(pod),
        })
    }

    /// Whether the sidecar is briefly away, or has only just come back.
    pub fn is_away(&self, now: Timestamp) -> bool {
        match &self.state {
            State::Unreported => false,
            State::Starting => true,
            State::Failing(_) => self.left_of_staleness(now).is_some(),
            State::Running { .. } => !self.is_proved(now),
        }
    }

    /// How long until an absent sidecar counts as failed.
    pub fn left_of_absence(&self, now: Timestamp) -> Option<Duration> {
        match &self.state {
            State::Failing(_) => self.left_of_staleness(now),
            State::Running { since, .. } if !self.is_ready => left_of(*since, PROBATION, now),
            _ => None,
        }
    }

    /// Whether another image than the last good one is being tried in place.
    pub fn is_being_replaced(&self, now: Timestamp) -> bool {
        let replaced = self.replaced.as_ref().filter(|_| self.previous.is_some());
        // Clocks differ a little. A time further ahead than that is not trusted.
        replaced.is_some_and(|replaced| {
            !has_passed(replaced.at, MAX_TURN, now) && !has_passed(now, MAX_CLOCK_SKEW, replaced.at)
        })
    }

    /// Why the present image of the pod does not run. The kubelet may still report on the previous image, if that did
    /// not run either.
    pub fn failure(&self, now: Timestamp) -> Option<&str> {
        match &self.state {
            State::Failing(why) => self.left_of_staleness(now).is_none().then_some(why),
            State::Starting => {
                let replaced = self.replaced.as_ref()?;
                has_passed(replaced.at, SLOWEST_START, now).then_some(NOT_STARTED)
            }
            State::Unreported | State::Running { .. } => None,
        }
    }

    /// How long until that is known.
    pub fn left_of_staleness(&self, now: Timestamp) -> Option<Duration> {
        let replaced = self.replaced.as_ref()?;
        match replaced.container {
            Some(_) => None,
            None => left_of(replaced.at, STALE, now),
        }
    }

    /// Whether what runs is the present image of the pod, and not the one of before.
    pub(super) fn runs_own_image(&self) -> bool {
        let State::Running { container, .. } = &self.state else {
            return false;
        };
        let replaced = self.replaced.as_ref();
        replaced.is_none_or(|replaced| replaced.container.as_ref() != Some(container))
    }

    /// Whether the present image of the pod has run for long enough.
    pub fn is_proved(&self, now: Timestamp) -> bool {
        let State::Running { since, .. } = &self.state else {
            return false;
        };
        self.runs_own_image() && has_passed(*since, PROBATION, now)
    }
}

/// The sidecar of the next pod, as the StatefulSet has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TemplateFacts {
    /// Image that was requested when the template got it.
    pub image: String,
    /// Hash over what the template offers to an image.
    pub contract: Option<String>,
    /// Image to go back to.
    pub previous: Option<String>,
    /// Image that failed.
    pub refused: Option<Refused>,
}

impl TemplateFacts {
    /// `None`: it has no sidecar of ours.
    pub fn of(stateful_set: &StatefulSet) -> Option<Self> {
        let template = &stateful_set.spec.as_ref()?.template;
        let none = BTreeMap::new();
        let metadata = template.metadata.as_ref();
        let annotations = metadata.and_then(|metadata| metadata.annotations.as_ref());
        let annotations = annotations.unwrap_or(&none);
        let containers = template.spec.as_ref()?.init_containers.as_deref();
        Some(Self {
            image: image(annotations, containers)?,
            contract: annotations.get(labels::SIDECAR_CONTRACT).cloned(),
            previous: annotations.get(labels::SIDECAR_PREVIOUS_IMAGE).cloned(),
            refused: Refused::of(annotations),
        })
    }
}

/// The image that was requested; if that is not recorded, the image of the container.
fn image(
    annotations: &BTreeMap<String, String>,
    containers: Option<&[Container]>,
) -> Option<String> {
    let mut containers = containers?.iter();
    let container = containers.find(|container| container.name == names::SIDECAR_CONTAINER)?;
    let requested = annotations.get(labels::SIDECAR_IMAGE).cloned();
    requested.or_else(|| container.image.clone())
}

fn replaced(annotations: &BTreeMap<String, String>) -> Option<Replaced> {
    let container = annotations.get(labels::SIDECAR_REPLACED_CONTAINER);
    Some(Replaced {
        at: annotations.get(labels::SIDECAR_REPLACED_AT)?.parse().ok()?,
        container: container.filter(|container| !container.is_empty()).cloned(),
    })
}

fn find<'a>(statuses: Option<&'a [ContainerStatus]>, name: &str) -> Option<&'a ContainerStatus> {
    statuses?.iter().find(|status| status.name == name)
}

fn state(status: &ContainerStatus) -> State {
    let Some(state) = &status.state else {
        return State::Unreported;
    };
    if let Some(running) = &state.running {
        let since = running.started_at.as_ref();
        return State::Running {
            container: status.container_id.clone().unwrap_or_default(),
            since: since.map_or(Timestamp::UNIX_EPOCH, |time| time.0),
        };
    }
    let waiting = state.waiting.as_ref();
    let reason = waiting.and_then(|waiting| waiting.reason.as_deref());
    let Some(reason) = reason.filter(|reason| FAILURES.contains(reason)) else {
        return State::Starting;
    };
    let message = waiting.and_then(|waiting| waiting.message.as_deref());
    State::Failing(match message {
        Some(message) => format!("{reason}: {message}"),
        None => reason.to_owned(),
    })
}

fn has_run(status: &ContainerStatus) -> bool {
    let both = [status.state.as_ref(), status.last_state.as_ref()];
    both.into_iter().flatten().any(|state| {
        let ended = state.terminated.as_ref();
        let began = ended.is_some_and(|ended| {
            let reason = ended.reason.as_deref().unwrap_or_default();
            !NEVER_BEGAN.contains(&reason)
        });
        state.running.is_some() || began
    })
}
