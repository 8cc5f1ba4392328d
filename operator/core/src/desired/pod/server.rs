//! The container of the DittoFS server.

use dittofs_shared::names;
use k8s_openapi::api::core::v1::{Container, ContainerPort, VolumeMount};

use super::volumes::{CONFIG_VOLUME, TMP_VOLUME, mount, read_only};
use super::{environment, files, probes, security};
use crate::adapters::reserved::METRICS_PORT;
use crate::instance::Instance;

/// Where the server finds its configuration.
const CONFIG_DIRECTORY: &str = "/config";

/// The server. Ports of adapters are not listed: they change without a new template.
pub fn container(instance: &Instance) -> Container {
    Container {
        name: names::SERVER_CONTAINER.to_owned(),
        image: Some(instance.spec.image.clone()),
        image_pull_policy: instance
            .spec
            .pod
            .image_pull_policy
            .map(|policy| policy.as_str().to_owned()),
        command: Some(vec!["/app/dfs".to_owned()]),
        args: Some(
            ["start", "--foreground", "--config", "/config/config.yaml"]
                .map(str::to_owned)
                .to_vec(),
        ),
        env: Some(environment::variables(instance)),
        env_from: environment::whole_secrets(instance),
        resources: instance.spec.resources.clone(),
        security_context: Some(security::of_container(
            instance.spec.security_context.clone(),
        )),
        volume_mounts: Some(mounts(instance)),
        ports: metrics_port(instance),
        // The status passes on the last line of a server that crashes.
        termination_message_policy: Some("FallbackToLogsOnError".to_owned()),
        startup_probe: Some(probes::startup(instance)),
        liveness_probe: Some(probes::liveness(instance)),
        readiness_probe: Some(probes::readiness(instance)),
        ..Container::default()
    }
}

/// Records in the pod on which port its server serves metrics, because the spec may change later. The port of the API
/// is in the sidecar's environment.
fn metrics_port(instance: &Instance) -> Option<Vec<ContainerPort>> {
    let metrics = instance.spec.metrics()?;
    let port = ContainerPort {
        name: Some(METRICS_PORT.to_owned()),
        container_port: metrics.port,
        protocol: Some("TCP".to_owned()),
        ..ContainerPort::default()
    };
    Some(vec![port])
}

fn mounts(instance: &Instance) -> Vec<VolumeMount> {
    let mut mounts = vec![
        read_only(CONFIG_VOLUME, CONFIG_DIRECTORY),
        mount(TMP_VOLUME, "/tmp"),
        mount(names::CONTROL_PLANE_CLAIM, "/data/controlplane"),
        mount(names::METADATA_CLAIM, "/data/store/metadata"),
    ];
    if instance.spec.storage.content_size.is_some() {
        mounts.push(mount(names::CONTENT_CLAIM, "/data/store/block"));
    }
    mounts.extend(files::server_mounts(instance));
    mounts.extend(instance.spec.pod.volume_mounts.iter().cloned());
    mounts
}
