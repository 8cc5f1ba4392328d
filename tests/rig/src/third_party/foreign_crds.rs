//! Kinds of others that the operator makes use of where they are there, as their projects define them.
//!
//! Those of Gateway API and of the Prometheus operator come out of their published Go modules, pinned in
//! `modules/crds`; Go checks the sums. That of Percona's operator is written down in `crds/`, with the reason.
//!
//! A CRD belongs to the whole cluster: who installs or removes one changes the world of everybody in it.

use crate::build::binaries;
use crate::build::modules::CRDS;
use crate::build::progress::Step;
use crate::files::{self, FileError};
use crate::process::command;
use crate::wait::{TimedOut, wait_for};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{DeleteParams, DynamicObject, ListParams, Patch, PatchParams};
use kube::core::{ApiResource, GroupVersionKind};
use kube::{Api, Client, ResourceExt as _};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

const FIELD_MANAGER: &str = "dittofs-rig";
/// How long a kind may take to come or to go, with all objects of it.
const PATIENCE: Duration = Duration::from_secs(90);

const GATEWAY_API: &str = "sigs.k8s.io/gateway-api";
const PROMETHEUS_OPERATOR: &str = "github.com/prometheus-operator/prometheus-operator";
const PERCONA: &str = include_str!("../../crds/perconapgclusters.yaml");

/// A kind of somebody else's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// `PerconaPGCluster`, `pgv2.percona.com/v2`.
    PerconaPgCluster,
    /// `ServiceMonitor`, `monitoring.coreos.com/v1`.
    ServiceMonitor,
    /// `GatewayClass`, `gateway.networking.k8s.io/v1`.
    GatewayClass,
    /// `Gateway`, `gateway.networking.k8s.io/v1`.
    Gateway,
    /// `TCPRoute`, `gateway.networking.k8s.io/v1alpha2`.
    TcpRoute,
    /// `UDPRoute`, `gateway.networking.k8s.io/v1alpha2`.
    UdpRoute,
}

/// The module that defines a kind, and the file in it.
struct Origin {
    module: &'static str,
    file: &'static str,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::PerconaPgCluster,
        Self::ServiceMonitor,
        Self::GatewayClass,
        Self::Gateway,
        Self::TcpRoute,
        Self::UdpRoute,
    ];

    /// Name of the CRD.
    pub fn crd(self) -> &'static str {
        match self {
            Self::PerconaPgCluster => "perconapgclusters.pgv2.percona.com",
            Self::ServiceMonitor => "servicemonitors.monitoring.coreos.com",
            Self::GatewayClass => "gatewayclasses.gateway.networking.k8s.io",
            Self::Gateway => "gateways.gateway.networking.k8s.io",
            Self::TcpRoute => "tcproutes.gateway.networking.k8s.io",
            Self::UdpRoute => "udproutes.gateway.networking.k8s.io",
        }
    }

    fn origin(self) -> Option<Origin> {
        let (module, file) = match self {
            Self::PerconaPgCluster => return None,
            Self::ServiceMonitor => (
                PROMETHEUS_OPERATOR,
                "example/prometheus-operator-crd/monitoring.coreos.com_servicemonitors.yaml",
            ),
            Self::GatewayClass => (
                GATEWAY_API,
                "config/crd/experimental/gateway.networking.k8s.io_gatewayclasses.yaml",
            ),
            Self::Gateway => (
                GATEWAY_API,
                "config/crd/experimental/gateway.networking.k8s.io_gateways.yaml",
            ),
            Self::TcpRoute => (
                GATEWAY_API,
                "config/crd/experimental/gateway.networking.k8s.io_tcproutes.yaml",
            ),
            Self::UdpRoute => (
                GATEWAY_API,
                "config/crd/experimental/gateway.networking.k8s.io_udproutes.yaml",
            ),
        };
        Some(Origin { module, file })
    }
}

