//! Services, whose ports need more than an apply.
//!
//! The API server identifies an entry in a list of ports by its number. So a port that another writer has added is kept
//! beside ours, or even makes ours invalid, because two ports must not have the same name. Then the list is replaced.

mod families;

use k8s_openapi::api::core::v1::{Service, ServicePort};
use kube::ResourceExt as _;
use serde_json::{Value, json};

use super::request::Put;
use super::write::Writer;
use crate::cache::Cache;
use dittofs_operator_core::outcome::{Action, ApplyError, Change, Failure};

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

impl Writer<'_> {
    /// Applies a Service. A node port is kept when the number of its port changes: clients may be using it. A Service
    /// that cannot have the families of the spec keeps those that it has, and its ports follow all the same.
    pub async fn put_service(
        &self,
        cache: &Cache<Service>,
        desired: &Service,
    ) -> Result<Option<Change>, Failure> {
        let put = Put::new(cache, desired)
            .following()
            .adjusted(keep_allocated);
        let failure = match self.put_ports(&put).await {
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
                self.replace_ports(&live, desired).await?;
                "ports of another writer were removed"
            }
            Obstacle::Affinity => {
                self.end_affinity(&live).await?;
                "sessionAffinityConfig was removed"
            }
            Obstacle::Ranges => {
                self.end_ranges(&live, desired).await?;
                "loadBalancerSourceRanges was removed"
            }
            Obstacle::Families => {
                let others = families::without(&live, desired);
                if others == *desired {
                    return Err(failure);
                }
                Box::pin(self.put_service(cache, &others)).await?;
                return Err(failure);
            }
        };
        let change = self.put_ports(&put).await?;
        let removed = || Change::of(desired, &(), Action::Updated, reason.to_owned());
        Ok(Some(change.unwrap_or_else(removed)))
    }

    /// Applies a Service, and removes the ports that are kept beside ours.
    async fn put_ports(&self, put: &Put<'_, Service>) -> Result<Option<Change>, Failure> {
        let Some(mut sent) = Box::pin(self.send(put)).await? else {
            return Ok(None);
        };
        if has_other_ports(&sent.now, put.desired) {
            sent.now = self.replace_ports(&sent.now, put.desired).await?;
        }
        let written = Box::pin(self.conclude(put, sent)).await?;
        Ok(written.change)
    }

    /// Removes the timeout that the API server has added to a session affinity of ours. No field manager owns it, so
    /// that an apply does not remove it with the affinity.
    async fn end_affinity(&self, seen: &Service) -> Result<(), Failure> {
        let spec = json!({"sessionAffinity": "None", "sessionAffinityConfig": null});
        self.merge_spec(seen, spec).await.map(drop)
    }

    /// Removes what another writer has given to the load balancer together with its type: while it is one, a policy may
    /// give it the ranges again.
    async fn end_ranges(&self, seen: &Service, desired: &Service) -> Result<(), Failure> {
        let r#type = desired.spec.as_ref().and_then(|spec| spec.type_.as_deref());
        let spec = json!({"type": r#type, "loadBalancerSourceRanges": null});
        self.merge_spec(seen, spec).await.map(drop)
    }

    /// Replaces the list of ports, unless the Service has changed since it was seen.
    async fn replace_ports(&self, seen: &Service, desired: &Service) -> Result<Service, Failure> {
        let mut sent = desired.clone();
        keep_node_ports(seen, &mut sent);
        let ports = sent.spec.and_then(|spec| spec.ports);
        self.merge_spec(seen, json!({"ports": ports})).await
    }

    /// Unless the Service has changed since it was seen.
    async fn merge_spec(&self, seen: &Service, spec: Value) -> Result<Service, Failure> {
        let patch = json!({
            "metadata": {"resourceVersion": seen.resource_version()},
            "spec": spec,
        });
        self.merge(&(), seen, &patch)
            .await
            .map_err(|error| Failure::of(seen, &(), error))
    }
}

fn ports(service: &Service) -> &[ServicePort] {
    let spec = service.spec.as_ref();
    spec.and_then(|spec| spec.ports.as_deref())
        .unwrap_or_default()
}

/// Whether there is a port that is not desired.
fn has_other_ports(live: &Service, desired: &Service) -> bool {
    let wanted = |port: &ServicePort| {
        ports(desired)
            .iter()
            .any(|wanted| wanted.port == port.port && wanted.protocol == port.protocol)
    };
    !ports(live).iter().all(wanted)
}

/// What the API server has given to the live Service.
fn keep_allocated(live: &Service, sent: &mut Service) {
    keep_node_ports(live, sent);
    families::keep(live, sent);
}

fn keep_node_ports(live: &Service, sent: &mut Service) {
    let has_node_ports = |service: &Service| {
        let r#type = service.spec.as_ref().and_then(|spec| spec.type_.as_deref());
        matches!(r#type, Some("NodePort" | "LoadBalancer"))
    };
    if !has_node_ports(live) || !has_node_ports(sent) {
        return;
    }
    let Some(spec) = sent.spec.as_mut() else {
        return;
    };
    if spec.allocate_load_balancer_node_ports == Some(false) {
        return;
    }
    let wanted = spec.ports.get_or_insert_default();
    let asked: Vec<_> = wanted.iter().filter_map(|port| port.node_port).collect();
    for port in wanted.iter_mut().filter(|port| port.node_port.is_none()) {
        let same = ports(live)
            .iter()
            .find(|live| live.name == port.name && live.protocol == port.protocol);
        let has = same.and_then(|live| live.node_port);
        // A node port that is requested for one port cannot be kept by another.
        port.node_port = has.filter(|has| !asked.contains(has));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service(r#type: &str, port: i32, node_port: Option<i32>) -> Service {
        let mut entry = json!({"name": "smb", "port": port, "protocol": "TCP"});
        if let Some(node_port) = node_port {
            entry["nodePort"] = node_port.into();
        }
        serde_json::from_value(json!({"metadata": {}, "spec": {"type": r#type, "ports": [entry]}}))
            .unwrap()
    }

    #[test]
    fn a_node_port_outlives_a_change_of_its_port_unless_the_type_has_none() {
        let live = service("LoadBalancer", 1445, Some(30001));
        for (wanted, expected) in [
            ("LoadBalancer", Some(30001)),
            ("NodePort", Some(30001)),
            ("ClusterIP", None),
        ] {
            let mut sent = service(wanted, 1446, None);
            keep_node_ports(&live, &mut sent);
            assert_eq!(ports(&sent)[0].node_port, expected, "{wanted}");
        }
    }

    #[test]
    fn a_node_port_that_is_asked_for_wins() {
        let live = service("NodePort", 1445, Some(30001));
        let mut sent = service("NodePort", 1445, Some(30002));
        keep_node_ports(&live, &mut sent);
        assert_eq!(ports(&sent)[0].node_port, Some(30002));
        let mut other: ServicePort = ports(&sent)[0].clone();
        other.name = Some("nfs".to_owned());
        other.node_port = Some(30001);
        sent.spec.as_mut().unwrap().ports = Some(vec![
            ports(&service("NodePort", 1445, None))[0].clone(),
            other,
        ]);
        keep_node_ports(&live, &mut sent);
        assert_eq!(ports(&sent)[0].node_port, None, "another port has it now");
    }

    #[test]
    fn no_node_port_is_kept_where_none_are_allocated() {
        let live = service("LoadBalancer", 1445, Some(30001));
        let mut sent = service("LoadBalancer", 1445, None);
        sent.spec
            .as_mut()
            .unwrap()
            .allocate_load_balancer_node_ports = Some(false);
        keep_node_ports(&live, &mut sent);
        assert_eq!(ports(&sent)[0].node_port, None);
    }

    fn refusal(code: u16, field: &str) -> ApplyError {
        let status = json!({"status": "Failure", "code": code, "message": "refused",
            "details": {"causes": [{"field": field, "message": "refused"}]}});
        ApplyError::Refused(serde_json::from_value(status).unwrap())
    }

    #[test]
    fn an_obstacle_is_found_by_the_field_that_the_api_server_names() {
        let desired = service("ClusterIP", 1445, None);
        let other = service("ClusterIP", 999, None);
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

    #[test]
    fn a_port_of_another_number_is_not_desired() {
        let desired = service("ClusterIP", 1445, None);
        assert!(!has_other_ports(&desired, &desired));
        assert!(!has_other_ports(&Service::default(), &desired));
        assert!(has_other_ports(&service("ClusterIP", 999, None), &desired));
        assert!(has_other_ports(&desired, &Service::default()));
    }
}
