//! The ceiling: how many writes a second the API server takes of small objects.

use super::Error;
use super::ground::Ground;
use super::instances::{self, Place};
use super::spread::Spread;
use futures::{StreamExt as _, TryStreamExt as _};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::Api;
use kube::api::{Patch, PatchParams};
use serde_json::json;
use std::time::{Duration, Instant};

const SIDE_BY_SIDE: usize = 32;
const TIME: Duration = Duration::from_secs(6);
const TIMES: usize = 3;

/// Writes a second, the median of several tries.
///
/// # Errors
/// The API server refuses.
pub async fn measure(ground: &Ground<'_>) -> Result<f64, Error> {
    let place = Place {
        namespace: "flood".to_owned(),
        name: "flood".to_owned(),
    };
    instances::make_namespaces(&ground.client, std::slice::from_ref(&place)).await?;
    let api: Api<ConfigMap> = Api::namespaced(ground.client.clone(), &place.namespace);
    let mut rates = Vec::new();
    for round in 0..TIMES {
        let began = Instant::now();
        let numbers = (0_u32..).take_while(|_| began.elapsed() < TIME);
        let written = futures::stream::iter(numbers)
            .map(|number| write(&api, format!("flood-{round}-{number}")))
            .buffer_unordered(SIDE_BY_SIDE)
            .try_fold(0.0, |count, ()| async move { Ok(count + 1.0) })
            .await?;
        rates.push(written / began.elapsed().as_secs_f64());
    }
    Ok(Spread::new(rates).p50())
}

async fn write(api: &Api<ConfigMap>, name: String) -> Result<(), Error> {
    let object = json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name},
        "data": {"number": name},
    });
    let manager = PatchParams::apply("flood").force();
    api.patch(&name, &manager, &Patch::Apply(object)).await?;
    Ok(())
}
