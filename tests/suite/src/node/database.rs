//! A server with a database of Percona's operator, which a script plays.

use dittofs_suite::instance::Instance;
use dittofs_suite::percona::{Percona, SECRET, database};
use dittofs_suite::world::Scene;
use dittofs_suite::{Outcome, ensure};
use hyper::Method;
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{Pod, Secret};
use kube::api::ListParams;
use serde_json::json;

pub async fn the_server_starts_when_it_is_ready_and_with_its_connection(scene: Scene) -> Outcome {
    let files = Instance::create(&scene, "files", json!({"percona": {"enabled": true}})).await?;
    let percona = Percona::of(&scene);
    percona.cluster().await?;
    percona.says("initializing").await?;
    database(&files, "False", "NotReady").await?;
    nothing_runs(&files).await?;
    percona.says("ready").await?;
    database(&files, "False", "SecretMissing").await?;
    nothing_runs(&files).await?;
    percona.makes_secret("first").await?;
    database(&files, "True", "Ready").await?;
    files.wait_ready().await?;
    has_the_connection(&files).await?;
    let config = files
        .administrator()
        .await?
        .ask(Method::GET, "/simulator/config", None)
        .await?
        .accepted("GET /simulator/config")?;
    let database = &config.body["database"];
    let expected = json!({
        "type": "postgres",
        "postgres": {
            "host": "files-postgres-primary.own.svc", "port": 5432, "database": "dittofs", "user": "dittofs",
            "password": database["postgres"]["password"],
        },
    });
    ensure!(*database == expected, "the server has {database}");
    Ok(())
}

/// The operator has said in the status what it waits for, so that it has had its chance to make a pod.
async fn nothing_runs(files: &Instance) -> Outcome {
    let all = ListParams::default();
    let sets = files.api::<StatefulSet>().list(&all).await?.items.len();
    let pods = files.api::<Pod>().list(&all).await?.items.len();
    ensure!(
        sets == 0 && pods == 0,
        "there are {sets} StatefulSets and {pods} pods"
    );
    Ok(())
}

/// The server's environment is what the Secret says.
async fn has_the_connection(files: &Instance) -> Outcome {
    let secret = files.api::<Secret>().get(SECRET).await?;
    let values = secret.data.unwrap_or_default();
    let said = super::client::run_in_server(files, &["cat", "/proc/1/environ"])?;
    for (variable, key) in [
        ("HOST", "host"),
        ("PORT", "port"),
        ("DATABASE", "dbname"),
        ("USER", "user"),
        ("PASSWORD", "password"),
    ] {
        let value = String::from_utf8(values[key].0.clone())?;
        let expected = format!("DITTOFS_DATABASE_POSTGRES_{variable}={value}");
        ensure!(
            said.split('\0').any(|found| found == expected),
            "the server has no {expected}"
        );
    }
    Ok(())
}
