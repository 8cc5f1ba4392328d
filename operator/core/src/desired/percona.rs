//! The PostgreSQL cluster, for Percona's operator.

use dittofs_shared::crd::{Percona, PerconaBackup};
use dittofs_shared::names;
use kube::core::DynamicObject;
use serde_json::{Value, json};

use super::meta::{metadata, without_owner};
use super::with::with;
use crate::instance::Instance;
use crate::optional::OptionalKind;

/// Release of Percona's operator whose fields these are. Later ones accept them too.
const RELEASE: &str = "2.8.0";
/// Version of PostgreSQL.
const POSTGRES: u8 = 16;
/// The only repository of the backups.
const REPOSITORY: &str = "repo1";

/// The cluster, unless it exists and is not ours.
pub fn cluster(instance: &Instance) -> Option<DynamicObject> {
    let settings = instance.spec.percona.as_ref()?;
    instance
        .percona
        .as_ref()
        .filter(|cluster| cluster.is_ours)?;
    let name = names::percona_cluster(&instance.name);
    let meta = if settings.delete_with_server {
        metadata(instance, name)
    } else {
        without_owner(instance, name)
    };
    let body = json!({"spec": spec(instance, settings)});
    Some(OptionalKind::PerconaPGCluster.object(meta, body))
}

fn spec(instance: &Instance, settings: &Percona) -> Value {
    let volume = json!({
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": settings.storage_size}},
    });
    let class = class(settings).map(Value::from);
    let volume = with(volume, "storageClassName", class);
    json!({
        "crVersion": RELEASE,
        "postgresVersion": POSTGRES,
        // Since PostgreSQL 15 only its owner may create tables in schema `public`.
        "autoCreateUserSchema": true,
        "instances": [{
            "name": "instance1",
            "replicas": settings.replicas,
            "dataVolumeClaimSpec": volume,
        }],
        "users": [{"name": names::PERCONA_USER, "databases": [settings.database_name]}],
        "backups": backups(&instance.name, settings.backup()),
    })
}

/// An empty name counts as unset, as in the Go operator.
fn class(settings: &Percona) -> Option<&str> {
    let class = settings.storage_class_name.as_deref();
    class.filter(|class| !class.is_empty())
}

fn backups(instance: &str, backup: Option<&PerconaBackup>) -> Value {
    let Some(backup) = backup else {
        return json!({"enabled": false});
    };
    let pgbackrest = json!({
        "global": {
            "repo1-path": format!("/pgbackrest/{instance}/{REPOSITORY}"),
            "repo1-retention-full": backup.retention_days.to_string(),
            "repo1-retention-full-type": "time",
            "repo1-s3-uri-style": "path",
            "repo1-storage-verify-tls": "y",
        },
        "repos": [{
            "name": REPOSITORY,
            "s3": {
                "bucket": backup.bucket,
                "endpoint": backup.endpoint,
                "region": backup.region,
            },
            "schedules": {
                "full": backup.full_schedule,
                "incremental": backup.incr_schedule,
            },
        }],
    });
    let credentials = backup.credentials_secret_ref.as_ref();
    let secret = credentials.filter(|secret| !secret.name.is_empty());
    let configuration = secret.map(|secret| json!([{"secret": {"name": secret.name}}]));
    let pgbackrest = with(pgbackrest, "configuration", configuration);
    json!({"enabled": true, "pgbackrest": pgbackrest})
}
