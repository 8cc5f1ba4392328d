//! Secrets: those of the user's are checked, those that exist are kept, the rest are made.

use dittofs_shared::crd::DittoServer;
use dittofs_shared::{labels, names};
use dittofs_suite::instance::{API_DEADLINE, Instance};
use dittofs_suite::world::Scene;
use dittofs_suite::{Outcome, ensure};
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::Secret;
use kube::ResourceExt;
use kube::api::{ListParams, PostParams};
use serde_json::json;
use std::collections::BTreeMap;

use super::seen::{version, wait_event, wait_object, without_pod, write};

fn secret(name: &str, key: &str, value: &str) -> Secret {
    serde_json::from_value(json!({"metadata": {"name": name}, "stringData": {key: value}})).unwrap()
}

/// Waits until ConfigReady is False with a message that has these words.
pub async fn wait_unusable(files: &Instance, words: &[&str]) -> Outcome {
    files
        .wait_status(
            &format!("ConfigReady to be False and to say {words:?}"),
            API_DEADLINE,
            |server| {
                let conditions = server.status.clone().unwrap_or_default().conditions;
                let config = conditions
                    .iter()
                    .find(|condition| condition.type_ == "ConfigReady");
                match config {
                    Some(config)
                        if config.status == "False"
                            && words.iter().all(|word| config.message.contains(word)) =>
                    {
                        Ok(())
                    }
                    other => Err(format!("{other:?}")),
                }
            },
        )
        .await?;
    let ready = files
        .wait_condition("Ready", "False", Some("SecretUnusable"), API_DEADLINE)
        .await?;
    let message = &ready.status.unwrap_or_default().conditions[0].message;
    ensure!(
        words.iter().all(|word| message.contains(word)),
        "Ready says {message:?}"
    );
    Ok(())
}

/// Has the operator look again: Secrets are not watched.
pub async fn nudge(files: &Instance, count: u8) -> Outcome {
    let patch = json!({"metadata": {"annotations": {"example.com/nudge": count.to_string()}}});
    write::<DittoServer>(files, "somebody", "files", patch).await?;
    Ok(())
}

pub async fn fill(files: &Instance, name: &str, key: &str, value: &str) -> Outcome {
    let api = files.api::<Secret>();
    if api.get_opt(name).await?.is_none() {
        api.create(&PostParams::default(), &secret(name, key, value))
            .await?;
    } else {
        write::<Secret>(files, "somebody", name, json!({"stringData": {key: value}})).await?;
    }
    Ok(())
}

pub async fn secrets_that_cannot_be_used_are_named_and_healing_is_noticed(scene: Scene) -> Outcome {
    let mut spec = without_pod();
    spec["identity"] = json!({
        "jwt": {"secretRef": {"name": "keys", "key": "jwt"}},
        "admin": {"passwordSecretRef": {"name": "people", "key": "admin"}},
    });
    let files = Instance::create(&scene, "files", spec).await?;
    wait_unusable(
        &files,
        &[
            "\"people\"",
            "spec.identity.admin.passwordSecretRef",
            "does not exist",
        ],
    )
    .await?;
    wait_event(&files, "SecretUnusable", "\"people\"").await?;
    fill(&files, "people", "other", "long enough").await?;
    nudge(&files, 1).await?;
    wait_unusable(&files, &["\"people\"", "no key \"admin\""]).await?;
    fill(&files, "people", "admin", "short").await?;
    nudge(&files, 2).await?;
    wait_unusable(&files, &["\"people\"", "5 bytes", "at least 8"]).await?;
    fill(&files, "people", "admin", "long enough").await?;
    fill(&files, "keys", "jwt", "0123456789").await?;
    nudge(&files, 3).await?;
    wait_unusable(&files, &["\"keys\"", "10 bytes", "at least 32"]).await?;
    let sets = files.api::<StatefulSet>();
    ensure!(
        sets.get_opt("files").await?.is_none(),
        "the StatefulSet is made all the same"
    );
    fill(&files, "keys", "jwt", &"0123456789".repeat(4)).await?;
    nudge(&files, 4).await?;
    files
        .wait_condition("ConfigReady", "True", None, API_DEADLINE)
        .await?;
    wait_object::<StatefulSet>(&files, "files", "is there", |_| Ok(())).await?;
    let made = files.api::<Secret>().list(&ListParams::default()).await?;
    let made: Vec<_> = made.iter().map(ResourceExt::name_any).collect();
    ensure!(
        made == ["files-sidecar-credentials", "keys", "people"],
        "the Secrets are {made:?}"
    );
    Ok(())
}

fn holds(secret: &Secret, user: &str) -> Outcome {
    let data = secret.data.clone().unwrap_or_default();
    let right = data["username"].0 == user.as_bytes() && data["password"].0.len() == 32;
    ensure!(right, "{} is not for {user}", secret.name_any());
    Ok(())
}

