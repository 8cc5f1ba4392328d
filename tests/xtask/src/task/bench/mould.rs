//! The objects of one instance as the operator made them, to be made again for others without any logic.

use super::Error;
use super::ground::Ground;
use super::instances::Place;
use http::Request;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

const NAME: &str = "mould-name";
const NAMESPACE: &str = "mould-namespace";
const UID: &str = "mould-uid";
/// Path, kind and plural of everything that belongs to an instance.
const KINDS: [(&str, &str, &str); 9] = [
    ("v1", "Secret", "secrets"),
    ("v1", "ServiceAccount", "serviceaccounts"),
    ("rbac.authorization.k8s.io/v1", "Role", "roles"),
    (
        "rbac.authorization.k8s.io/v1",
        "RoleBinding",
        "rolebindings",
    ),
    ("v1", "ConfigMap", "configmaps"),
    ("networking.k8s.io/v1", "NetworkPolicy", "networkpolicies"),
    ("v1", "Service", "services"),
    ("policy/v1", "PodDisruptionBudget", "poddisruptionbudgets"),
    ("apps/v1", "StatefulSet", "statefulsets"),
];

/// One object with blanks for the instance.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Mould {
    /// Of the collection.
    path: String,
    /// Of the object.
    name: String,
    /// In JSON.
    object: String,
    /// Such are created once and never written again: the operator may not patch them.
    once: bool,
}

/// Whom an object is made for.
#[derive(Clone, Debug)]
pub struct Owner {
    /// Where.
    pub place: Place,
    /// Of the `DittoServer`.
    pub uid: String,
}

impl Mould {
    /// What writes the object for an instance.
    ///
    /// # Errors
    /// It makes no request.
    pub fn request(&self, owner: &Owner, smb: u16) -> Result<Request<Vec<u8>>, Error> {
        let fill = |text: &str| {
            text.replace(NAMESPACE, &owner.place.namespace)
                .replace(NAME, &owner.place.name)
                .replace(UID, &owner.uid)
                .replace(&super::sidecars::SMB.to_string(), &smb.to_string())
        };
        let (path, name) = (fill(&self.path), fill(&self.name));
        let request = if self.once {
            Request::post(path).header("content-type", "application/json")
        } else {
            // In the operator's name: it takes away what it no longer applies, such as the old port.
            Request::patch(format!(
                "{path}/{name}?fieldManager=dittofs-operator&force=true"
            ))
            .header("content-type", "application/apply-patch+yaml")
        };
        Ok(request.body(fill(&self.object).into_bytes())?)
    }

    /// Whether it follows the port of SMB: the Service and the NetworkPolicy of the adapter.
    pub fn follows(&self) -> bool {
        self.name.ends_with("-smb")
    }
}

/// Takes the objects of an instance.
///
/// # Errors
/// The API server refuses.
pub async fn take(ground: &Ground<'_>, place: &Place) -> Result<Vec<Mould>, Error> {
    let mut moulds = Vec::new();
    for (version, kind, plural) in KINDS {
        let root = if version == "v1" { "api" } else { "apis" };
        let collection = format!("/{root}/{version}/namespaces/{}/{plural}", place.namespace);
        let list = format!("{collection}?labelSelector=instance%3D{}", place.name);
        let list: Value = ground
            .client
            .request(Request::get(list).body(Vec::new())?)
            .await?;
        for object in list["items"].as_array().into_iter().flatten() {
            let mut object = object.clone();
            object["apiVersion"] = json!(version);
            object["kind"] = json!(kind);
            let uid = object["metadata"]["ownerReferences"][0]["uid"].clone();
            let blank = |text: &str| {
                let text = text
                    .replace(&place.namespace, NAMESPACE)
                    .replace(&place.name, NAME);
                match uid.as_str() {
                    Some(uid) => text.replace(uid, UID),
                    None => text,
                }
            };
            moulds.push(Mould {
                path: blank(&collection),
                name: blank(object["metadata"]["name"].as_str().unwrap_or_default()),
                object: blank(&cleaned(object.clone()).to_string()),
                once: kind == "Secret",
            });
        }
    }
    Ok(moulds)
}

/// Without what the API server and others put in.
fn cleaned(mut object: Value) -> Value {
    let metadata = &object["metadata"];
    let kept = [
        "name",
        "namespace",
        "labels",
        "annotations",
        "ownerReferences",
    ];
    let kept = kept.into_iter().filter(|key| !metadata[*key].is_null());
    object["metadata"] = kept
        .map(|key| (key.to_owned(), metadata[key].clone()))
        .collect::<serde_json::Map<_, _>>()
        .into();
    if let Some(fields) = object.as_object_mut() {
        fields.remove("status");
        fields.remove("secrets");
    }
    if object["kind"] == "Service"
        && object["spec"]["clusterIP"] != "None"
        && let Some(spec) = object["spec"].as_object_mut()
    {
        spec.remove("clusterIP");
        spec.remove("clusterIPs");
    }
    object
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blanks_are_filled_and_the_port_follows() {
        let mould = Mould {
            path: "/api/v1/namespaces/mould-namespace/services".to_owned(),
            name: "mould-name-smb".to_owned(),
            object: r#"{"uid":"mould-uid","targetPort":1445}"#.to_owned(),
            once: false,
        };
        let owner = Owner {
            place: Place {
                namespace: "a".to_owned(),
                name: "b".to_owned(),
            },
            uid: "c".to_owned(),
        };
        let request = mould.request(&owner, 1446).unwrap();
        let path = request.uri().path();
        assert_eq!(path, "/api/v1/namespaces/a/services/b-smb");
        let body = String::from_utf8(request.into_body()).unwrap();
        assert_eq!(body, r#"{"uid":"c","targetPort":1446}"#);
    }

    #[test]
    fn what_the_api_server_put_in_is_taken_out() {
        let seen = json!({
            "kind": "Service", "metadata": {"name": "a", "uid": "u", "managedFields": []},
            "spec": {"clusterIP": "198.19.0.2", "clusterIPs": [], "type": "ClusterIP"}, "status": {},
        });
        let expected = json!({
            "kind": "Service", "metadata": {"name": "a"}, "spec": {"type": "ClusterIP"},
        });
        assert_eq!(cleaned(seen), expected);
    }
}
