//! One case: a folder of files, and the cluster that they describe.

use crate::fields::merge;
use dittofs_operator_core::desired::{Content, Desired, GeneratedSecret};
use dittofs_operator_core::instance::{Defaults, Instance};
use dittofs_operator_core::observed::Observed;
use dittofs_operator_core::optional::{Absence, OptionalKind};
use dittofs_operator_core::ownership::Ownership;
use dittofs_operator_core::secrets::references::CONNECTION;
use dittofs_operator_core::secrets::{KeyFacts, SecretFacts};
use dittofs_shared::crd::{DittoServer, RetentionPolicy};
use dittofs_shared::{labels, names};
use k8s_openapi::api::core::v1::{ConfigMap, PersistentVolumeClaim, Service};
use kube::{Resource as _, ResourceExt as _};
use serde::Deserialize;
use serde_json::json;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// Image of the sidecar for whoever names none.
const SIDECAR_IMAGE: &str = "registry.example/dittofs-sidecar:1";

/// When the operator looks.
pub const NOW: &str = "2026-01-02T03:04:05Z";

/// A folder under `golden/`.
#[derive(Clone, Debug)]
pub struct Case {
    pub name: String,
    pub folder: PathBuf,
}

/// How the cluster differs from one in which all is done.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Live {
    /// Parts of the roll hash in which the running pod differs from what is wanted.
    pub pod_differs_in: Vec<String>,
    /// Types of adapters that have a Service although none is wanted now.
    pub other_services: Vec<String>,
    /// Kinds that the cluster is without, such as `ServiceMonitor`.
    pub absent_kinds: Vec<String>,
    /// Service types `LoadBalancer` get no address.
    pub no_addresses: bool,
    /// Claims, by claim template, that are not bound to a volume as large as asked.
    pub claims: BTreeMap<String, LiveClaim>,
    /// What Percona's operator says of the PerconaPGCluster, instead of `ready`.
    pub percona_state: Option<String>,
    /// Somebody else has made the PerconaPGCluster.
    pub percona_is_foreign: bool,
    /// What the API server says to a claim that is asked to grow.
    pub growth_is_refused: Option<String>,
    /// What the API server says to another owner of a claim.
    pub owner_is_refused: Option<String>,
    /// Annotations in which the running pod differs from the template.
    pub pod_annotations: BTreeMap<String, String>,
    /// Reason and message with which the sidecar waits, instead of running.
    pub sidecar_waits: Option<(String, String)>,
}

/// A claim that is not as it should be. What is not said is as it should be.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct LiveClaim {
    pub phase: Option<String>,
    pub requested: Option<String>,
    pub capacity: Option<String>,
    /// Type and message of a condition that is true.
    pub condition: Option<(String, String)>,
    /// It is as an earlier version of the operator has left it, or under another retention policy.
    pub unmarked: bool,
}

type Error = Box<dyn std::error::Error + Send + Sync>;