pub async fn a_secret_that_exists_is_never_overwritten(scene: Scene) -> Outcome {
    let files = Instance {
        scene: scene.clone(),
        name: "files".to_owned(),
    };
    let api = files.api::<Secret>();
    let mut mine = secret(
        &names::jwt_secret("files"),
        names::JWT_SECRET_KEY,
        &"mine".repeat(10),
    );
    // As one that was generated before, or restored.
    mine.metadata.labels = Some(labels::of_instance("files"));
    let mine = api.create(&PostParams::default(), &mine).await?;
    Instance::create(&scene, "files", without_pod()).await?;
    wait_object::<StatefulSet>(&files, "files", "is there", |_| Ok(())).await?;
    // The others are made, with what the server and the sidecar need.
    let admin = api.get(&names::admin_credentials("files")).await?;
    holds(&admin, "admin")?;
    let sidecar = names::sidecar_credentials("files");
    holds(&api.get(&sidecar).await?, names::SIDECAR_USER)?;
    let edit = json!({"stringData": {"password": "edited by hand"}});
    let edited = write::<Secret>(&files, "somebody", &sidecar, edit).await?;
    files
        .change(json!({"sidecar": {"logLevel": "WARN"}}))
        .await?;
    files
        .wait_condition("ConfigReady", "True", None, API_DEADLINE)
        .await?;
    for before in [mine, admin, edited] {
        let after = api.get(&before.name_any()).await?;
        ensure!(
            version(&before) == version(&after),
            "Secret {} has been written to",
            after.name_any()
        );
    }
    Ok(())
}

/// The Secret that the server of an instance finds its database in, by the variable for the host.
fn source_of_host(set: &StatefulSet) -> Option<String> {
    let pod = set.spec.as_ref()?.template.spec.as_ref()?;
    let mut variables = pod
        .containers
        .iter()
        .flat_map(|one| one.env.iter().flatten());
    let host = variables.find(|variable| variable.name == "DITTOFS_DATABASE_POSTGRES_HOST")?;
    let key = host.value_from.as_ref()?.secret_key_ref.as_ref()?;
    Some(key.name.clone())
}

/// The server takes the parts of a connection, each from a variable of its own.
pub async fn a_connection_string_is_taken_apart_into_a_secret_of_its_own(scene: Scene) -> Outcome {
    let mut spec = without_pod();
    spec["database"] = json!({"postgresSecretRef": {"name": "db", "key": "url"}});
    fill_in(
        &scene,
        "postgres://ditto:p%40ss@db.example.com/files?pool=3",
    )
    .await?;
    let files = Instance::create(&scene, "files", spec).await?;
    wait_unusable(&files, &["\"db\"", "\"pool\"", "remove it"]).await?;

    let first = "postgres://ditto:p%40ss@db.example.com/files?sslmode=require";
    fill(&files, "db", "url", first).await?;
    nudge(&files, 1).await?;
    let is_told = |set: &StatefulSet| source_of_host(set).map(drop).ok_or("no host".to_owned());
    let set = wait_object::<StatefulSet>(&files, "files", "to have a host", is_told).await?;
    let before = source_of_host(&set).unwrap_or_default();
    let made = files.api::<Secret>().get(&before).await?;
    let data = made.data.clone().unwrap_or_default();
    let texts: BTreeMap<_, _> = data
        .iter()
        .map(|(key, value)| (key.as_str(), String::from_utf8_lossy(&value.0)))
        .collect();
    let parts = [
        ("database", "files"),
        ("host", "db.example.com"),
        ("password", "p@ss"),
        ("sslmode", "require"),
        ("user", "ditto"),
    ];
    ensure!(
        texts == parts.map(|(key, value)| (key, value.into())).into(),
        "it has {texts:?}"
    );
    ensure!(
        made.owner_references()
            .iter()
            .any(|owner| owner.kind == "DittoServer"),
        "nobody owns {before}"
    );

    fill(&files, "db", "url", &first.replace("p%40ss", "other")).await?;
    nudge(&files, 2).await?;
    let is_another = |set: &StatefulSet| match source_of_host(set) {
        Some(now) if now != before => Ok(()),
        now => Err(format!("{now:?}")),
    };
    let set = wait_object::<StatefulSet>(&files, "files", "another Secret", is_another).await?;
    let after = files
        .api::<Secret>()
        .get(&source_of_host(&set).unwrap_or_default())
        .await?;
    let password = after.data.unwrap_or_default().remove("password");
    ensure!(
        password.is_some_and(|password| password.0 == b"other"),
        "the new Secret does not have the new password"
    );
    Ok(())
}

/// The Secret is there before the instance.
async fn fill_in(scene: &Scene, value: &str) -> Outcome {
    let files = Instance {
        scene: scene.clone(),
        name: "files".to_owned(),
    };
    fill(&files, "db", "url", value).await
}
