//! What is wrong with a container of the pod, as the kubelet reports it.

use dittofs_shared::names;
use jiff::SignedDuration;
use k8s_openapi::api::core::v1::{ContainerStateTerminated, ContainerStatus, Pod, PodStatus};

use super::log_line;
use crate::warnings::said;

/// A container that ends sooner than this after its start crashes. One that ends later was ended by a probe, or has
/// served before: how the next start gets on is more important then.
const SHORT: SignedDuration = SignedDuration::from_mins(2);

/// Where the pod is, for commands.
pub(super) struct Place<'a> {
    pub namespace: &'a str,
    pub instance: &'a str,
}

impl Place<'_> {
    pub(super) fn describe(&self) -> String {
        let pod = names::pod(self.instance);
        format!("kubectl describe pod {pod} -n {}", self.namespace)
    }

    fn logs(&self, container: &str) -> String {
        let pod = names::pod(self.instance);
        format!(
            "kubectl logs {pod} -c {container} -n {} --previous",
            self.namespace
        )
    }
}

/// Field of the spec that the settings of a container are below.
fn field(container: &str) -> &'static str {
    if container == names::SIDECAR_CONTAINER {
        "spec.sidecar"
    } else {
        "spec"
    }
}

fn all(status: &PodStatus) -> impl Iterator<Item = &ContainerStatus> {
    let init = status.init_container_statuses.iter().flatten();
    init.chain(status.container_statuses.iter().flatten())
}

/// The first container that cannot run, and what to do.
pub(super) fn first_problem(pod: &Pod, status: &PodStatus, place: &Place<'_>) -> Option<String> {
    let mut containers = all(status).filter(|container| !container.ready);
    containers.find_map(|container| problem(pod, container, place))
}

/// Whether a container waits for its image, its volumes or the network of the pod.
pub(super) fn is_being_created(status: &PodStatus) -> bool {
    let mut reasons = all(status).filter_map(waits_for);
    status.phase.as_deref() != Some("Running") || reasons.any(is_usual)
}

fn waits_for(container: &ContainerStatus) -> Option<&str> {
    let waiting = container.state.as_ref()?.waiting.as_ref()?;
    waiting.reason.as_deref()
}

/// What every container waits for at first.
fn is_usual(reason: &str) -> bool {
    matches!(reason, "ContainerCreating" | "PodInitializing")
}

fn problem(pod: &Pod, container: &ContainerStatus, place: &Place<'_>) -> Option<String> {
    let reason = waits_for(container);
    // The kubelet alternates between these two, and what the last attempt said stays.
    let is_loop = |reason: &str| {
        reason == "CrashLoopBackOff"
            || (reason == "RunContainerError" && last_end(container).is_some())
    };
    if let Some(reason) = reason.filter(|reason| !is_loop(reason)) {
        let waiting = container.state.as_ref()?.waiting.as_ref()?;
        let message = waiting.message.as_deref().unwrap_or_default();
        return (!is_usual(reason)).then(|| not_started(pod, container, reason, message));
    }
    let is_waiting = reason.is_some();
    last_end(container)
        .filter(|_| is_waiting || has_ended(container) || crashes(container))
        .map(|end| ended(pod, container, end, place))
        .or_else(|| is_waiting.then(|| crashed(container, "unknown", place)))
}

/// Whether the server ended soon after its start, or ran out of memory, and is being started again. Such a loop takes
/// turns between several states, and the message is the same in all of them.
pub(in crate::status) fn crashes(container: &ContainerStatus) -> bool {
    let is_up = container.started == Some(true);
    !is_up && last_end(container).is_some_and(|end| is_out_of_memory(end) || is_short(end))
}

fn has_ended(container: &ContainerStatus) -> bool {
    let state = container.state.as_ref();
    state.is_some_and(|state| state.terminated.is_some())
}

fn last_end(container: &ContainerStatus) -> Option<&ContainerStateTerminated> {
    let states = [&container.state, &container.last_state];
    let mut states = states.into_iter().flatten();
    states.find_map(|state| state.terminated.as_ref())
}

