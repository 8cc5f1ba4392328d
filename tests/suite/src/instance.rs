//! One instance under test: made, looked at, and waited for.

pub use dittofs_golden::fields::merge;
use dittofs_rig::dittofs::Administrator;
use dittofs_rig::{Caller, wait_for};
use dittofs_shared::crd::DittoServer;
use dittofs_shared::published_state::{Adapter, PublishedState, ServerState, ServerStatus};
use dittofs_shared::reports::Reports;
use dittofs_shared::{labels, names};
use k8s_openapi::api::core::v1::{ConfigMap, Pod, Service};
use k8s_openapi::api::events::v1::Event;
use k8s_openapi::api::networking::v1::NetworkPolicy;
use kube::api::{EvictParams, ListParams, Patch, PatchParams, PostParams};
use kube::{Api, ResourceExt};
use serde_json::{Value, json};
use std::time::Duration;

use crate::Outcome;
use crate::world::Scene;

type Error = Box<dyn std::error::Error + Send + Sync>;

/// How long anything may take that involves a pod.
pub const POD_DEADLINE: Duration = Duration::from_mins(2);
/// How long anything may take that involves only the API server and the operator.
pub const API_DEADLINE: Duration = Duration::from_mins(1);

/// Most Events about a new instance.
pub const MOST_EVENTS_AT_FIRST: usize = 4;

/// An instance in the namespace of a test.
#[derive(Clone)]
pub struct Instance {
    /// Where.
    pub scene: Scene,
    /// Its name.
    pub name: String,
}

impl Instance {
    /// Makes a `DittoServer` from the fields of its spec; image and storage have values that work.
    ///
    /// # Errors
    /// The API server refuses.
    pub async fn create(scene: &Scene, name: &str, spec: Value) -> Result<Self, Error> {
        let mut whole = json!({
            "image": scene.world.server_image,
            "storage": {"metadataSize": "1Gi", "contentSize": "1Gi"},
        });
        merge(&mut whole, spec);
        let instance = Self {
            scene: scene.clone(),
            name: name.to_owned(),
        };
        instance.apply(whole).await?;
        Ok(instance)
    }

    /// Applies a whole spec, as a user would with `kubectl apply --server-side`.
    ///
    /// # Errors
    /// The API server refuses.
    pub async fn apply(&self, spec: Value) -> Result<DittoServer, Error> {
        let body = json!({
            "apiVersion": "dittofs.dittofs.com/v1alpha1", "kind": "DittoServer",
            "metadata": {"name": self.name}, "spec": spec,
        });
        let parameters = PatchParams::apply("suite").force();
        Ok(self
            .api::<DittoServer>()
            .patch(&self.name, &parameters, &Patch::Apply(body))
            .await?)
    }

    /// Changes some fields of the spec.
    ///
    /// # Errors
    /// The API server refuses.
    pub async fn change(&self, spec: Value) -> Result<DittoServer, Error> {
        let patch = Patch::Merge(json!({"spec": spec}));
        Ok(self
            .api::<DittoServer>()
            .patch(&self.name, &PatchParams::default(), &patch)
            .await?)
    }

    /// The API of a kind in the namespace of the test.
    pub fn api<K>(&self) -> Api<K>
    where
        K: kube::Resource<Scope = k8s_openapi::NamespaceResourceScope, DynamicType = ()>,
    {
        Api::namespaced(self.scene.client.clone(), &self.scene.namespace)
    }

    /// Writes the published state as the sidecar would, for tests without a pod.
    ///
    /// # Errors
    /// The API server refuses.
    pub async fn publish(&self, adapters: Vec<Adapter>) -> Outcome {
        let since = "2026-01-01T00:00:00Z".parse()?;
        let server = ServerState {
            status: ServerStatus::Reachable,
            since,
            message: None,
        };
        self.publish_data(json!(
            PublishedState {
                server,
                adapters: Some(adapters),
                reports: Reports::default(),
            }
            .encode()
        ))
        .await
    }

