//! Whether anything that is cached of an instance has changed.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use super::{Caches, Presence};
use crate::server::InstanceRef;
use dittofs_operator_core::optional::OptionalKind;

impl Caches {
    /// Changes with the content of any object that matters to an instance, except for its `DittoServer`.
    pub fn stamp(&self, instance: &InstanceRef) -> u64 {
        // Destructured without `..`, so that a new kind does not compile until it counts here.
        let Self {
            servers: _,
            signing_keys,
            config_maps,
            departed: _,
            services,
            network_policies,
            stateful_sets,
            pods,
            disruption_budgets,
            claims,
            service_accounts,
            roles,
            role_bindings,
            optional,
        } = self;
        let namespace = instance.namespace.as_deref().unwrap_or_default();
        let (name, mut hasher) = (instance.name.as_str(), DefaultHasher::new());
        signing_keys.sharers(namespace, name).hash(&mut hasher);
        config_maps.stamp(namespace, name, &mut hasher);
        services.stamp(namespace, name, &mut hasher);
        network_policies.stamp(namespace, name, &mut hasher);
        stateful_sets.stamp(namespace, name, &mut hasher);
        pods.stamp(namespace, name, &mut hasher);
        disruption_budgets.stamp(namespace, name, &mut hasher);
        claims.stamp(namespace, name, &mut hasher);
        service_accounts.stamp(namespace, name, &mut hasher);
        roles.stamp(namespace, name, &mut hasher);
        role_bindings.stamp(namespace, name, &mut hasher);
        for kind in OptionalKind::ALL {
            match optional.of(kind, namespace) {
                Presence::Absent(absence) => absence.hash(&mut hasher),
                Presence::Present(cache) => {
                    cache.kind().api_version.hash(&mut hasher);
                    cache.stamp(namespace, name, &mut hasher);
                }
            }
        }
        hasher.finish()
    }
}
