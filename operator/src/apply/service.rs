//! Services, whose ports need more than an apply.
//!
//! A port in a list of ports is known by its number. So a number that somebody else has written stays beside ours, and
//! is even in our way, because two ports must not have the same name. Then the whole list is replaced once.

use k8s_openapi::api::core::v1::{Service, ServicePort};
use kube::ResourceExt as _;
use kube::runtime::reflector::{ObjectRef, Store};
use serde_json::{Value, json};

use super::write::Writer;
use dittofs_operator_core::outcome::{Action, Change, Failure};

impl Writer<'_> {
    /// Applies a Service. A node port outlives a change of the port it belongs to: clients may be using it.
    pub async fn put_service(
        &self,
        store: &Store<Service>,
        desired: &Service,
    ) -> Result<Option<Change>, Failure> {
        let failure = match self.put_ports(store, desired).await {
            Err(failure) => failure,
            put => return put,
        };
        match store.get(&ObjectRef::from_obj(desired)) {
            Some(live) if failure.error.is_invalid() && has_other_ports(&live, desired) => {
                self.replace_ports(&live, desired).await?;
            }
            Some(live) if is_stuck_with_its_affinity(&failure, &live) => {
                self.end_affinity(&live).await?;
            }
            _ => return Err(failure),
        }
        let change = self.put_ports(store, desired).await?;
        let in_the_way = || "what stood in the way was taken out first".to_owned();
        let replaced = || Change::of(desired, &(), Action::Updated, in_the_way());
        Ok(Some(change.unwrap_or_else(replaced)))
    }

    /// Applies a Service, and takes out the ports that stay beside ours.
    async fn put_ports(
        &self,
        store: &Store<Service>,
        desired: &Service,
    ) -> Result<Option<Change>, Failure> {
        let sent = self.send(&(), store, desired, keep_node_ports);
        let Some(mut sent) = Box::pin(sent).await? else {
            return Ok(None);
        };
        if has_other_ports(&sent.now, desired) {
            sent.now = self.replace_ports(&sent.now, desired).await?;
        }
        let concluded = self.conclude(&(), desired, sent, keep_node_ports);
        let (_, change) = Box::pin(concluded).await?;
        Ok(change)
    }

    /// Takes out the timeout that the API server has added to a session affinity of ours. It belongs to nobody, and is
    /// in the way when the affinity goes.
    async fn end_affinity(&self, seen: &Service) -> Result<(), Failure> {
        let spec = json!({"sessionAffinity": "None", "sessionAffinityConfig": null});
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

/// Whether there is a port that is not asked for.
fn has_other_ports(live: &Service, desired: &Service) -> bool {
    let wanted = |port: &ServicePort| {
        ports(desired)
            .iter()
            .any(|wanted| wanted.port == port.port && wanted.protocol == port.protocol)
    };
    !ports(live).iter().all(wanted)
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
        // What one port is asked to have, another one cannot keep.
        port.node_port = has.filter(|has| !asked.contains(has));
    }
}

fn is_stuck_with_its_affinity(failure: &Failure, live: &Service) -> bool {
    let spec = live.spec.as_ref();
    failure.error.is_invalid()
        && failure.to_string().contains("sessionAffinityConfig")
        && spec.is_some_and(|spec| spec.session_affinity.as_deref() == Some("ClientIP"))
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

    #[test]
    fn a_port_of_another_number_is_not_asked_for() {
        let desired = service("ClusterIP", 1445, None);
        assert!(!has_other_ports(&desired, &desired));
        assert!(!has_other_ports(&Service::default(), &desired));
        assert!(has_other_ports(&service("ClusterIP", 999, None), &desired));
        assert!(has_other_ports(&desired, &Service::default()));
    }
}
