//! What a tenant makes large takes no memory of the operator that all share.

use dittofs_rig::beside::Operator;
use dittofs_shared::labels;
use dittofs_suite::instance::{Instance, POD_DEADLINE, adapter};
use dittofs_suite::substitute::Substitute;
use dittofs_suite::world::Scene;
use dittofs_suite::{Outcome, ensure};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::PostParams;
use serde_json::json;

use super::seen::{Failed, both_exposed, settled, without_pod};

/// How many ConfigMaps a tenant makes, and how much data each has: nearly as much as the API server accepts.
const MANY: usize = 200;
const LARGE: usize = 1_000_000;
/// By how much the memory of the operator may grow, in kB.
const GROWTH: u64 = 10 * 1024;

/// Text that does not compress.
fn text(seed: usize) -> String {
    let mut state = seed as u64 + 1;
    let letters = std::iter::repeat_with(|| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        char::from(b'a' + u8::try_from((state >> 33) % 26).unwrap_or_default())
    });
    letters.take(LARGE).collect()
}

/// Some are named as ours are.
fn config_map(number: usize) -> Result<ConfigMap, Failed> {
    let ending = ["", "-adapters", "-sidecar", "-config-0123456789ab"][number % 4];
    let labels = json!({
        labels::MANAGED_BY: labels::MANAGED_BY_VALUE, labels::INSTANCE: format!("tenant-{number}"),
    });
    Ok(serde_json::from_value(json!({
        "metadata": {"name": format!("tenant-{number}{ending}"), "labels": labels},
        "data": {"adapters": text(number)},
    }))?)
}

/// A line of `/proc/PID/status`, in kB.
fn memory(operator: &Operator, line: &str) -> Result<u64, Failed> {
    let path = format!("/proc/{}/status", operator.id());
    let status = std::fs::read_to_string(&path)?;
    let found = status
        .lines()
        .find_map(|one| one.strip_prefix(line)?.strip_prefix(':'));
    let number = found.and_then(|rest| rest.split_whitespace().next());
    Ok(number.ok_or(format!("no {line} in {path}"))?.parse()?)
}

fn start(scene: &Scene, name: &'static str) -> Result<Operator, Failed> {
    let world = &scene.world;
    let environment = [format!("DITTOFS_OPERATOR_NAMESPACES={}", scene.namespace)];
    Ok(Operator::start(
        &world.cluster,
        &world.programs,
        name,
        &environment,
    )?)
}

async fn smb_moves_to(files: &Instance, port: i32) -> Outcome {
    files
        .publish(vec![adapter("nfs", 12049), adapter("smb", i64::from(port))])
        .await?;
    files
        .wait_services(&[("files-nfs", 12049), ("files-smb", port)], POD_DEADLINE)
        .await?;
    Ok(())
}

pub async fn config_maps_of_a_megabyte_take_no_memory(scene: Scene) -> Outcome {
    let _rest = Substitute::none(&scene);
    let operator = start(&scene, "watching-operator")?;
    let files = both_exposed(&scene, "files", without_pod()).await?;
    settled(&scene).await?;
    let before = memory(&operator, "VmRSS")?;
    let api = files.api::<ConfigMap>();
    let parameters = PostParams::default();
    let made = stream::iter(0..MANY).map(|number| {
        let api = &api;
        let parameters = &parameters;
        async move { Ok::<_, Failed>(api.create(parameters, &config_map(number)?).await?) }
    });
    made.buffer_unordered(4).try_collect::<Vec<_>>().await?;
    // Events come in order: with this one the operator has seen them all.
    smb_moves_to(&files, 1446).await?;
    let after = memory(&operator, "VmRSS")?;
    ensure!(
        after < before + GROWTH,
        "while it watches: {before} kB became {after} kB"
    );
    drop(operator);
    let operator = start(&scene, "listing-operator")?;
    smb_moves_to(&files, 1447).await?;
    for line in ["VmRSS", "VmHWM"] {
        let after = memory(&operator, line)?;
        ensure!(
            after < before + GROWTH,
            "{line} after a start: {before} kB became {after} kB"
        );
    }
    Ok(())
}