/// With a very low limit not even the program that starts the container fits.
fn is_out_of_memory(end: &ContainerStateTerminated) -> bool {
    let message = end.message.as_deref().unwrap_or_default();
    end.reason.as_deref() == Some("OOMKilled") || message.contains("OOM-killed")
}

/// The container runtime could not start the program, such as one that the image does not have.
fn is_unstarted(end: &ContainerStateTerminated) -> bool {
    matches!(
        end.reason.as_deref(),
        Some("StartError" | "ContainerCannotRun")
    )
}

fn is_short(end: &ContainerStateTerminated) -> bool {
    let (Some(began), Some(ended)) = (&end.started_at, &end.finished_at) else {
        return true;
    };
    ended.0.duration_since(began.0) < SHORT
}

fn not_started(pod: &Pod, container: &ContainerStatus, reason: &str, message: &str) -> String {
    let (name, field) = (&container.name, field(&container.name));
    let said = said(without_repetition(message));
    let because = if said.is_empty() {
        String::new()
    } else {
        format!(": {said}")
    };
    match reason {
        "ErrImagePull"
        | "ImagePullBackOff"
        | "InvalidImageName"
        | "ErrImageNeverPull"
        | "RegistryUnavailable" => {
            let image = image(pod, name).unwrap_or(&container.image);
            format!(
                "image {image} of container {name} cannot be pulled{because}. Correct {field}.image, or spec.pod.imagePullSecrets if the \
                 registry requires a login"
            )
        }
        _ => format!("container {name} cannot be started: {reason}{because}"),
    }
}

/// The kubelet alternates between two messages, one of which quotes the other.
fn without_repetition(message: &str) -> &str {
    const QUOTES: &str = ": ErrImagePull: ";
    match message.split_once(QUOTES) {
        Some((before, quoted)) if before.starts_with("Back-off pulling image") => quoted,
        _ if message.starts_with("Back-off pulling image") => "",
        _ => message,
    }
}

fn image<'a>(pod: &'a Pod, container: &str) -> Option<&'a str> {
    let spec = pod.spec.as_ref()?;
    let init = spec.init_containers.iter().flatten();
    let mut all = init.chain(&spec.containers);
    all.find(|known| known.name == container)?.image.as_deref()
}

fn ended(
    pod: &Pod,
    container: &ContainerStatus,
    end: &ContainerStateTerminated,
    place: &Place<'_>,
) -> String {
    if is_out_of_memory(end) {
        return out_of_memory(pod, container);
    }
    let message = end.message.as_deref().unwrap_or_default();
    if let Some(reason) = end.reason.as_deref().filter(|_| is_unstarted(end)) {
        return not_started(pod, container, reason, message);
    }
    let last = log_line::last(message);
    let last = last.map_or_else(String::new, |line| format!(": {}", said(&line)));
    crashed(container, &format!("{}{last}", end.exit_code), place)
}

fn crashed(container: &ContainerStatus, code: &str, place: &Place<'_>) -> String {
    let name = &container.name;
    let advice = if code.contains("no space left on device") {
        ". A volume is full: increase the sizes in spec.storage"
    } else {
        ""
    };
    format!(
        "container {name} exited with code {code}{advice}. It is restarted; `{}` shows its log",
        place.logs(name)
    )
}

fn out_of_memory(pod: &Pod, container: &ContainerStatus) -> String {
    let (name, field) = (&container.name, field(&container.name));
    let limit = memory_limit(pod, name).map_or_else(String::new, |limit| format!(" of {limit}"));
    format!(
        "container {name} was killed because it needed more memory than its limit{limit} (OOMKilled): raise \
         {field}.resources.limits.memory"
    )
}

fn memory_limit<'a>(pod: &'a Pod, container: &str) -> Option<&'a str> {
    let spec = pod.spec.as_ref()?;
    let init = spec.init_containers.iter().flatten();
    let mut all = init.chain(&spec.containers);
    let resources = all
        .find(|known| known.name == container)?
        .resources
        .as_ref()?;
    Some(resources.limits.as_ref()?.get("memory")?.0.as_str())
}
