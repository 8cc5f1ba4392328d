//! A pretended cloud: hands addresses out to Services of type LoadBalancer and leaves on them what
//! clouds leave: a finalizer, an annotation and the address in the status. It refuses those that are
//! annotated so, and says so as clouds do.

mod refusal;

use crate::cluster::cloud::retry::{FixedDelay, retry};
use crate::cluster::network;
use futures::StreamExt;
use k8s_openapi::api::core::v1::Service;
use kube::api::{Api, Patch, PatchParams};
use kube::runtime::Controller;
use kube::runtime::controller::Action;
use kube::{Client, ResourceExt};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::net::IpAddr;
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

/// Who has which last byte. It stays with the uid until the Service is gone.
#[derive(Debug, Default)]
struct Addresses {
    taken: BTreeMap<String, u8>,
}

impl Addresses {
    fn of(&mut self, uid: &str, told_before: &[IpAddr]) -> Option<u8> {
        let byte = match self.taken.get(uid) {
            Some(byte) => *byte,
            None => told_before
                .iter()
                .find_map(own_byte)
                .filter(|byte| self.is_free(*byte))
                .or_else(|| (1..=254).find(|byte| self.is_free(*byte)))?,
        };
        self.taken.insert(uid.to_owned(), byte);
        Some(byte)
    }

    fn is_free(&self, byte: u8) -> bool {
        !self.taken.values().any(|taken| *taken == byte)
    }

    fn release(&mut self, uid: &str) {
        self.taken.remove(uid);
    }
}

/// The last byte of an address of this cloud.
fn own_byte(address: &IpAddr) -> Option<u8> {
    let (family, byte) = match address {
        IpAddr::V4(address) => ("IPv4", *address.octets().last()?),
        IpAddr::V6(address) => ("IPv6", *address.octets().last()?),
    };
    let ours = network::load_balancer(family, byte) == *address;
    (ours && (1..=254).contains(&byte)).then_some(byte)
}

/// One address of each family of the Service.
fn addresses_of(service: &Service, byte: u8) -> Vec<IpAddr> {
    let families = service
        .spec
        .as_ref()
        .and_then(|spec| spec.ip_families.as_ref());
    let families = families.into_iter().flatten();
    families
        .map(|family| network::load_balancer(family, byte))
        .collect()
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
            let byte = addresses()
                .of(&uid, &told(&service))
                .ok_or(Error::NoAddress)?;
            serve(&api, &service, &addresses_of(&service, byte)).await?;
        }
    }
    Ok(Action::await_change())
}

/// The finalizer before the address: a load balancer must not outlive its Service.
async fn serve(api: &Api<Service>, service: &Service, addresses: &[IpAddr]) -> Result<(), Error> {
    let (name, plain) = (service.name_any(), PatchParams::default());
    if let Some(patch) = marks(service, addresses) {
        api.patch(&name, &plain, &Patch::Merge(patch)).await?;
    }
    if told(service) != addresses {
        let ingress = addresses.iter().map(|address| json!({"ip": address}));
        let ingress: Vec<_> = ingress.collect();
        let status = json!({"status": {"loadBalancer": {"ingress": ingress}}});
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
fn marks(service: &Service, addresses: &[IpAddr]) -> Option<Value> {
    let note: Vec<_> = addresses.iter().map(IpAddr::to_string).collect();
    let note = note.join(",");
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

/// The addresses in the status.
fn told(service: &Service) -> Vec<IpAddr> {
    let status = service.status.as_ref();
    let balancer = status.and_then(|status| status.load_balancer.as_ref());
    let ingress = balancer.and_then(|balancer| balancer.ingress.as_ref());
    let ingress = ingress.into_iter().flatten();
    ingress
        .filter_map(|ingress| ingress.ip.as_ref()?.parse().ok())
        .collect()
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
        assert_eq!(addresses.of("a", &told), Some(9));
        assert_eq!(addresses.of("a", &[]), Some(9));
        assert_ne!(addresses.of("b", &told), Some(9));
        addresses.release("a");
        assert_eq!(addresses.of("c", &told), Some(9));
        for foreign in ["10.0.0.9", "2001:db8:2::9", "2001:db8:1::109"] {
            assert_eq!(own_byte(&foreign.parse().unwrap()), None, "{foreign}");
        }
    }

    #[test]
    fn a_service_gets_an_address_of_each_of_its_families() {
        let mut service = service("LoadBalancer", &[], false);
        let families = ["IPv6", "IPv4"].map(str::to_owned).to_vec();
        service.spec.as_mut().unwrap().ip_families = Some(families);
        let all = addresses_of(&service, 9);
        assert_eq!(
            all.iter().map(IpAddr::to_string).collect::<Vec<_>>(),
            ["2001:db8:1::9", "203.0.113.9"]
        );
        assert!(all.iter().all(|address| own_byte(address) == Some(9)));
    }

    #[test]
    fn marks_keep_the_finalizers_of_others() {
        let address = network::load_balancer("IPv4", 9);
        let patch = marks(&service("LoadBalancer", &["other"], false), &[address]).unwrap();
        assert_eq!(patch["metadata"]["finalizers"], json!(["other", FINALIZER]));
        assert_eq!(patch["metadata"]["resourceVersion"], "7");
    }
}