    /// Writes any data into the ConfigMap of the published state, under the sidecar's field manager.
    ///
    /// # Errors
    /// The API server refuses.
    pub async fn publish_data(&self, data: Value) -> Outcome {
        let name = names::adapters(&self.name);
        let api = self.api::<ConfigMap>();
        // The sidecar never makes it either.
        wait_for(
            "the ConfigMap of the published state",
            API_DEADLINE,
            || async { api.get(&name).await.map_err(|error| error.to_string()) },
        )
        .await?;
        let body = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data});
        api.patch(
            &name,
            &PatchParams::apply(labels::SIDECAR_MANAGER).force(),
            &Patch::Apply(body),
        )
        .await?;
        Ok(())
    }

    /// Waits until something holds of the `DittoServer`; `check` says what it sees instead.
    ///
    /// # Errors
    /// It does not hold in time.
    pub async fn wait_status(
        &self,
        what: &str,
        deadline: Duration,
        check: impl Fn(&DittoServer) -> Result<(), String>,
    ) -> Result<DittoServer, Error> {
        let api = self.api::<DittoServer>();
        let found = wait_for(what, deadline, || async {
            let server = api
                .get(&self.name)
                .await
                .map_err(|error| error.to_string())?;
            check(&server).map(|()| server)
        });
        Ok(found.await?)
    }

    /// Waits until a condition has a status, with its reason if one is given.
    ///
    /// # Errors
    /// It does not have it in time.
    pub async fn wait_condition(
        &self,
        r#type: &str,
        status: &str,
        reason: Option<&str>,
        deadline: Duration,
    ) -> Result<DittoServer, Error> {
        let what = format!(
            "condition {type} to be {status} {}",
            reason.unwrap_or_default(),
            r#type = r#type
        );
        self.wait_status(&what, deadline, |server| {
            let conditions = server
                .status
                .as_ref()
                .map(|status| status.conditions.as_slice())
                .unwrap_or_default();
            let all = || {
                conditions
                    .iter()
                    .map(|c| format!("{}={} {}: {}", c.type_, c.status, c.reason, c.message))
            };
            let fits = conditions.iter().any(|c| {
                c.type_ == r#type
                    && c.status == status
                    && reason.is_none_or(|reason| c.reason == reason)
                    && c.observed_generation == server.metadata.generation
            });
            if fits {
                Ok(())
            } else {
                Err(all().collect::<Vec<_>>().join("; "))
            }
        })
        .await
    }

    /// Waits until the operator has nothing left to do for it.
    ///
    /// # Errors
    /// It has, until the time is over.
    pub async fn wait_complete(&self) -> Result<DittoServer, Error> {
        let reason = Some("ReconcileComplete");
        self.wait_condition("Progressing", "False", reason, API_DEADLINE)
            .await
    }

    /// Waits until it is ready: its pod runs and its adapters are exposed.
    ///
    /// # Errors
    /// It is not ready in time.
    pub async fn wait_ready(&self) -> Result<DittoServer, Error> {
        self.wait_condition("Ready", "True", None, POD_DEADLINE)
            .await
    }

    /// Waits until the Services of adapters are exactly these: `(name, port)`, sorted by name.
    ///
    /// # Errors
    /// They are not, in time.
    pub async fn wait_services(
        &self,
        expected: &[(&str, i32)],
        deadline: Duration,
    ) -> Result<Vec<Service>, Error> {
        let expected: Vec<_> = expected
            .iter()
            .map(|(name, port)| ((*name).to_owned(), *port))
            .collect();
        let what = format!("the Services {expected:?}");
        let found = wait_for(&what, deadline, || async {
            let services = self
                .adapter_services()
                .await
                .map_err(|error| error.to_string())?;
            let seen: Vec<_> = services
                .iter()
                .map(|service| (service.name_any(), first_port(service)))
                .collect();
            if seen == expected {
                Ok(services)
            } else {
                Err(format!("{seen:?}"))
            }
        });
        Ok(found.await?)
    }

    /// Publishes that SMB has moved to port 1446, and waits until its Service has followed. Gives back the Services.
    ///
    /// # Errors
    /// The API server refuses, or the Service does not follow in time.
    pub async fn moves_smb(&self) -> Result<Vec<Service>, Error> {
        self.publish(vec![adapter("nfs", 12049), adapter("smb", 1446)])
            .await?;
        let [nfs, smb] =
            ["nfs", "smb"].map(|r#type| format!("{}-{type}", self.name, r#type = r#type));
        self.wait_services(&[(&nfs, 12049), (&smb, 1446)], API_DEADLINE)
            .await
    }

    /// The Services of adapters, sorted by name.
    ///
    /// # Errors
    /// The API server refuses.
    pub async fn adapter_services(&self) -> Result<Vec<Service>, Error> {
        let parameters = ListParams::default().labels(&format!(
            "{}={},{}",
            labels::INSTANCE,
            self.name,
            labels::ADAPTER
        ));
        let mut services = self.api::<Service>().list(&parameters).await?.items;
        services.sort_by_key(ResourceExt::name_any);
        Ok(services)
    }

    /// The names of its NetworkPolicies, sorted.
    ///
    /// # Errors
    /// The API server refuses.
    pub async fn policies(&self) -> Result<Vec<String>, Error> {
        let parameters =
            ListParams::default().labels(&format!("{}={}", labels::INSTANCE, self.name));
        let policies = self.api::<NetworkPolicy>().list(&parameters).await?;
        let mut names: Vec<_> = policies.iter().map(ResourceExt::name_any).collect();
        names.sort();
        Ok(names)
    }

    /// The Events in its namespace that the operator has written.
    ///
    /// # Errors
    /// The API server refuses.
    pub async fn events_of_operator(&self) -> Result<Vec<Event>, Error> {
        let mut events = self
            .api::<Event>()
            .list(&ListParams::default())
            .await?
            .items;
        events.retain(|event| event.reporting_controller.as_deref() == Some("dittofs-operator"));
        Ok(events)
    }

    /// Its pod.
    ///
    /// # Errors
    /// There is none.
    pub async fn pod(&self) -> Result<Pod, Error> {
        Ok(self.api::<Pod>().get(&names::pod(&self.name)).await?)
    }

    /// What the API server answers to an eviction of its pod, as `kubectl drain` asks for it: an HTTP status. Nothing is evicted.
    ///
    /// # Errors
    /// The API server does not answer.
    pub async fn try_eviction(&self) -> Result<u16, Error> {
        let parameters = EvictParams {
            post_options: PostParams {
                dry_run: true,
                ..PostParams::default()
            },
            ..EvictParams::default()
        };
        // The client would take a refusal for a server that is busy, and ask again for minutes.
        let cluster = &self.scene.world.cluster;
        let mut config = cluster.client_config(&Caller::admin())?;
        config.default_retry = false;
        let client = kube::Client::try_from(config)?;
        let pods: Api<Pod> = Api::namespaced(client, &self.scene.namespace);
        match pods.evict(&names::pod(&self.name), &parameters).await {
            Ok(_) => Ok(201),
            Err(kube::Error::Api(status)) => Ok(status.code),
            Err(error) => Err(error.into()),
        }
    }

    /// The administrator of its server.
    ///
    /// # Errors
    /// The server cannot be reached.
    pub async fn administrator(&self) -> Result<Administrator, Error> {
        Ok(Administrator::connect(
            &self.scene.world.cluster,
            &self.scene.namespace,
            &self.name,
            8080,
        )
        .await?)
    }
}

/// An adapter that is switched on and listens.
pub fn adapter(r#type: &str, port: i64) -> Adapter {
    Adapter::running(r#type, port)
}

fn first_port(service: &Service) -> i32 {
    let ports = service
        .spec
        .as_ref()
        .and_then(|spec| spec.ports.as_deref())
        .unwrap_or_default();
    ports.first().map(|port| port.port).unwrap_or_default()
}
