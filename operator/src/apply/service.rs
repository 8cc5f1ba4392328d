//! Services, whose ports need more than an apply, and of which other writers choose a part: they are applied only to what
//! was seen when it was decided what they should be.
//!
//! The API server identifies an entry in a list of ports by its number. So a port that another writer has added is kept
//! beside ours, or even makes ours invalid, because two ports must not have the same name. Then the list is replaced.

mod families;
mod ports;

use k8s_openapi::api::core::v1::Service;
use kube::ResourceExt as _;
use serde_json::{Value, json};
use std::sync::Arc;

use super::Applied;
use super::request::Put;
use super::write::{Writer, have_same_spec};
use crate::cache::Cache;
use dittofs_operator_core::outcome::{Action, ApplyError, Change, Failure};
use ports::{has_other_ports, keep_node_ports};

/// How the API server spells `loadBalancerSourceRanges` when it refuses it.
const RANGES: &str = "spec.LoadBalancerSourceRanges";

/// A field of the live Service that makes the desired one invalid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Obstacle {
    /// Ports of another writer.
    Ports,
    /// The timeout that the API server has added to a session affinity of ours.
    Affinity,
    /// Ranges that another writer has given to a load balancer. Other types must have none.
    Ranges,
    /// Families that it has, or that the cluster does not have.
    Families,
}

impl Obstacle {
    /// Why the API server has refused `desired`, if the live Service is the cause.
    fn of(error: &ApplyError, live: &Service, desired: &Service) -> Option<Self> {
        let spec = live.spec.as_ref();
        let affinity = spec.and_then(|spec| spec.session_affinity.as_deref());
        let ranges = |service: &Service| {
            let spec = service.spec.as_ref();
            spec.is_some_and(|spec| spec.load_balancer_source_ranges.is_some())
        };
        if !error.is_invalid() {
            None
        } else if error.blames(RANGES) && ranges(live) && !ranges(desired) {
            Some(Self::Ranges)
        } else if families::are_blamed(error, desired) {
            Some(Self::Families)
        } else if has_other_ports(live, desired) {
            Some(Self::Ports)
        } else if error.blames("spec.sessionAffinityConfig") && affinity == Some("ClientIP") {
            Some(Self::Affinity)
        } else {
            None
        }
    }
}

/// The Services of an instance that are not yet as desired, and what each was when that was decided.
pub(super) struct Unsettled<'a>(Vec<(Put<'a, Service>, Option<Arc<Service>>)>);

fn put<'a>(cache: &'a Cache<Service>, desired: &'a Service) -> Put<'a, Service> {
    Put::new(cache, desired)
        .following()
        .adjusted(keep_allocated)
}

