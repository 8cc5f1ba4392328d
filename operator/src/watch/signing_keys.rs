//! Which `DittoServers` of a namespace sign their tokens with which key of which Secret.

use kube::ResourceExt as _;
use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex};

use crate::lock::lock;
use crate::server::Server;
use dittofs_operator_core::secrets::references::{Part, signing_key};

/// Namespace, Secret and key.
type Key = (String, String, String);

/// The signing keys of all `DittoServers` in our scope, so that those that share one are found without looking at all.
#[derive(Clone, Debug, Default)]
pub struct SigningKeys(Arc<Mutex<Known>>);

#[derive(Debug, Default)]
struct Known {
    /// By namespace and name of the `DittoServer`.
    of: HashMap<(String, String), Key>,
    /// Names of `DittoServers`.
    users: HashMap<Key, BTreeSet<String>>,
}

impl SigningKeys {
    /// Takes a `DittoServer` into account that is new, has changed, or is gone.
    pub(super) fn see(&self, server: &Server, is_there: bool) {
        let place = (server.namespace().unwrap_or_default(), server.name_any());
        let mut known = lock(&self.0);
        if let Some(before) = known.of.remove(&place)
            && let Some(users) = known.users.get_mut(&before)
        {
            users.remove(&place.1);
            if users.is_empty() {
                known.users.remove(&before);
            }
        }
        let Some(valid) = server.valid().filter(|_| is_there) else {
            return;
        };
        let key = signing_key(&place.1, &valid.spec);
        let Part::Key(part, _) = key.part else {
            return;
        };
        let key = (place.0.clone(), key.name, part);
        known
            .users
            .entry(key.clone())
            .or_default()
            .insert(place.1.clone());
        known.of.insert(place, key);
    }

    /// The other `DittoServers` that use the key of this one, sorted.
    pub fn sharers(&self, namespace: &str, name: &str) -> Vec<String> {
        let known = lock(&self.0);
        let place = (namespace.to_owned(), name.to_owned());
        let users = known.of.get(&place).and_then(|key| known.users.get(key));
        let others = users.into_iter().flatten().filter(|other| *other != name);
        others.cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn server(namespace: &str, name: &str, jwt: &Value) -> Server {
        let server = json!({
            "apiVersion": "dittofs.dittofs.com/v1alpha1", "kind": "DittoServer",
            "metadata": {"namespace": namespace, "name": name},
            "spec": {"storage": {"metadataSize": "1Gi"}, "identity": {"jwt": jwt}},
        });
        Server::Valid(Box::new(serde_json::from_value(server).unwrap()))
    }

    #[test]
    fn dittoservers_with_one_key_in_one_namespace_share_it_until_one_changes_or_is_gone() {
        let keys = SigningKeys::default();
        let shared = json!({"secretRef": {"name": "ours", "key": "key"}});
        for (namespace, name, jwt) in [
            ("n", "b", &shared),
            ("n", "a", &shared),
            ("n", "c", &shared),
            ("n", "alone", &json!({})),
            ("other", "a", &shared),
        ] {
            keys.see(&server(namespace, name, jwt), true);
        }
        assert_eq!(keys.sharers("n", "b"), ["a", "c"]);
        assert!(keys.sharers("n", "alone").is_empty());
        assert!(keys.sharers("other", "a").is_empty());
        keys.see(&server("n", "a", &json!({})), true);
        keys.see(&server("n", "c", &shared), false);
        assert!(keys.sharers("n", "b").is_empty());
        assert!(keys.sharers("n", "gone").is_empty());
    }
}
