//! ConfigMap `{name}-adapters`, and who may write to it.
//!
//! The sidecar may patch it, and a patch reaches the metadata, too: it can take labels and owners off, name another
//! owner, or add a finalizer. The operator undoes all of that. The uid in ConfigMap `{name}-sidecar`, which the
//! sidecar cannot write to, says which object the operator has created.

use dittofs_shared::{labels, names};
use k8s_openapi::api::core::v1::ConfigMap;
use k8s_openapi::api::rbac::v1::Role;
use kube::api::{Patch, PatchParams};
use kube::runtime::reflector::ObjectRef;
use kube::{Api, Client, ResourceExt as _};
use serde_json::{Value, json};

use super::Applied;
use super::request::{Put, within_deadline};
use super::write::Writer;
use crate::cache::Cache;
use crate::watch::Caches;
use dittofs_operator_core::outcome::{Action, ApplyError, Change, Failure};
use dittofs_operator_core::ownership::Ownership;

/// Whether a sidecar may be given the right to write to `{name}-adapters`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MayPublish {
    /// The ConfigMap is ours.
    Yes,
    /// It is foreign.
    No,
    /// It could not be read or written.
    Unknown,
}

impl Writer<'_> {
    /// Applies the ConfigMaps.
    pub async fn put_config_maps(
        &self,
        cache: &Cache<ConfigMap>,
        config_maps: &[ConfigMap],
    ) -> (Applied, MayPublish) {
        let published = names::adapters(&self.instance.name);
        let puts = config_maps.iter().map(async |config_map| {
            if config_map.name_any() == published {
                self.put_published(cache, config_map).await
            } else {
                self.put(Put::new(cache, config_map)).await
            }
        });
        let mut applied = Applied::default();
        let mut may_publish = MayPublish::Unknown;
        let puts = futures::future::join_all(puts).await;
        for (config_map, put) in config_maps.iter().zip(puts) {
            if config_map.name_any() == published {
                may_publish = may_publish_by(&put);
            }
            applied.record(put);
        }
        (applied, may_publish)
    }

    /// Applies the Role of the sidecar, without rights to an object that is not ours.
    pub async fn put_role(
        &self,
        cache: &Cache<Role>,
        role: &Role,
        may_publish: MayPublish,
    ) -> Result<Option<Change>, Failure> {
        match may_publish {
            MayPublish::Yes => self.put(Put::new(cache, role)).await,
            MayPublish::No => {
                let less = without(role, &names::adapters(&self.instance.name));
                self.put(Put::new(cache, &less)).await
            }
            MayPublish::Unknown => Ok(None),
        }
    }

    /// Creates the ConfigMap, or corrects it.
    pub(super) async fn put_published(
        &self,
        cache: &Cache<ConfigMap>,
        desired: &ConfigMap,
    ) -> Result<Option<Change>, Failure> {
        let put = Put::new(cache, desired);
        let seen = match put.cached() {
            Some(cached) => Some(cached),
            // It may have lost the label by which it is cached.
            None if self.instance.published_uid().is_some() => self.read(&put).await?,
            None => None,
        };
        if let Some(seen) = seen
            && self.is_published(&seen)
            && self.has_foreign_metadata(&seen)
        {
            return self.restore(&seen, desired).await;
        }
        self.put(put).await
    }

    fn is_published(&self, seen: &ConfigMap) -> bool {
        let uid = self.instance.published_uid();
        self.instance.claimant().has(&seen.metadata)
            || (uid.is_some() && seen.metadata.uid.as_deref() == uid)
    }

    /// Whether it has metadata that an apply would not remove, or lacks what makes it ours.
    fn has_foreign_metadata(&self, seen: &ConfigMap) -> bool {
        let owners = seen.owner_references();
        !seen.finalizers().is_empty()
            || owners
                .iter()
                .any(|owner| owner.uid != self.instance.owner.uid)
            || matches!(self.ownership_of(seen), Ownership::Foreign(_))
    }

    async fn restore(
        &self,
        seen: &ConfigMap,
        desired: &ConfigMap,
    ) -> Result<Option<Change>, Failure> {
        let patch = json!({"metadata": {
            "uid": seen.uid(),
            "labels": desired.metadata.labels,
            "ownerReferences": desired.metadata.owner_references,
            "finalizers": null,
        }});
        match self.merge(&(), seen, &patch).await {
            Ok(_) => Ok(Some(Change::of(
                seen,
                &(),
                Action::Updated,
                "labels, owner references and finalizers were restored".to_owned(),
            ))),
            Err(error) if error.is_replaced() => Ok(None),
            Err(error) => Err(Failure::of(seen, &(), error)),
        }
    }
}

fn may_publish_by(put: &Result<Option<Change>, Failure>) -> MayPublish {
    match put {
        Ok(_) => MayPublish::Yes,
        Err(failure) if matches!(failure.error, ApplyError::Foreign(_)) => MayPublish::No,
        Err(_) => MayPublish::Unknown,
    }
}

/// The Role without the rules for one object.
fn without(role: &Role, name: &str) -> Role {
    let mut role = role.clone();
    if let Some(rules) = &mut role.rules {
        rules.retain(|rule| {
            let names = rule.resource_names.iter().flatten();
            !names.clone().any(|one| one == name)
        });
    }
    role
}

/// Removes the finalizers of `{name}-adapters` once its `DittoServer` is being deleted or no longer exists: no other
/// controller has a reason to add one, but a sidecar can. Returns whether there were any.
///
/// # Errors
/// The ConfigMap cannot be read or written.
pub async fn release(
    client: &Client,
    caches: &Caches,
    namespace: &str,
    instance: &str,
) -> Result<bool, Failure> {
    let name = names::adapters(instance);
    let key = ObjectRef::new(&name).within(namespace);
    let departed = caches.departed.take(&key);
    let released = release_seen(client, caches, &key, departed.as_ref()).await;
    if let (Err(_), Some(uid)) = (&released, departed) {
        caches.departed.put_back(key, uid);
    }
    released.map_err(|error| Failure {
        kind: "ConfigMap".to_owned(),
        name,
        error,
    })
}

/// `departed`: the uid of the one that has left the cache, deleted or without our label.
async fn release_seen(
    client: &Client,
    caches: &Caches,
    key: &ObjectRef<ConfigMap>,
    departed: Option<&String>,
) -> Result<bool, ApplyError> {
    let (name, namespace) = (&key.name, key.namespace.as_deref().unwrap_or_default());
    let api: Api<ConfigMap> = Api::namespaced(client.clone(), namespace);
    let metadata = match (caches.config_maps.get(namespace, name), departed) {
        (Some(held), _) => held.metadata.clone(),
        (None, Some(uid)) => match within_deadline(api.get_opt(name)).await? {
            Some(found) if found.metadata.uid.as_ref() == Some(uid) => found.metadata,
            _ => return Ok(false),
        },
        (None, None) => return Ok(false),
    };
    if metadata.finalizers.iter().flatten().next().is_none() {
        return Ok(false);
    }
    let patch: Value = json!({"metadata": {"uid": metadata.uid, "finalizers": null}});
    let parameters = PatchParams {
        field_manager: Some(labels::OPERATOR_MANAGER.to_owned()),
        ..PatchParams::default()
    };
    match within_deadline(api.patch(name, &parameters, &Patch::Merge(patch))).await {
        Ok(_) => Ok(true),
        Err(error) if error.is_replaced() => Ok(false),
        Err(error) => Err(error),
    }
}