impl Case {
    /// Every case there is.
    pub fn all() -> Vec<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("cases");
        let mut cases: Vec<_> = fs::read_dir(&root)
            .unwrap_or_else(|error| panic!("{}: {error}", root.display()))
            .map(|entry| entry.unwrap().path())
            .filter(|folder| folder.is_dir())
            .map(|folder| Self {
                name: folder.file_name().unwrap().to_string_lossy().into_owned(),
                folder,
            })
            .collect();
        cases.sort_by(|a, b| a.name.cmp(&b.name));
        cases
    }

    /// What there is of the instance, as the operator would see it.
    pub fn observed(&self) -> Result<Observed, Error> {
        let server = with_identity(serde_saphyr::from_str(&self.text("in.yaml")?)?);
        let own: BTreeMap<String, BTreeMap<String, usize>> = self.optional("secrets.yaml")?;
        let own = own.into_iter().map(|(name, keys)| (name, facts(keys)));
        let mut observed = bare(server);
        let live = self.live()?;
        for claim in &mut observed.claims {
            live.put_into(Arc::make_mut(claim))?;
        }
        live.put_into_database(&mut observed);
        observed.adapters = self.published(&observed.server)?.map(Arc::new);
        observed.secrets.extend(own);
        let services: Vec<Service> = self.optional("services.yaml")?;
        observed.adapter_services = services.into_iter().map(Arc::new).collect();
        Ok(observed)
    }

    /// How the cluster differs from one in which all is done.
    pub fn live(&self) -> Result<Live, Error> {
        self.optional("live.yaml")
    }

    fn published(&self, server: &DittoServer) -> Result<Option<ConfigMap>, Error> {
        if !self.folder.join("adapters.yaml").exists() {
            return Ok(None);
        }
        let mut config_map = ConfigMap {
            data: Some(self.optional("adapters.yaml")?),
            ..ConfigMap::default()
        };
        config_map.metadata.name = Some(names::adapters(&server.name_any()));
        config_map.metadata.uid = Some("00000000-0000-0000-0000-00000000000a".to_owned());
        super::signed_by_sidecar(&mut config_map);
        Ok(Some(config_map))
    }

    pub fn optional<T: for<'de> Deserialize<'de> + Default>(&self, file: &str) -> Result<T, Error> {
        if !self.folder.join(file).exists() {
            return Ok(T::default());
        }
        Ok(serde_saphyr::from_str(&self.text(file)?)?)
    }

    /// One of its files.
    pub fn text(&self, file: &str) -> Result<String, Error> {
        let path = self.folder.join(file);
        fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()).into())
    }
}

impl Live {
    fn put_into_database(&self, observed: &mut Observed) {
        let kind = OptionalKind::PerconaPGCluster;
        if self.absent_kinds.iter().any(|absent| absent == kind.name()) {
            let missing = (kind, Absence::NotInstalled);
            observed.optional.absent.extend([missing]);
            observed.optional.percona = None;
        }
        let Some(cluster) = &mut observed.optional.percona else {
            return;
        };
        let cluster = Arc::make_mut(cluster);
        if let Some(state) = &self.percona_state {
            cluster.data["status"]["state"] = json!(state);
        }
        if self.percona_is_foreign {
            cluster.metadata.labels = None;
        }
    }

