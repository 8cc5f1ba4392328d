//! Deletes what is ours and not desired.

use dittofs_shared::labels;
use k8s_openapi::api::core::v1::Service;
use k8s_openapi::api::networking::v1::NetworkPolicy;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use kube::{Resource, ResourceExt as _};

use super::Applied;
use super::request::Delete;
use super::write::Writer;
use crate::cache::Cache;
use crate::watch::{Caches, Optional, Presence};
use dittofs_operator_core::desired::{Desired, adapter_of};
use dittofs_operator_core::optional::OptionalKind;
use dittofs_operator_core::outcome::Failure;

const NOT_NEEDED: &str = "no longer needed";

/// Deletes routes before the Services they lead to, and Services before the policies that let clients reach them.
pub(super) async fn prune(
    writer: &Writer<'_>,
    caches: &Caches,
    desired: &Desired,
    applied: &mut Applied,
) {
    // Destructured without `..`, so that a new kind does not compile until it is decided whether it is pruned.
    let Caches {
        optional,
        services,
        network_policies,
        disruption_budgets,
        // By rules of their own, see `config_maps::prune`.
        config_maps: _,
        // Deleted with the `DittoServer` only.
        service_accounts: _,
        roles: _,
        role_bindings: _,
        stateful_sets: _,
        // Created by the StatefulSet controller.
        pods: _,
        claims: _,
        servers: _,
        signing_keys: _,
        departed: _,
    } = caches;
    prune_optional(writer, optional, desired, applied).await;
    prune_services(writer, services, desired, applied).await;
    prune_policies(writer, network_policies, desired, applied).await;
    prune_budgets(writer, disruption_budgets, desired, applied).await;
}

async fn prune_optional(
    writer: &Writer<'_>,
    known: &Optional,
    desired: &Desired,
    applied: &mut Applied,
) {
    // A database is never deleted because a field has changed.
    let kinds = OptionalKind::ALL
        .into_iter()
        .filter(|kind| !kind.holds_data());
    for kind in kinds {
        let Presence::Present(cache) = known.of(kind, &writer.instance.namespace) else {
            continue;
        };
        let resource = cache.kind();
        let wanted = desired.optional.get(&kind).map_or(&[][..], Vec::as_slice);
        for object in writer.owned(&cache) {
            if is_among(wanted, &*object) {
                continue;
            }
            let reason = match adapter_of(&object.metadata) {
                None => NOT_NEEDED.to_owned(),
                Some(adapter) if !desired.prune.permits(adapter) => {
                    applied.record(writer.adopt(resource, &*object).await);
                    continue;
                }
                Some(adapter) => format!("adapter {adapter} no longer needs this route"),
            };
            let delete = Delete::of_kind(resource, &cache, &*object, reason);
            applied.record(writer.delete(delete).await);
        }
    }
}

async fn prune_services(
    writer: &Writer<'_>,
    cache: &Cache<Service>,
    desired: &Desired,
    applied: &mut Applied,
) {
    let wanted = &desired.services;
    for service in writer.owned(cache) {
        if is_among(wanted, &*service) {
            continue;
        }
        let reason = match adapter_of(&service.metadata) {
            None => NOT_NEEDED.to_owned(),
            // An old Service is kept until the new one is written and has an address.
            Some(adapter)
                if !desired.prune.permits(adapter)
                    || writer.instance.exposure.stays(&service.name_any()) =>
            {
                applied.record(writer.adopt(&(), &*service).await);
                continue;
            }
            Some(adapter) if failed(adapter, wanted, &applied.failures) => continue,
            Some(adapter) => why_not_needed(adapter, wanted),
        };
        applied.record(writer.delete(Delete::new(cache, &*service, reason)).await);
    }
}

async fn prune_policies(
    writer: &Writer<'_>,
    cache: &Cache<NetworkPolicy>,
    desired: &Desired,
    applied: &mut Applied,
) {
    let disabled = writer.instance.spec.network_policies().is_none();
    let mut policies = writer.owned(cache);
    // The one that closes the pod is deleted before those that open it.
    policies.sort_by_key(|policy| adapter_of(&policy.metadata).is_some());
    for policy in policies {
        if is_among(&desired.network_policies, &*policy) {
            continue;
        }
        let reason = match adapter_of(&policy.metadata) {
            _ if disabled => "networkPolicy.enabled is false".to_owned(),
            None => NOT_NEEDED.to_owned(),
            Some(adapter) if !desired.prune.permits(adapter) => {
                applied.record(writer.adopt(&(), &*policy).await);
                continue;
            }
            Some(adapter) => format!("adapter {adapter} is no longer exposed"),
        };
        let deleted = writer.delete(Delete::new(cache, &*policy, reason)).await;
        let failed = deleted.is_err();
        applied.record(deleted);
        if disabled && failed {
            return;
        }
    }
}

async fn prune_budgets(
    writer: &Writer<'_>,
    cache: &Cache<PodDisruptionBudget>,
    desired: &Desired,
    applied: &mut Applied,
) {
    for budget in writer.owned(cache) {
        if !is_among(desired.disruption_budget.as_slice(), &*budget) {
            let delete = Delete::new(cache, &*budget, "pod.disruptionBudget is Manual");
            applied.record(writer.delete(delete).await);
        }
    }
}

fn is_among<K: Resource>(wanted: &[K], object: &K) -> bool {
    wanted
        .iter()
        .any(|wanted| wanted.meta().name == object.meta().name)
}

/// The Services that replace one of this adapter: a Service for all adapters replaces that of any adapter, and is
/// itself replaced by those of all.
fn of_adapter<'a>(adapter: &'a str, services: &'a [Service]) -> impl Iterator<Item = &'a Service> {
    services.iter().filter(move |service| {
        adapter_of(&service.metadata).is_some_and(|new| {
            new == adapter || new == labels::ALL_ADAPTERS || adapter == labels::ALL_ADAPTERS
        })
    })
}

/// Whether the adapter should have a Service that could not be written.
fn failed(adapter: &str, services: &[Service], failures: &[Failure]) -> bool {
    let failed = |service| failures.iter().any(|failure| failure.concerns(service));
    of_adapter(adapter, services).any(failed)
}

fn why_not_needed(adapter: &str, services: &[Service]) -> String {
    let mut services = of_adapter(adapter, services);
    match services.next() {
        Some(new) if adapter_of(&new.metadata) == Some(adapter) => {
            format!(
                "replaced by {}: adapterServices.nameTemplate has changed",
                new.name_any()
            )
        }
        Some(new) => format!(
            "replaced by {}: adapterServices.mode has changed",
            new.name_any()
        ),
        None if adapter == labels::ALL_ADAPTERS => "no adapter is exposed".to_owned(),
        None => {
            format!("adapter {adapter} was disabled or removed, and removalHold has elapsed")
        }
    }
}
