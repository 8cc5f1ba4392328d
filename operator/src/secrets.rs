//! What is known of Secrets. They are not watched, so that the operator needs no right to list them, and their contents
//! are not kept.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use crate::server::InstanceRef;
use dittofs_operator_core::ownership::Ownership;
use dittofs_operator_core::secrets::{KeyFacts, SecretFacts, generated_names};

/// How long a generated Secret is remembered. Nobody has a reason to change one, and whoever does can request a
/// reconcile.
const REREAD: Duration = Duration::from_hours(2);

/// What is known of the Secrets of one instance during one reconcile, by name.
#[derive(Clone, Debug, Default)]
pub struct KnownSecrets {
    facts: BTreeMap<String, Option<SecretFacts>>,
    /// Since when some of it is remembered. `None`: nothing was.
    since: Option<Instant>,
}

impl KnownSecrets {
    /// What is known of a Secret. `None`: it has to be read. `Some(None)`: it does not exist.
    pub fn get(&self, name: &str) -> Option<Option<&SecretFacts>> {
        self.facts.get(name).map(Option::as_ref)
    }

    /// A Secret has been read or created.
    pub fn learn(&mut self, name: String, facts: Option<SecretFacts>) {
        self.facts.insert(name, facts);
    }

    /// Nothing is known any more of Secrets that did not exist.
    pub fn forget_missing(&mut self) {
        self.facts.retain(|_, facts| facts.is_some());
    }
}

/// What the last reconcile has found of the Secrets that the operator has generated, for the next one. Those of users
/// are read by every reconcile: it is not known when they change.
#[derive(Debug, Default)]
pub struct SecretMemory(HashMap<InstanceRef, Remembered>);

/// The facts of the Secrets of one instance. There is one for each instance, and a map takes several times the memory of the few
/// that are in it.
#[derive(Debug)]
struct Remembered {
    secrets: Box<[RememberedSecret]>,
    since: Instant,
}

#[derive(Debug)]
struct RememberedSecret {
    name: Box<str>,
    resource_version: Option<String>,
    ownership: Ownership,
    keys: Box<[(Box<str>, KeyFacts)]>,
}

impl Remembered {
    fn of(known: KnownSecrets, now: Instant) -> Self {
        let secret = |(name, facts): (String, Option<SecretFacts>)| {
            let facts = facts?;
            let keys = facts.keys.into_iter();
            Some(RememberedSecret {
                name: name.into(),
                resource_version: facts.resource_version,
                ownership: facts.ownership,
                keys: keys.map(|(key, facts)| (key.into(), facts)).collect(),
            })
        };
        Self {
            secrets: known.facts.into_iter().filter_map(secret).collect(),
            since: known.since.unwrap_or(now),
        }
    }

    fn known(&self) -> KnownSecrets {
        let facts = self.secrets.iter().map(|secret| {
            let keys = secret.keys.iter();
            let facts = SecretFacts {
                keys: keys
                    .map(|(key, facts)| (key.to_string(), facts.clone()))
                    .collect(),
                resource_version: secret.resource_version.clone(),
                ownership: secret.ownership.clone(),
            };
            (secret.name.to_string(), Some(facts))
        });
        KnownSecrets {
            facts: facts.collect(),
            since: Some(self.since),
        }
    }
}

impl SecretMemory {
    /// What is remembered of an instance, unless it has been remembered for too long.
    pub fn of(&self, instance: &InstanceRef, now: Instant) -> KnownSecrets {
        let remembered = self.0.get(instance);
        let recent = remembered.filter(|known| now < known.since + REREAD);
        recent.map(Remembered::known).unwrap_or_default()
    }

    /// Remembers what was found, or forgets all of it. A Secret that does not exist is awaited, and so read by every
    /// reconcile.
    pub fn update(&mut self, instance: &InstanceRef, found: Option<KnownSecrets>, now: Instant) {
        let Some(mut known) = found else {
            return self.forget(instance);
        };
        let generated = generated_names(&instance.name);
        known.facts.retain(|name, _| generated.contains(name));
        self.0.insert(instance.clone(), Remembered::of(known, now));
    }

    /// Forgets the Secrets of an instance: the next reconcile reads them.
    pub fn forget(&mut self, instance: &InstanceRef) {
        self.0.remove(instance);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_generated_secrets_that_are_there_are_known_to_the_next_reconcile() {
        let files = InstanceRef::new("files").within("n");
        let [generated, missing, _] = generated_names("files");
        let mut known = KnownSecrets::default();
        for name in [generated.as_str(), "of-a-user"] {
            known.learn(name.to_owned(), Some(SecretFacts::default()));
        }
        known.learn(missing.clone(), None);
        assert_eq!(known.get(&missing), Some(None));
        let mut memory = SecretMemory::default();
        let start = Instant::now();
        memory.update(&files, Some(known), start);
        let known = memory.of(&files, start);
        assert!(known.get(&generated).is_some_and(|facts| facts.is_some()));
        assert!(known.get(&missing).is_none() && known.get("of-a-user").is_none());
        // To remember it once more makes it no younger.
        memory.update(&files, Some(known), start + REREAD / 2);
        let of = |memory: &SecretMemory, now| memory.of(&files, now).get(&generated).is_some();
        assert!(of(&memory, start + REREAD / 2) && !of(&memory, start + REREAD));
        memory.forget(&files);
        assert!(!of(&memory, start));
    }
}
