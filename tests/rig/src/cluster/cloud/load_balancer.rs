//! A pretended cloud: hands addresses out to Services of type LoadBalancer and leaves on them what
//! clouds leave: a finalizer, an annotation and the address in the status. It refuses those that are
//! annotated so, and says so as clouds do.

mod refusal;

use crate::cluster::cloud::retry::{FixedDelay, retry};
use crate::cluster::network::LOAD_BALANCER_PREFIX;
use futures::StreamExt;
use k8s_openapi::api::core::v1::Service;
use kube::api::{Api, Patch, PatchParams};
use kube::runtime::Controller;
use kube::runtime::controller::Action;
use kube::{Client, ResourceExt};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, PoisonError};

/// Keeps a Service until its load balancer is gone, as real clouds do.
pub const FINALIZER: &str = "service.kubernetes.io/load-balancer-cleanup";
/// The cloud's own note on a Service.
pub const ANNOTATION: &str = "load-balancer.rig.local/address";
/// A Service with this annotation gets nothing from the cloud, for the reason that is its value.
pub const REFUSE: &str = "load-balancer.rig.local/refuse";
/// Reason of the Event about a refusal.
pub const REFUSED: &str = "SyncLoadBalancerFailed";

#[derive(Debug, thiserror::Error)]
enum Error {
    #[error(transparent)]
    Api(#[from] kube::Error),
    #[error("all 254 load balancer addresses are taken")]
    NoAddress,
}

struct Context {
    client: Client,
    addresses: Mutex<Addresses>,
}

/// Serves until dropped.
pub async fn run(client: Client) {
    let context = Arc::new(Context {
        client: client.clone(),
        addresses: Mutex::default(),
    });
    Controller::new(Api::all(client), kube::runtime::watcher::Config::default())
        .trigger_backoff(FixedDelay)
        .run(reconcile, retry, context)
        .for_each(|_| std::future::ready(()))
        .await;
}

/// Who has which last byte. An address stays with the uid until the Service is gone.
#[derive(Debug, Default)]
struct Addresses {
    taken: BTreeMap<String, u8>,
}

impl Addresses {
    fn of(&mut self, uid: &str, told_before: Option<Ipv4Addr>) -> Option<Ipv4Addr> {
        let byte = match self.taken.get(uid) {
            Some(byte) => *byte,
            None => told_before
                .and_then(own_byte)
                .filter(|byte| self.is_free(*byte))
                .or_else(|| (1..=254).find(|byte| self.is_free(*byte)))?,
        };
        self.taken.insert(uid.to_owned(), byte);
        let [a, b, c] = LOAD_BALANCER_PREFIX;
        Some(Ipv4Addr::new(a, b, c, byte))
    }

    fn is_free(&self, byte: u8) -> bool {
        !self.taken.values().any(|taken| *taken == byte)
    }

