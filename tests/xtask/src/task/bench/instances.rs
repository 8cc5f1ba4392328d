//! The `DittoServers` that scenarios work with.

use super::Error;
use super::ground::Ground;
use futures::{StreamExt as _, TryStreamExt as _};
use k8s_openapi::api::core::v1::Namespace;
use kube::api::{ApiResource, DynamicObject, ListParams, Patch, PatchParams};
use kube::core::{GroupVersionKind, PartialObjectMeta, Resource};
use kube::{Api, Client};
use serde_json::{Value, json};
use std::time::Duration;

/// How many requests of ours are under way at once.
pub const SIDE_BY_SIDE: usize = 16;
/// Instances of a namespace.
const IN_ONE_NAMESPACE: usize = 100;
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
const MANAGER: &str = "bench";

/// Where an instance is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Namespace.
    pub namespace: String,
    /// Name.
    pub name: String,
}

/// Names for so many instances.
pub fn places(word: &str, count: usize) -> Vec<Place> {
    let place = |number: usize| Place {
        namespace: format!("{word}-{}", number / IN_ONE_NAMESPACE),
        name: format!("files-{number}"),
    };
    (0..count).map(place).collect()
}

/// Makes the namespaces of these places.
///
/// # Errors
/// The API server refuses.
pub async fn make_namespaces(client: &Client, places: &[Place]) -> Result<(), Error> {
    let api: Api<Namespace> = Api::all(client.clone());
    let mut names: Vec<_> = places.iter().map(|place| &place.namespace).collect();
    names.dedup();
    for name in names {
        let namespace =
            json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
        let manager = PatchParams::apply(MANAGER);
        api.patch(name, &manager, &Patch::Apply(namespace)).await?;
    }
    Ok(())
}

/// The kind.
pub fn resource() -> ApiResource {
    let kind = GroupVersionKind::gvk("dittofs.dittofs.com", "v1alpha1", "DittoServer");
    ApiResource::from_gvk_with_plural(&kind, "dittoservers")
}

/// Without a pod: there is no node. `replicas` makes one all the same.
pub fn spec(replicas: u8) -> Value {
    json!({
        "replicas": replicas, "adapterServices": {"type": "ClusterIP"},
        "storage": {"metadataSize": "1Gi", "contentSize": "1Gi"},
    })
}

/// Makes an instance, or changes its spec.
///
/// # Errors
/// The API server refuses.
pub async fn make(client: &Client, place: &Place, spec: &Value) -> Result<(), Error> {
    let servers: Api<DynamicObject> =
        Api::namespaced_with(client.clone(), &place.namespace, &resource());
    let server = json!({
        "apiVersion": "dittofs.dittofs.com/v1alpha1", "kind": "DittoServer",
        "metadata": {"name": place.name}, "spec": spec,
    });
    let manager = PatchParams::apply(MANAGER).force();
    servers
        .patch(&place.name, &manager, &Patch::Apply(server))
        .await?;
    Ok(())
}

/// Makes all of them, some side by side.
///
/// # Errors
/// The API server refuses.
pub async fn make_all(client: &Client, places: &[Place], spec: &Value) -> Result<(), Error> {
    futures::stream::iter(places)
        .map(|place| make(client, place, spec))
        .buffer_unordered(SIDE_BY_SIDE)
        .try_collect()
        .await
}

/// Waits until so many objects of a kind have these labels.
///
/// # Errors
/// They are not there in time.
pub async fn wait_count<K>(
    ground: &Ground<'_>,
    selector: &str,
    count: usize,
    patience: Duration,
) -> Result<(), Error>
where
    K: Resource<DynamicType = ()> + Clone + std::fmt::Debug + serde::de::DeserializeOwned,
{
    let began = tokio::time::Instant::now();
    loop {
        let found = self::count::<K>(ground, selector).await?;
        if found >= count {
            return Ok(());
        }
        if began.elapsed() > patience {
            let kind = K::kind(&());
            return Err(format!("{found} of {count} {kind} after {patience:?}").into());
        }
        // The more there is to look at, the less often: looking is no part of the figures.
        let pause = Duration::from_millis(50 + count as u64);
        tokio::time::sleep(pause.min(LONGEST_PAUSE)).await;
    }
}

/// How many objects of a kind have these labels.
///
/// # Errors
/// The API server refuses.
pub async fn count<K>(ground: &Ground<'_>, selector: &str) -> Result<usize, Error>
where
    K: Resource<DynamicType = ()> + Clone + std::fmt::Debug + serde::de::DeserializeOwned,
{
    let api: Api<K> = Api::all(ground.client.clone());
    // From the API server's cache: looking is to cost little.
    let wanted = ListParams::default().labels(selector).match_any();
    let found: Vec<PartialObjectMeta<K>> = api.list_metadata(&wanted).await?.items;
    Ok(found.len())
}