impl Writer<'_> {
    /// To be called before anything else is awaited.
    pub fn unsettled<'a>(
        &self,
        cache: &'a Cache<Service>,
        desired: &'a [Service],
    ) -> Unsettled<'a> {
        let puts = desired.iter().map(|service| put(cache, service));
        let puts = puts.filter(|put| self.force || !put.is_settled());
        let with_seen = puts.map(|put| {
            let seen = put.cached();
            (put, seen)
        });
        Unsettled(with_seen.collect())
    }

    /// Applies Services. One whose spec has changed since it was seen is left to the next reconcile, which its event
    /// requests: another writer may have made a choice.
    pub async fn put_services(&self, services: &Unsettled<'_>) -> Applied {
        let all = services.0.iter();
        let unchanged =
            all.filter(|(put, seen)| have_same_spec(seen.as_deref(), put.cached().as_deref()));
        let puts = unchanged.map(|(put, _)| self.put_service(put));
        let mut applied = Applied::default();
        for put in futures::future::join_all(puts).await {
            applied.record(put);
        }
        applied
    }

    /// Applies a Service. A node port is kept when the number of its port changes: clients may be using it. A Service
    /// that cannot have the families of the spec keeps those that it has, and its ports follow all the same.
    async fn put_service(&self, put: &Put<'_, Service>) -> Result<Option<Change>, Failure> {
        let (cache, desired) = (put.cache, put.desired);
        let failure = match self.put_ports(put).await {
            Err(failure) => failure,
            written => return written,
        };
        let Some(live) = put.cached() else {
            return Err(failure);
        };
        let Some(obstacle) = Obstacle::of(&failure.error, &live, desired) else {
            return Err(failure);
        };
        let reason = match obstacle {
            Obstacle::Ports => {
                self.replace_ports(cache, &live, desired).await?;
                "ports of another writer were removed"
            }
            Obstacle::Affinity => {
                self.end_affinity(cache, &live).await?;
                "sessionAffinityConfig was removed"
            }
            Obstacle::Ranges => {
                self.end_ranges(cache, &live, desired).await?;
                "loadBalancerSourceRanges was removed"
            }
            Obstacle::Families => {
                let others = families::without(&live, desired);
                if others == *desired {
                    return Err(failure);
                }
                Box::pin(self.put_service(&self::put(cache, &others))).await?;
                return Err(failure);
            }
        };
        let change = self.put_ports(put).await?;
        let removed = || Change::of(desired, &(), Action::Updated, reason.to_owned());
        Ok(Some(change.unwrap_or_else(removed)))
    }

    /// Applies a Service, and removes the ports that are kept beside ours.
    async fn put_ports(&self, put: &Put<'_, Service>) -> Result<Option<Change>, Failure> {
        let Some(mut sent) = Box::pin(self.send(put)).await? else {
            return Ok(None);
        };
        if has_other_ports(&sent.now, put.desired) {
            sent.now = self
                .replace_ports(put.cache, &sent.now, put.desired)
                .await?;
        }
        let written = Box::pin(self.conclude(put, sent)).await?;
        Ok(written.change)
    }

    /// Removes the timeout that the API server has added to a session affinity of ours. No field manager owns it, so
    /// that an apply does not remove it with the affinity.
    async fn end_affinity(&self, cache: &Cache<Service>, seen: &Service) -> Result<(), Failure> {
        let spec = json!({"sessionAffinity": "None", "sessionAffinityConfig": null});
        self.merge_spec(cache, seen, spec).await.map(drop)
    }

    /// Removes what another writer has given to the load balancer together with its type: while it is one, a policy may
    /// give it the ranges again.
    async fn end_ranges(
        &self,
        cache: &Cache<Service>,
        seen: &Service,
        desired: &Service,
    ) -> Result<(), Failure> {
        let r#type = desired.spec.as_ref().and_then(|spec| spec.type_.as_deref());
        let spec = json!({"type": r#type, "loadBalancerSourceRanges": null});
        self.merge_spec(cache, seen, spec).await.map(drop)
    }

    /// Replaces the list of ports, unless the Service has changed since it was seen.
    async fn replace_ports(
        &self,
        cache: &Cache<Service>,
        seen: &Service,
        desired: &Service,
    ) -> Result<Service, Failure> {
        let mut sent = desired.clone();
        keep_node_ports(seen, &mut sent);
        let ports = sent.spec.and_then(|spec| spec.ports);
        self.merge_spec(cache, seen, json!({"ports": ports})).await
    }

    /// Unless the Service has changed since it was seen.
    async fn merge_spec(
        &self,
        cache: &Cache<Service>,
        seen: &Service,
        spec: Value,
    ) -> Result<Service, Failure> {
        let patch = json!({
            "metadata": {"resourceVersion": seen.resource_version()},
            "spec": spec,
        });
        let ticket = cache.ticket();
        let merged = self.merge(&(), seen, &patch).await;
        merged
            .inspect(|now| cache.learn(ticket, now))
            .map_err(|error| Failure::of(seen, &(), error))
    }
}

/// What the API server has given to the live Service.
fn keep_allocated(live: &Service, sent: &mut Service) {
    keep_node_ports(live, sent);
    families::keep(live, sent);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service(port: i32) -> Service {
        let port = json!({"name": "smb", "port": port, "protocol": "TCP"});
        let service = json!({"metadata": {}, "spec": {"type": "ClusterIP", "ports": [port]}});
        serde_json::from_value(service).unwrap()
    }

    fn refusal(code: u16, field: &str) -> ApplyError {
        let status = json!({"status": "Failure", "code": code, "message": "refused",
            "details": {"causes": [{"field": field, "message": "refused"}]}});
        ApplyError::Refused(serde_json::from_value(status).unwrap())
    }

    #[test]
    fn an_obstacle_is_found_by_the_field_that_the_api_server_names() {
        let desired = service(1445);
        let other = service(999);
        let mut affine = desired.clone();
        affine.spec.as_mut().unwrap().session_affinity = Some("ClientIP".to_owned());
        let affinity = "spec.sessionAffinityConfig";
        let mut limited = desired.clone();
        limited.spec.as_mut().unwrap().load_balancer_source_ranges =
            Some(vec!["192.0.2.0/24".to_owned()]);
        for (live, error, expected) in [
            (
                &other,
                refusal(422, "spec.ports[1].name"),
                Some(Obstacle::Ports),
            ),
            (&other, refusal(403, "spec.ports[1].name"), None),
            (&desired, refusal(422, "spec.ports[1].name"), None),
            (&affine, refusal(422, affinity), Some(Obstacle::Affinity)),
            (&affine, refusal(422, "spec.type"), None),
            (&limited, refusal(422, RANGES), Some(Obstacle::Ranges)),
            (&desired, refusal(422, RANGES), None),
            (&desired, refusal(422, affinity), None),
        ] {
            assert_eq!(Obstacle::of(&error, live, &desired), expected, "{error:?}");
        }
    }
}
