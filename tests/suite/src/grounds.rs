//! Namespaces inside of a test, each for one instance, for tests that need many that do not know of each other.

use dittofs_golden::fields;
use dittofs_shared::labels;
use k8s_openapi::api::core::v1::{Namespace, Secret};
use kube::Api;
use kube::api::PostParams;
use serde_json::{Value, json};

use crate::instance::Instance;
use crate::world::Scene;

type Error = Box<dyn std::error::Error + Send + Sync>;

/// A namespace with the Secrets that [`fields`] name, and those that the operator would make: they differ between no two
/// namespaces. The `DittoServer` is yet to be applied.
///
/// # Errors
/// The API server refuses.
pub async fn instance(scene: &Scene, suffix: &str) -> Result<Instance, Error> {
    let files = without_secrets(scene, suffix).await?;
    make(&files, generated()).await?;
    Ok(files)
}

/// The same without those that the operator would make.
///
/// # Errors
/// The API server refuses.
pub async fn without_secrets(scene: &Scene, suffix: &str) -> Result<Instance, Error> {
    let mut scene = scene.clone();
    // A name of a namespace has at most 63 characters.
    let prefix: String = scene.namespace.chars().take(45).collect();
    scene.namespace = format!("{}-{suffix}", prefix.trim_end_matches('-'));
    let name = scene.namespace.clone();
    let namespace = serde_json::from_value(json!({"metadata": {"name": name}}))?;
    let namespaces: Api<Namespace> = Api::all(scene.client.clone());
    namespaces
        .create(&PostParams::default(), &namespace)
        .await?;
    let files = Instance {
        scene,
        name: "files".to_owned(),
    };
    let own = fields::secrets().into_iter();
    make(&files, own.map(|(name, data)| (name, json!(data)))).await?;
    Ok(files)
}

async fn make(
    files: &Instance,
    contents: impl IntoIterator<Item = (&'static str, Value)>,
) -> Result<(), Error> {
    for (name, data) in contents {
        let labels = labels::of_instance("files");
        let secret = json!({"metadata": {"name": name, "labels": labels}, "stringData": data});
        files
            .api::<Secret>()
            .create(&PostParams::default(), &serde_json::from_value(secret)?)
            .await?;
    }
    Ok(())
}

/// Those that the operator would make.
fn generated() -> [(&'static str, Value); 3] {
    [
        ("files-jwt-secret", json!({"jwt-secret": "k".repeat(64)})),
        (
            "files-admin-bootstrap-credentials",
            json!({"username": "admin", "password": "a".repeat(32)}),
        ),
        (
            "files-sidecar-credentials",
            json!({"username": "dittofs-sidecar", "password": "s".repeat(32)}),
        ),
    ]
}