    fn put_into(&self, claim: &mut PersistentVolumeClaim) -> Result<(), Error> {
        let name = claim.name_any();
        let template = name.split('-').next().unwrap_or_default();
        let Some(live) = self.claims.get(template) else {
            return Ok(());
        };
        let conditions = live
            .condition
            .iter()
            .map(|(r#type, message)| json!({"type": r#type, "status": "True", "message": message}));
        let mut changed = serde_json::to_value(&*claim)?;
        merge(
            &mut changed,
            json!({"status": {"conditions": conditions.collect::<Vec<_>>()}}),
        );
        for (path, value) in [
            ("/status/phase", &live.phase),
            ("/spec/resources/requests/storage", &live.requested),
            ("/status/capacity/storage", &live.capacity),
        ] {
            if let Some(value) = value {
                *changed.pointer_mut(path).ok_or(path)? = json!(value);
            }
        }
        *claim = serde_json::from_value(changed)?;
        if live.unmarked {
            claim.metadata.labels = Some(labels::selector("files"));
            claim.metadata.annotations = None;
            claim.metadata.owner_references = None;
        }
        Ok(())
    }
}

/// The PerconaPGCluster and its Secret, ready, where one is asked for.
fn add_database(observed: &mut Observed) {
    let name = observed.server.name_any();
    let Some(percona) = observed
        .server
        .spec
        .percona
        .as_ref()
        .filter(|asked| asked.enabled)
    else {
        return;
    };
    let cluster = json!({
        "apiVersion": "pgv2.percona.com/v2", "kind": "PerconaPGCluster",
        "metadata": {"name": names::percona_cluster(&name), "labels": labels::of_instance(&name)},
        "status": {"state": "ready"},
    });
    let database = percona.database_name.len();
    let keys =
        names::PERCONA_KEYS.map(|key| (key.to_owned(), if key == "dbname" { database } else { 4 }));
    observed
        .secrets
        .insert(names::percona_secret(&name), facts(keys.into()));
    observed.optional.percona = Some(Arc::new(serde_json::from_value(cluster).unwrap()));
}

/// The claims of an instance, bound to volumes as large as asked.
fn claims(server: &DittoServer) -> Vec<Arc<PersistentVolumeClaim>> {
    let storage = &server.spec.storage;
    let sizes = [
        (names::METADATA_CLAIM, Some(&storage.metadata_size)),
        (names::CONTENT_CLAIM, storage.content_size.as_ref()),
        (
            names::CONTROL_PLANE_CLAIM,
            Some(&storage.control_plane_size),
        ),
    ];
    let claim = |(template, size): (&str, Option<&String>)| {
        let quantity = json!({"storage": size?});
        let owners = match storage.retention_policy {
            RetentionPolicy::Retain => None,
            RetentionPolicy::Delete => server.controller_owner_ref(&()),
        };
        let claim = json!({
            "metadata": {
                "name": names::claim(template, &server.name_any()),
                "uid": format!("00000000-0000-0000-0000-{template:0>12}"),
                "labels": labels::of_instance(&server.name_any()),
                "annotations": labels::without_owner(),
                "ownerReferences": Vec::from_iter(owners),
            },
            "spec": {"storageClassName": "standard", "resources": {"requests": quantity}},
            "status": {"phase": "Bound", "capacity": quantity},
        });
        Some(Arc::new(serde_json::from_value(claim).unwrap()))
    };
    sizes.into_iter().filter_map(claim).collect()
}

/// An instance of which nothing is there yet but its claims and the Secrets that the operator makes.
pub fn bare(server: DittoServer) -> Observed {
    let mut observed = Observed {
        claims: claims(&server),
        ..Observed::nothing_of(server, NOW.parse().unwrap())
    };
    let made = Desired::of(&parse(&observed)).secrets;
    let made = made.iter().map(of_recipe);
    observed.secrets = made.collect();
    add_database(&mut observed);
    observed
}

/// As the API server would hand it out.
pub fn with_identity(mut server: DittoServer) -> DittoServer {
    let metadata = &mut server.metadata;
    metadata
        .namespace
        .get_or_insert_with(|| "storage".to_owned());
    metadata.uid = Some("00000000-0000-0000-0000-000000000001".to_owned());
    metadata.generation = Some(1);
    server
}

/// What the operator understands of it.
pub fn parse(observed: &Observed) -> Instance {
    let defaults = Defaults {
        sidecar_image: SIDECAR_IMAGE.to_owned(),
        keep_unused_config: Duration::from_mins(10),
        forbidden: std::collections::BTreeSet::new(),
    };
    Instance::parse(observed, &defaults)
}

fn of_recipe(secret: &GeneratedSecret) -> (String, SecretFacts) {
    let name = secret.metadata.name.clone().unwrap();
    let lengths = match &secret.content {
        Content::Random { fixed, key, length } => {
            let fixed = fixed.iter().map(|(key, value)| (key.clone(), value.len()));
            fixed.chain([(key.clone(), *length)]).collect()
        }
        Content::Connection(_) => CONNECTION.map(|key| (key.to_owned(), 1)).into(),
    };
    let found = SecretFacts {
        ownership: Ownership::Ours,
        ..facts(lengths)
    };
    (name, found)
}

/// The digest stands for contents that nobody has to know.
pub fn facts(keys: BTreeMap<String, usize>) -> SecretFacts {
    let fact = |(key, length): (String, usize)| {
        let facts = KeyFacts {
            length,
            connection_problem: None,
            ..KeyFacts::of(format!("{key} {length}").as_bytes())
        };
        (key, facts)
    };
    SecretFacts {
        keys: keys.into_iter().map(fact).collect(),
        resource_version: Some("1".to_owned()),
        ..SecretFacts::default()
    }
}