    fn release(&mut self, uid: &str) {
        self.taken.remove(uid);
    }
}

fn own_byte(address: Ipv4Addr) -> Option<u8> {
    let [a, b, c, byte] = address.octets();
    ([a, b, c] == LOAD_BALANCER_PREFIX && (1..=254).contains(&byte)).then_some(byte)
}

/// What a Service asks of the cloud.
#[derive(Debug, PartialEq, Eq)]
enum Need {
    Nothing,
    Address,
    /// One that the cloud does not give, for this reason.
    Refusal(String),
    /// It no longer wants its load balancer, or it is being deleted.
    Release,
}

fn need(service: &Service) -> Need {
    let spec = service.spec.as_ref();
    let wants = spec.is_some_and(|spec| {
        spec.type_.as_deref() == Some("LoadBalancer") && spec.load_balancer_class.is_none()
    });
    let served = service
        .finalizers()
        .iter()
        .any(|finalizer| finalizer == FINALIZER);
    match (
        wants && service.metadata.deletion_timestamp.is_none(),
        served,
    ) {
        (true, _) => match service.annotations().get(REFUSE) {
            Some(reason) => Need::Refusal(reason.clone()),
            None => Need::Address,
        },
        (false, true) => Need::Release,
        (false, false) => Need::Nothing,
    }
}

async fn reconcile(service: Arc<Service>, context: Arc<Context>) -> Result<Action, Error> {
    let namespace = service.namespace().unwrap_or_default();
    let api: Api<Service> = Api::namespaced(context.client.clone(), &namespace);
    let uid = service.uid().unwrap_or_default();
    let addresses = || {
        context
            .addresses
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    };
    match need(&service) {
        Need::Nothing => {}
        Need::Refusal(reason) => {
            refusal::tell(&context.client, &service, &reason).await?;
            return Ok(Action::requeue(refusal::RETRY));
        }
        Need::Release => {
            release(&api, &service).await?;
            addresses().release(&uid);
        }
        Need::Address => {
            let address = addresses()
                .of(&uid, told(&service))
                .ok_or(Error::NoAddress)?;
            serve(&api, &service, address).await?;
        }
    }
    Ok(Action::await_change())
}

/// The finalizer before the address: a load balancer must not outlive its Service.
async fn serve(api: &Api<Service>, service: &Service, address: Ipv4Addr) -> Result<(), Error> {
    let (name, plain) = (service.name_any(), PatchParams::default());
    if let Some(patch) = marks(service, address) {
        api.patch(&name, &plain, &Patch::Merge(patch)).await?;
    }
    if told(service) != Some(address) {
        let status = json!({"status": {"loadBalancer": {"ingress": [{"ip": address}]}}});
        api.patch_status(&name, &plain, &Patch::Merge(status))
            .await?;
    }
    Ok(())
}

async fn release(api: &Api<Service>, service: &Service) -> Result<(), Error> {
    let (name, plain) = (service.name_any(), PatchParams::default());
    if service.metadata.deletion_timestamp.is_none() {
        let status = json!({"status": {"loadBalancer": null}});
        api.patch_status(&name, &plain, &Patch::Merge(status))
            .await?;
    }
    let mut finalizers = service.finalizers().to_vec();
    finalizers.retain(|finalizer| finalizer != FINALIZER);
    // Without a resourceVersion: the status above has just changed it, and the cache knows the list.
    let patch = json!({"metadata": {"finalizers": finalizers, "annotations": {ANNOTATION: null}}});
    api.patch(&name, &plain, &Patch::Merge(patch)).await?;
    Ok(())
}

/// The patch that adds finalizer and annotation, unless both are there. It names the version it was
/// made from, because a merge replaces the whole list of finalizers.
fn marks(service: &Service, address: Ipv4Addr) -> Option<Value> {
    let note = address.to_string();
    let noted = service.annotations().get(ANNOTATION) == Some(&note);
    let mut finalizers = service.finalizers().to_vec();
    let marked = finalizers.iter().any(|finalizer| finalizer == FINALIZER);
    if noted && marked {
        return None;
    }
    if !marked {
        finalizers.push(FINALIZER.to_owned());
    }
    Some(json!({"metadata": {
        "resourceVersion": service.resource_version(),
        "finalizers": finalizers,
        "annotations": {ANNOTATION: note},
    }}))
}

/// The address in the status.
fn told(service: &Service) -> Option<Ipv4Addr> {
    let balancer = service.status.as_ref()?.load_balancer.as_ref()?;
    balancer
        .ingress
        .as_ref()?
        .first()?
        .ip
        .as_ref()?
        .parse()
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service(kind: &str, finalizers: &[&str], deleting: bool) -> Service {
        serde_json::from_value(json!({
            "metadata": {
                "name": "s", "uid": "u", "resourceVersion": "7", "finalizers": finalizers,
                "deletionTimestamp": deleting.then_some("2026-01-02T03:04:05Z"),
            },
            "spec": {"type": kind},
            "status": {"loadBalancer": {"ingress": [{"ip": "203.0.113.9"}]}},
        }))
        .unwrap()
    }

    #[test]
    fn a_service_gets_its_address_until_it_goes_or_changes_its_mind() {
        assert_eq!(need(&service("ClusterIP", &[], false)), Need::Nothing);
        assert_eq!(need(&service("LoadBalancer", &[], false)), Need::Address);
        assert_eq!(
            need(&service("LoadBalancer", &[FINALIZER], true)),
            Need::Release
        );
        assert_eq!(
            need(&service("LoadBalancer", &["other"], true)),
            Need::Nothing
        );
        assert_eq!(
            need(&service("ClusterIP", &[FINALIZER], false)),
            Need::Release
        );
    }

    #[test]
    fn a_service_that_is_to_be_refused_is() {
        let mut service = service("LoadBalancer", &[], false);
        let quota = "the account has no addresses left".to_owned();
        service
            .annotations_mut()
            .insert(REFUSE.to_owned(), quota.clone());
        assert_eq!(need(&service), Need::Refusal(quota));
    }

    #[test]
    fn somebody_elses_class_is_left_alone() {
        let mut service = service("LoadBalancer", &[], false);
        let class = Some("elsewhere.example/lb".to_owned());
        service.spec.as_mut().unwrap().load_balancer_class = class;
        assert_eq!(need(&service), Need::Nothing);
    }

    #[test]
    fn an_address_stays_with_its_service_and_is_handed_out_again_afterwards() {
        let mut addresses = Addresses::default();
        let told = told(&service("LoadBalancer", &[], false));
        let nine = addresses.of("a", told).unwrap();
        assert_eq!(nine, Ipv4Addr::new(203, 0, 113, 9));
        assert_eq!(addresses.of("a", None), Some(nine));
        assert_ne!(addresses.of("b", told), Some(nine));
        addresses.release("a");
        assert_eq!(addresses.of("c", told), Some(nine));
        let foreign = Some(Ipv4Addr::new(10, 0, 0, 1));
        assert!(own_byte(addresses.of("d", foreign).unwrap()).is_some());
    }

    #[test]
    fn marks_keep_the_finalizers_of_others() {
        let address = Ipv4Addr::new(203, 0, 113, 9);
        let patch = marks(&service("LoadBalancer", &["other"], false), address).unwrap();
        assert_eq!(patch["metadata"]["finalizers"], json!(["other", FINALIZER]));
        assert_eq!(patch["metadata"]["resourceVersion"], "7");
    }
}
