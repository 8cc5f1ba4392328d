//! Pure: the ownership of objects.
//!
//! An object is ours when this `DittoServer` controls it and it has our mark: the label `managed-by`, or the hash of
//! what was applied, which only this operator writes. An object with our labels for this name and without a
//! controller is adopted in place: `--cascade=orphan` and backups leave such objects behind. Any other object with a
//! name that we need is foreign and is never written to. Field managers prove nothing, because backups drop them.

use dittofs_shared::crd::DittoServer;
use dittofs_shared::labels;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use kube::Resource as _;

/// Ownership of an object, from the point of view of one `DittoServer`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ownership {
    /// This `DittoServer` controls it, and this operator created it.
    Ours,
    /// It has our labels for this name and no controller.
    Adoptable,
    /// Not ours.
    Foreign(Holder),
}

/// The owner of an object that is not ours.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Holder {
    /// This `DittoServer` controls it, and another operator created it.
    OtherOperator,
    /// A former `DittoServer` of the same name. The garbage collector deletes its objects.
    FormerServer,
    /// Another controller.
    Controller {
        /// Its kind.
        kind: String,
        /// Its name.
        name: String,
    },
    /// It has no controller, and not our labels for this name.
    #[default]
    NoController,
}

/// Nothing proves that it is ours.
impl Default for Ownership {
    fn default() -> Self {
        Self::Foreign(Holder::default())
    }
}

/// The `DittoServer` for which ownership is evaluated.
#[derive(Clone, Copy, Debug)]
pub struct Claimant<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its uid.
    pub uid: &'a str,
}

impl Claimant<'_> {
    /// Ownership of an object in its namespace.
    pub fn ownership_of(&self, metadata: &ObjectMeta) -> Ownership {
        let labels = metadata.labels.as_ref();
        let label = |key: &str| labels?.get(key).map(String::as_str);
        let managed = label(labels::MANAGED_BY) == Some(labels::MANAGED_BY_VALUE);
        match controller(metadata) {
            Some(owner) if owner.uid == self.uid => {
                let annotations = metadata.annotations.as_ref();
                let applied = annotations.is_some_and(|all| all.contains_key(labels::APPLIED_HASH));
                if managed || applied {
                    Ownership::Ours
                } else {
                    Ownership::Foreign(Holder::OtherOperator)
                }
            }
            // Names are unique, so a DittoServer of this name with another uid no longer exists.
            Some(owner) if owner.kind == DittoServer::kind(&()) && owner.name == self.name => {
                Ownership::Foreign(Holder::FormerServer)
            }
            Some(owner) => Ownership::Foreign(Holder::Controller {
                kind: owner.kind.clone(),
                name: owner.name.clone(),
            }),
            None if managed && label(labels::INSTANCE) == Some(self.name) => Ownership::Adoptable,
            None => Ownership::Foreign(Holder::NoController),
        }
    }

    /// Whether it is ours, or can be adopted.
    pub fn has(&self, metadata: &ObjectMeta) -> bool {
        !matches!(self.ownership_of(metadata), Ownership::Foreign(_))
    }
}

/// The owner that manages an object.
pub fn controller(metadata: &ObjectMeta) -> Option<&OwnerReference> {
    let mut owners = metadata.owner_references.iter().flatten();
    owners.find(|owner| owner.controller == Some(true))
}

/// Whether the object with this uid controls another.
pub fn is_controlled_by(metadata: &ObjectMeta, uid: Option<&str>) -> bool {
    controller(metadata).is_some_and(|owner| Some(owner.uid.as_str()) == uid)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn owner(kind: &str, name: &str, uid: &str, controller: bool) -> Value {
        json!([{
            "apiVersion": "x/v1", "kind": kind, "name": name, "uid": uid, "controller": controller,
        }])
    }

    fn ownership(labels: &Value, annotations: &Value, owners: &Value) -> Ownership {
        let metadata = serde_json::from_value(json!({
            "name": "files-nfs", "labels": labels, "annotations": annotations,
            "ownerReferences": owners,
        }))
        .unwrap();
        let claimant = Claimant {
            name: "files",
            uid: "u",
        };
        claimant.ownership_of(&metadata)
    }

    #[test]
    fn whose_an_object_is_follows_from_its_controller_and_our_mark() {
        let mark = json!(labels::of_instance("files"));
        let other_name = json!(labels::of_instance("other"));
        // What the Go operator puts on its Services.
        let selected = json!(labels::selector("files"));
        let [none, hash] = [json!({}), json!({ labels::APPLIED_HASH: "1" })];
        let this = owner("DittoServer", "files", "u", true);
        let no_owner = json!([]);
        let controller = |kind: &str, name: &str| {
            Ownership::Foreign(Holder::Controller {
                kind: kind.to_owned(),
                name: name.to_owned(),
            })
        };
        let foreign = Ownership::Foreign;
        for (labels, annotations, owners, expected) in [
            (&mark, &none, this.clone(), Ownership::Ours),
            (&mark, &hash, this.clone(), Ownership::Ours),
            // A user has removed our labels, or set those of another instance.
            (&none, &hash, this.clone(), Ownership::Ours),
            (&other_name, &none, this.clone(), Ownership::Ours),
            (&none, &none, this.clone(), foreign(Holder::OtherOperator)),
            (&selected, &none, this, foreign(Holder::OtherOperator)),
            (&mark, &none, no_owner.clone(), Ownership::Adoptable),
            (
                &mark,
                &hash,
                owner("Team", "a", "t", false),
                Ownership::Adoptable,
            ),
            // It has the name, and nothing proves that it was ever ours.
            (
                &none,
                &none,
                no_owner.clone(),
                foreign(Holder::NoController),
            ),
            (
                &none,
                &hash,
                no_owner.clone(),
                foreign(Holder::NoController),
            ),
            (
                &selected,
                &none,
                no_owner.clone(),
                foreign(Holder::NoController),
            ),
            (&other_name, &hash, no_owner, foreign(Holder::NoController)),
            (
                &mark,
                &hash,
                owner("DittoServer", "files", "old", true),
                foreign(Holder::FormerServer),
            ),
            (
                &mark,
                &hash,
                owner("DittoServer", "other", "o", true),
                controller("DittoServer", "other"),
            ),
            (
                &mark,
                &hash,
                owner("Team", "a", "t", true),
                controller("Team", "a"),
            ),
        ] {
            assert_eq!(
                ownership(labels, annotations, &owners),
                expected,
                "{labels} {annotations} {owners}"
            );
        }
    }
}