/// The CRDs could not be had, installed or removed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Go is missing, or refuses.
    #[error(transparent)]
    Binaries(#[from] binaries::Error),
    /// A file.
    #[error(transparent)]
    File(#[from] FileError),
    /// Go has said something else.
    #[error("cannot read what `go mod download -json` says: {0}")]
    Download(#[source] serde_json::Error),
    /// Go has not said where the module is.
    #[error("`go mod download` does not say where {0} is")]
    NoFolder(&'static str),
    /// A file is no CRD.
    #[error("the definition of {crd} cannot be read: {reason}")]
    NoCrd {
        /// Which.
        crd: &'static str,
        /// Why not.
        reason: String,
    },
    /// The API server refuses.
    #[error("cannot {doing} the CRD {crd}: {source}")]
    Refused {
        /// What was tried.
        doing: &'static str,
        /// With which.
        crd: &'static str,
        /// The answer.
        source: Box<kube::Error>,
    },
    /// It does not come, or does not go.
    #[error(transparent)]
    TooLong(#[from] TimedOut),
}

/// The definitions of all of them.
#[derive(Clone, Debug)]
pub struct ForeignCrds(BTreeMap<Kind, CustomResourceDefinition>);

impl ForeignCrds {
    /// Reads them, from the cache once they have been downloaded.
    ///
    /// # Errors
    /// A module cannot be had, or holds something else.
    pub fn ensure() -> Result<Self, Error> {
        let cache = binaries::cache()?;
        let folder = binaries::module_folder(&cache, &CRDS)?;
        if !folder.exists() {
            let _lock = binaries::lock(&cache)?;
            // Looked at again: another run may have done it while this one waited for the lock.
            if !folder.exists() {
                download(&folder)?;
            }
        }
        let read = |kind: Kind| Ok((kind, read(kind, &folder)?));
        Ok(Self(
            Kind::ALL
                .into_iter()
                .map(read)
                .collect::<Result<_, Error>>()?,
        ))
    }

    /// The definition of one.
    pub fn of(&self, kind: Kind) -> &CustomResourceDefinition {
        &self.0[&kind]
    }

    /// Installs some of them and waits until objects of them can be made.
    ///
    /// # Errors
    /// The API server refuses, or it takes too long.
    pub async fn install(&self, client: &Client, kinds: &[Kind]) -> Result<(), Error> {
        let crds: Api<CustomResourceDefinition> = Api::all(client.clone());
        for kind in kinds {
            let parameters = PatchParams::apply(FIELD_MANAGER).force();
            crds.patch(kind.crd(), &parameters, &Patch::Apply(self.of(*kind)))
                .await
                .map_err(refused("install", *kind))?;
        }
        for kind in kinds {
            let what = format!("{} to be established and served", kind.crd());
            wait_for(&what, PATIENCE, || async {
                established(&crds, *kind).await?;
                served(client, self.of(*kind)).await
            })
            .await?;
        }
        Ok(())
    }

    /// Installs one in these versions, as other releases of its project do, and waits until each is served or not, as
    /// said. The first is the one that is stored; all have the schema of the one that the project defines.
    ///
    /// # Errors
    /// The API server refuses, or it takes too long.
    pub async fn install_as(
        &self,
        client: &Client,
        kind: Kind,
        versions: &[(&str, bool)],
    ) -> Result<(), Error> {
        let mut crd = self.of(kind).clone();
        let defined = crd.spec.versions.iter().find(|version| version.served);
        let defined = defined.ok_or_else(|| Error::NoCrd {
            crd: kind.crd(),
            reason: "it serves no version".to_owned(),
        })?;
        let under = versions.iter().enumerate().map(|(index, (name, served))| {
            let mut version = defined.clone();
            (*name).clone_into(&mut version.name);
            version.served = *served;
            version.storage = index == 0;
            version
        });
        crd.spec.versions = under.collect();
        let crds: Api<CustomResourceDefinition> = Api::all(client.clone());
        let parameters = PatchParams::apply(FIELD_MANAGER).force();
        crds.patch(kind.crd(), &parameters, &Patch::Apply(&crd))
            .await
            .map_err(refused("install", kind))?;
        for (version, expected) in versions {
            let what = format!("{} to be served in {version}: {expected}", kind.crd());
            wait_for(&what, PATIENCE, || async {
                established(&crds, kind).await?;
                match served_in(client, &crd, version).await {
                    Ok(()) if *expected => Ok(()),
                    Err(_) if !*expected => Ok(()),
                    Ok(()) => Err("it is served".to_owned()),
                    Err(error) => Err(error),
                }
            })
            .await?;
        }
        Ok(())
    }

    /// Removes some of them, with all objects of them, and waits until they are gone. One that is not there is gone.
    ///
    /// # Errors
    /// The API server refuses, or it takes too long: an object with a finalizer keeps its CRD.
    pub async fn remove(client: &Client, kinds: &[Kind]) -> Result<(), Error> {
        let crds: Api<CustomResourceDefinition> = Api::all(client.clone());
        for kind in kinds {
            let deleted = crds.delete(kind.crd(), &DeleteParams::default()).await;
            if !matches!(&deleted, Err(kube::Error::Api(status)) if status.is_not_found()) {
                deleted.map_err(refused("remove", *kind))?;
            }
        }
        for kind in kinds {
            let what = format!("{} to be gone", kind.crd());
            wait_for(&what, PATIENCE, || async {
                match crds.get_opt(kind.crd()).await {
                    Ok(None) => Ok(()),
                    Ok(Some(crd)) => Err(format!("conditions {:?}", conditions(&crd))),
                    Err(error) => Err(error.to_string()),
                }
            })
            .await?;
        }
        Ok(())
    }
}

fn refused(doing: &'static str, kind: Kind) -> impl FnOnce(kube::Error) -> Error {
    move |source| Error::Refused {
        doing,
        crd: kind.crd(),
        source: Box::new(source),
    }
}

async fn established(crds: &Api<CustomResourceDefinition>, kind: Kind) -> Result<(), String> {
    let crd = crds.get(kind.crd()).await.map_err(|e| e.to_string())?;
    let conditions = conditions(&crd);
    if conditions
        .iter()
        .any(|text| text.starts_with("Established=True"))
    {
        Ok(())
    } else {
        Err(format!("conditions {conditions:?}"))
    }
}

fn conditions(crd: &CustomResourceDefinition) -> Vec<String> {
    let status = crd.status.as_ref();
    let conditions = status.and_then(|status| status.conditions.as_ref());
    let text = |c: &k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinitionCondition| {
        format!("{}={} {}", c.type_, c.status, c.message.as_deref().unwrap_or_default())
    };
    conditions.into_iter().flatten().map(text).collect()
}

/// The handler of a new kind begins a moment after the condition says so.
async fn served(client: &Client, crd: &CustomResourceDefinition) -> Result<(), String> {
    let version = crd.spec.versions.iter().find(|version| version.served);
    served_in(client, crd, version.map_or("", |version| &version.name)).await
}

async fn served_in(
    client: &Client,
    crd: &CustomResourceDefinition,
    version: &str,
) -> Result<(), String> {
    let names = &crd.spec.names;
    let kind = GroupVersionKind::gvk(&crd.spec.group, version, &names.kind);
    let resource = ApiResource::from_gvk_with_plural(&kind, &names.plural);
    let api: Api<DynamicObject> = Api::all_with(client.clone(), &resource);
    let list = api.list(&ListParams::default().limit(1)).await;
    list.map(drop).map_err(|e| e.to_string())
}

fn read(kind: Kind, folder: &Path) -> Result<CustomResourceDefinition, Error> {
    let no_crd = |reason: String| Error::NoCrd {
        crd: kind.crd(),
        reason,
    };
    let text = match kind.origin() {
        None => PERCONA.to_owned(),
        Some(_) => files::read(&cached(kind, folder))?,
    };
    let crd: CustomResourceDefinition =
        serde_saphyr::from_str(&text).map_err(|error| no_crd(error.to_string()))?;
    if crd.name_any() == kind.crd() {
        Ok(crd)
    } else {
        Err(no_crd(format!("it defines {}", crd.name_any())))
    }
}

fn cached(kind: Kind, folder: &Path) -> PathBuf {
    folder.join(kind.crd()).with_extension("yaml")
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Downloaded {
    path: String,
    dir: Option<PathBuf>,
}

/// Copies the files that are needed: Go's own cache may be emptied at any time.
fn download(folder: &Path) -> Result<(), Error> {
    let step = Step::begin("downloading the CRDs of Gateway API and the Prometheus operator");
    let mut go = binaries::go(&CRDS);
    go.args(["mod", "download", "-json", GATEWAY_API, PROMETHEUS_OPERATOR]);
    let said = command::run(&mut go).map_err(binaries::Error::Go)?;
    let modules = serde_json::Deserializer::from_str(&said)
        .into_iter::<Downloaded>()
        .collect::<Result<Vec<_>, _>>()
        .map_err(Error::Download)?;
    let unfinished = folder.with_extension("unfinished");
    files::create_folder(&unfinished)?;
    for kind in Kind::ALL {
        let Some(origin) = kind.origin() else {
            continue;
        };
        let found = modules.iter().find(|module| module.path == origin.module);
        let dir = found.and_then(|module| module.dir.as_deref());
        let dir = dir.ok_or(Error::NoFolder(origin.module))?;
        let text = files::read(&dir.join(origin.file))?;
        files::write(&cached(kind, &unfinished), text)?;
    }
    fs::rename(&unfinished, folder)
        .map_err(|e| FileError::new("move the downloaded CRDs to", folder, e))?;
    step.done();
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definition_written_by_hand_is_that_of_its_kind() {
        let crd = read(Kind::PerconaPgCluster, Path::new("/nowhere")).unwrap();
        assert_eq!(crd.spec.group, "pgv2.percona.com");
        assert_eq!(crd.spec.names.kind, "PerconaPGCluster");
    }

    #[test]
    fn every_module_is_pinned() {
        let pins = fs::read_to_string(CRDS.source().join("go.mod")).unwrap();
        let sums = fs::read_to_string(CRDS.source().join("go.sum")).unwrap();
        for origin in Kind::ALL.into_iter().filter_map(Kind::origin) {
            assert!(pins.contains(origin.module), "{}", origin.module);
            assert!(sums.contains(origin.module), "{}", origin.module);
        }
    }
}
