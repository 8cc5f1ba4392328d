//! Takes away what is ours and not desired.

use dittofs_shared::labels;
use k8s_openapi::api::core::v1::Service;
use kube::{Resource, ResourceExt as _};

use super::Applied;
use super::write::Writer;
use crate::watch::{Presence, Stores};
use dittofs_operator_core::desired::{Desired, adapter_of};
use dittofs_operator_core::optional::OptionalKind;
use dittofs_operator_core::outcome::Failure;

/// Routes go before the Services they lead to, and Services before the policies that let clients reach them.
pub(super) async fn take_away(
    writer: &Writer<'_>,
    stores: &Stores,
    desired: &Desired,
    applied: &mut Applied,
) {
    optional(writer, stores, desired, applied).await;
    services(writer, stores, desired, applied).await;
    policies(writer, stores, desired, applied).await;
    budgets(writer, stores, desired, applied).await;
}

async fn optional(writer: &Writer<'_>, stores: &Stores, desired: &Desired, applied: &mut Applied) {
    // A database is never taken away because a field has changed.
    let kinds = OptionalKind::ALL
        .into_iter()
        .filter(|kind| !kind.holds_data());
    for kind in kinds {
        let Presence::Present(store) = stores.optional.of(kind) else {
            continue;
        };
        let wanted = desired.optional.get(&kind).map_or(&[][..], Vec::as_slice);
        for object in writer.owned(&store) {
            if is_among(wanted, &*object) {
                continue;
            }
            let reason = match adapter_of(&object.metadata) {
                None => "it is not asked for any more".to_owned(),
                Some(adapter) if !desired.prune.permits(adapter) => {
                    applied.note(writer.adopt(&kind.resource(), &*object).await);
                    continue;
                }
                Some(adapter) => format!("no route to adapter {adapter} is asked for any more"),
            };
            let deleted = writer.delete_of(&kind.resource(), &*object, reason).await;
            applied.note(deleted);
        }
    }
}

async fn services(writer: &Writer<'_>, stores: &Stores, desired: &Desired, applied: &mut Applied) {
    let wanted = &desired.services;
    for service in writer.owned(&stores.services) {
        if is_among(wanted, &*service) {
            continue;
        }
        let reason = match adapter_of(&service.metadata) {
            None => "it is not asked for any more".to_owned(),
            // An old Service stays until the new one is written and has an address.
            Some(adapter)
                if !desired.prune.permits(adapter)
                    || writer.instance.exposure.stays(&service.name_any()) =>
            {
                applied.note(writer.adopt(&(), &*service).await);
                continue;
            }
            Some(adapter) if failed(adapter, wanted, &applied.failures) => continue,
            Some(adapter) => gone(adapter, wanted),
        };
        applied.note(writer.delete(&*service, reason).await);
    }
}

async fn policies(writer: &Writer<'_>, stores: &Stores, desired: &Desired, applied: &mut Applied) {
    let disabled = writer.instance.spec.network_policies().is_none();
    let mut policies = writer.owned(&stores.network_policies);
    // The one that closes the pod goes before those that open it.
    policies.sort_by_key(|policy| adapter_of(&policy.metadata).is_some());
    for policy in policies {
        if is_among(&desired.network_policies, &*policy) {
            continue;
        }
        let reason = match adapter_of(&policy.metadata) {
            _ if disabled => "networkPolicy.enabled is false".to_owned(),
            None => "it is not asked for any more".to_owned(),
            Some(adapter) if !desired.prune.permits(adapter) => {
                applied.note(writer.adopt(&(), &*policy).await);
                continue;
            }
            Some(adapter) => format!("adapter {adapter} is not exposed any more"),
        };
        let deleted = writer.delete(&*policy, reason).await;
        let failed = deleted.is_err();
        applied.note(deleted);
        if disabled && failed {
            return;
        }
    }
}

async fn budgets(writer: &Writer<'_>, stores: &Stores, desired: &Desired, applied: &mut Applied) {
    for budget in writer.owned(&stores.disruption_budgets) {
        if !is_among(desired.disruption_budget.as_slice(), &*budget) {
            let reason = "pod.disruptionBudget is Manual".to_owned();
            applied.note(writer.delete(&*budget, reason).await);
        }
    }
}

fn is_among<K: Resource>(wanted: &[K], object: &K) -> bool {
    wanted
        .iter()
        .any(|wanted| wanted.meta().name == object.meta().name)
}

/// The Services that take the place of one that was for this adapter: one for all adapters takes the place of any, and
/// any takes part in the place of that.
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

fn gone(adapter: &str, services: &[Service]) -> String {
    let mut services = of_adapter(adapter, services);
    match services.next() {
        Some(new) if adapter_of(&new.metadata) == Some(adapter) => {
            format!("adapterServices.nameTemplate now gives {}", new.name_any())
        }
        Some(new) => format!(
            "adapterServices.mode has changed, and {} takes its place",
            new.name_any()
        ),
        None if adapter == labels::ALL_ADAPTERS => "no adapter is exposed any more".to_owned(),
        None => {
            format!("adapter {adapter} has been switched off or gone for the whole removalHold")
        }
    }
}
