//! What is running: the phase, the images and the version.

use dittofs_shared::crd::Phase;
use dittofs_shared::names;
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::{ConditionStatus, View, server};
use crate::instance::StartupProblem;
use crate::pod_status;

/// How far the server is.
pub(super) fn phase(view: &View<'_>) -> Phase {
    let none_left = view.stateful_set.is_none_or(|set| server::pods(set) == 0);
    if server::is_stopped(view) && none_left {
        return Phase::Stopped;
    }
    match server::available(view).status {
        ConditionStatus::True => return Phase::Running,
        ConditionStatus::Unknown => return Phase::Unknown,
        ConditionStatus::False => {}
    }
    if let Err(StartupProblem::Database(_)) = view.instance.startable() {
        Phase::Pending
    } else if view.instance.startable().is_err() || !view.failures.is_empty() {
        Phase::Failed
    } else {
        Phase::Pending
    }
}

/// Image of a container of the pod.
pub(super) fn image(view: &View<'_>, container: &str) -> Option<String> {
    let spec = view.pod?.spec.as_ref()?;
    let sidecars = spec.init_containers.iter().flatten();
    let mut all = spec.containers.iter().chain(sidecars);
    all.find(|known| known.name == container)?.image.clone()
}

/// Hash of the configuration. While the server cannot be started as the spec says, it is the last one.
pub(super) fn config_hash(view: &View<'_>) -> Option<String> {
    let now = view.config_hash.map(str::to_owned);
    now.or_else(|| view.previous?.config_hash.clone())
}

/// When the server was first seen ready. It is never cleared.
pub(super) fn first_ready_at(view: &View<'_>, now: Timestamp) -> Option<Time> {
    let known = view
        .previous
        .and_then(|previous| previous.first_ready_at.clone());
    known.or_else(|| {
        let has_served = view
            .pod
            .is_some_and(|pod| pod_status::is_ready(pod) || pod_status::is_serving(pod));
        has_served.then(|| super::whole_seconds(now))
    })
}

/// Version of the server as it reports it itself. While it does not, tag or digest of its image.
pub(super) fn version(view: &View<'_>) -> Option<String> {
    let image = image(view, names::SERVER_CONTAINER)?;
    let reported = view.instance.api_access.server_version.clone();
    Some(reported.unwrap_or_else(|| tag(&image)))
}

fn tag(image: &str) -> String {
    if let Some((_, digest)) = image.split_once('@') {
        return digest.to_owned();
    }
    let last = image.rsplit('/').next().unwrap_or(image);
    last.split_once(':')
        .map_or("latest", |(_, tag)| tag)
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tag_or_the_digest_of_an_image_is_found() {
        for (image, expected) in [
            ("dittofs", "latest"),
            ("dittofs:0.29.0", "0.29.0"),
            ("registry:5000/a/dittofs", "latest"),
            ("registry:5000/a/dittofs:1", "1"),
            ("a/dittofs:1@sha256:ab", "sha256:ab"),
        ] {
            assert_eq!(tag(image), expected, "{image}");
        }
    }
}
