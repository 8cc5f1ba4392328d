//! Secrets that the server needs once, or byte for byte, or that only one server should have.

use dittofs_suite::instance::{API_DEADLINE, Instance, merge};
use dittofs_suite::world::Scene;
use dittofs_suite::{Outcome, ensure};
use k8s_openapi::ByteString;
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::Secret;
use kube::api::{DeleteParams, PostParams};
use serde_json::{Value, json};

use super::secrets::{fill, nudge, wait_unusable};
use super::seen::{good, wait_object, without_pod};

fn spec(identity: &Value) -> Value {
    let mut spec = without_pod();
    merge(&mut spec, json!({ "identity": identity }));
    spec
}

fn of(scene: &Scene, name: &str) -> Instance {
    Instance {
        scene: scene.clone(),
        name: name.to_owned(),
    }
}

fn image(set: &StatefulSet) -> Value {
    json!(set)["spec"]["template"]["spec"]["containers"][0]["image"].take()
}

fn roll_hash(set: &StatefulSet) -> Value {
    let path = "/spec/template/metadata/annotations/dittofs.dittofs.com~1roll-hash";
    json!(set).pointer(path).cloned().unwrap_or_default()
}

pub async fn it_is_needed_only_until_the_server_has_data(scene: Scene) -> Outcome {
    let files = of(&scene, "files");
    fill(&files, "people", "admin", "long enough").await?;
    let admin = json!({"admin": {"passwordSecretRef": {"name": "people", "key": "admin"}}});
    let files = Instance::create(&scene, "files", spec(&admin)).await?;
    let set = wait_object::<StatefulSet>(&files, "files", "is there", |_| Ok(())).await?;
    let secrets = files.api::<Secret>();
    secrets.delete("people", &DeleteParams::default()).await?;
    nudge(&files, 1).await?;
    wait_unusable(&files, &["\"people\"", "does not exist"]).await?;

    // The server has run: it has an administrator.
    files.publish(good()).await?;
    files
        .wait_condition("ConfigReady", "True", None, API_DEADLINE)
        .await?;
    let before = roll_hash(&files.api::<StatefulSet>().get("files").await?);
    ensure!(
        before == roll_hash(&set),
        "it is restarted for that: {before}"
    );
    files
        .change(json!({"image": "registry.example/dittofs:2"}))
        .await?;
    wait_object::<StatefulSet>(&files, "files", "follows", |set| {
        let image = image(set);
        if image == "registry.example/dittofs:2" {
            Ok(())
        } else {
            Err(image.to_string())
        }
    })
    .await?;
    Ok(())
}

pub async fn bytes_that_no_environment_takes_are_told(scene: Scene) -> Outcome {
    let files = of(&scene, "files");
    let mut keys: Secret = serde_json::from_value(json!({"metadata": {"name": "keys"}}))?;
    keys.data = Some([("jwt".to_owned(), ByteString(vec![0xff; 40]))].into());
    let secrets = files.api::<Secret>();
    secrets.create(&PostParams::default(), &keys).await?;
    let jwt = json!({"jwt": {"secretRef": {"name": "keys", "key": "jwt"}}});
    let files = Instance::create(&scene, "files", spec(&jwt)).await?;
    wait_unusable(&files, &["\"keys\"", "\"jwt\"", "UTF-8"]).await?;
    // A line end is a byte like any other.
    fill(
        &files,
        "keys",
        "jwt",
        &format!("{}\n", "0123456789".repeat(4)),
    )
    .await?;
    nudge(&files, 1).await?;
    files
        .wait_condition("ConfigReady", "True", None, API_DEADLINE)
        .await?;
    Ok(())
}

pub async fn a_signing_key_of_two_servers_is_told_to_both(scene: Scene) -> Outcome {
    let files = of(&scene, "files");
    fill(&files, "keys", "jwt", &"0123456789".repeat(4)).await?;
    let jwt = || spec(&json!({"jwt": {"secretRef": {"name": "keys", "key": "jwt"}}}));
    let files = Instance::create(&scene, "files", jwt()).await?;
    files
        .wait_condition("ConfigReady", "True", None, API_DEADLINE)
        .await?;
    let other = Instance::create(&scene, "other", jwt()).await?;
    let shared = Some("SharedSigningKey");
    other
        .wait_condition("SigningKeyExclusive", "False", shared, API_DEADLINE)
        .await?;
    nudge(&files, 1).await?;
    files
        .wait_condition("SigningKeyExclusive", "False", shared, API_DEADLINE)
        .await?;
    fill(&files, "own", "jwt", &"9876543210".repeat(4)).await?;
    other
        .change(json!({"identity": {"jwt": {"secretRef": {"name": "own"}}}}))
        .await?;
    other
        .wait_status("nothing to be shared", API_DEADLINE, |server| {
            let conditions = server.status.clone().unwrap_or_default().conditions;
            let told = conditions
                .iter()
                .any(|one| one.type_ == "SigningKeyExclusive");
            let current = conditions
                .iter()
                .all(|one| one.observed_generation == server.metadata.generation);
            (!told && current)
                .then_some(())
                .ok_or("it is told".to_owned())
        })
        .await?;
    Ok(())
}
