//! A pod, as the kubelet leaves it and as the API server has it.

use dittofs_shared::{labels, names};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::{
    Container, ContainerState, ContainerStateRunning, ContainerStateTerminated,
    ContainerStateWaiting, ContainerStatus, Pod, PodSpec, PodStatus,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use std::collections::BTreeMap;
use std::hash::Hash;
use std::time::Duration;

/// Older is as good as this.
const AGED: Duration = Duration::from_secs(200);

/// What becomes of a container with an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Program {
    Runs,
    /// It begins, and ends at once.
    Crashes,
    /// It cannot be pulled.
    Missing,
}

/// What the kubelet reports of the sidecar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Reported {
    Nothing,
    Starting,
    Failing(Program),
    Running { container: u32, since: Duration },
}

/// The next pod, as the StatefulSet has it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Template {
    pub image: String,
    pub annotations: BTreeMap<String, String>,
    pub contract: u8,
    pub inputs: u8,
}

/// A pod.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Live {
    pub uid: u32,
    pub version: u32,
    pub made_from: Template,
    pub image: String,
    pub annotations: BTreeMap<String, String>,
    /// The image that the kubelet has begun with.
    pub begun: Option<String>,
    pub reported: Reported,
    pub has_run: bool,
}

fn container_id(number: u32) -> String {
    format!("containerd://{number}")
}

/// The time on all clocks.
pub(super) fn wall(now: Duration) -> Timestamp {
    let now = SignedDuration::try_from(now).unwrap_or_default();
    Timestamp::UNIX_EPOCH
        .saturating_add(now)
        .unwrap_or(Timestamp::MAX)
}

impl Live {
    /// Whether its image runs.
    pub(super) fn runs(&self) -> bool {
        matches!(self.reported, Reported::Running { .. })
            && self.begun.as_ref() == Some(&self.image)
    }

    /// Everything of it but numbers and times, which count as ages.
    pub(super) fn essence(&self, now: Duration) -> impl Hash {
        let mut annotations = self.annotations.clone();
        let at = annotations.remove(labels::SIDECAR_REPLACED_AT);
        let container = annotations.remove(labels::SIDECAR_REPLACED_CONTAINER);
        let at = at.and_then(|at| at.parse::<Timestamp>().ok());
        let since = |then: Timestamp| {
            let passed = Duration::try_from(wall(now).duration_since(then));
            passed.unwrap_or_default().min(AGED)
        };
        let (kind, running) = match self.reported {
            Reported::Nothing => (0, None),
            Reported::Starting => (1, None),
            Reported::Failing(program) => (2, Some((program as u64, false))),
            Reported::Running {
                container: id,
                since,
            } => {
                let age = now.saturating_sub(since).min(AGED);
                let is_old = container.as_ref() == Some(&container_id(id));
                (3, Some((age.as_secs(), is_old)))
            }
        };
        (
            (self.made_from.clone(), self.image.clone(), annotations),
            (
                at.map(since),
                container.map(|container| container.is_empty()),
            ),
            (self.begun.clone(), kind, running, self.has_run),
        )
    }

    /// As the API server has it.
    pub(super) fn object(&self) -> Pod {
        let waiting = |reason: &str| ContainerState {
            waiting: Some(ContainerStateWaiting {
                reason: Some(reason.to_owned()),
                message: None,
            }),
            ..ContainerState::default()
        };
        let ended = ContainerState {
            terminated: Some(ContainerStateTerminated {
                reason: Some("Completed".to_owned()),
                ..ContainerStateTerminated::default()
            }),
            ..ContainerState::default()
        };
        let (state, id) = match self.reported {
            Reported::Nothing => (None, None),
            Reported::Starting => (Some(waiting("PodInitializing")), None),
            Reported::Failing(Program::Missing) => (Some(waiting("ImagePullBackOff")), None),
            Reported::Failing(_) => (Some(waiting("CrashLoopBackOff")), None),
            Reported::Running { container, since } => {
                let running = ContainerStateRunning {
                    started_at: Some(Time(wall(since))),
                };
                let state = ContainerState {
                    running: Some(running),
                    ..ContainerState::default()
                };
                (Some(state), Some(container_id(container)))
            }
        };
        let status = state.map(|state| ContainerStatus {
            name: names::SIDECAR_CONTAINER.to_owned(),
            container_id: id,
            state: Some(state),
            last_state: self.has_run.then_some(ended),
            ..ContainerStatus::default()
        });
        Pod {
            metadata: ObjectMeta {
                annotations: Some(self.annotations.clone()),
                ..ObjectMeta::default()
            },
            spec: Some(PodSpec {
                init_containers: Some(vec![Container {
                    name: names::SIDECAR_CONTAINER.to_owned(),
                    image: Some(self.image.clone()),
                    ..Container::default()
                }]),
                ..PodSpec::default()
            }),
            status: Some(PodStatus {
                init_container_statuses: status.map(|status| vec![status]),
                ..PodStatus::default()
            }),
        }
    }
}
