//! Pure: whether a Secret that has the name of one that the operator generates is one of those.
//!
//! Generated Secrets may outlive their `DittoServer`, so that they are found again by name. A name alone proves nothing: whoever
//! may create Secrets could choose the key that signs the tokens.

use dittofs_shared::server::DittoServer;
use kube::{Resource as _, ResourceExt as _};
use std::collections::BTreeMap;

use super::secrets::SecretProblem;
use crate::observe::{Controller, SecretFacts};

/// Refuses the first of these Secrets that exists and was not generated for this `DittoServer`.
pub(super) fn check(
    server: &DittoServer,
    facts: &BTreeMap<String, SecretFacts>,
    generated: &[&str],
) -> Result<(), SecretProblem> {
    let instance = server.name_any();
    let uid = server.uid().unwrap_or_default();
    let found = generated
        .iter()
        .filter_map(|name| Some((*name, facts.get(*name)?)));
    for (name, secret) in found {
        match &secret.controller {
            None if secret.made_for.as_ref() == Some(&instance) => {}
            Some(controller) if controller.uid == uid => {}
            None => {
                return Err(SecretProblem::NotLabelled(name.to_owned(), instance));
            }
            Some(controller) if is_former(controller, &instance) => {
                return Err(SecretProblem::OfFormer(name.to_owned()));
            }
            Some(Controller { kind, name: of, .. }) => {
                return Err(SecretProblem::Foreign(
                    name.to_owned(),
                    format!("{kind} {of}"),
                ));
            }
        }
    }
    Ok(())
}

/// A `DittoServer` of the same name that was deleted. The garbage collector removes what it owned.
fn is_former(controller: &Controller, instance: &str) -> bool {
    controller.kind == DittoServer::kind(&()) && controller.name == instance
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn controller(kind: &str, name: &str, uid: &str) -> Controller {
        Controller {
            kind: kind.to_owned(),
            name: name.to_owned(),
            uid: uid.to_owned(),
        }
    }

    #[test]
    fn a_generated_secret_is_known_by_its_labels_or_by_its_controller() {
        let server: DittoServer = serde_json::from_value(json!({
            "apiVersion": "dittofs.dittofs.com/v1alpha1", "kind": "DittoServer",
            "metadata": {"name": "files", "uid": "now"},
            "spec": {"storage": {"metadataSize": "1Gi"}},
        }))
        .unwrap();
        let secret = "files-jwt-secret";
        let ours = controller("DittoServer", "files", "now");
        let former = controller("DittoServer", "files", "before");
        let neighbour = controller("DittoServer", "others", "other");
        let foreign = controller("Certificate", "files", "cert");
        for (made_for, controller, words) in [
            (Some("files"), None, None),
            (Some("files"), Some(ours.clone()), None),
            // Made by another operator for this very DittoServer.
            (None, Some(ours), None),
            (None, None, Some("kubectl label secret files-jwt-secret")),
            (Some("others"), None, Some("instance=files")),
            (Some("files"), Some(former), Some("former DittoServer")),
            (Some("files"), Some(neighbour), Some("DittoServer others")),
            (None, Some(foreign), Some("Certificate files")),
        ] {
            let found = SecretFacts {
                made_for: made_for.map(str::to_owned),
                controller,
                ..SecretFacts::default()
            };
            let facts = BTreeMap::from([(secret.to_owned(), found.clone())]);
            let told = check(&server, &facts, &[secret]).map_err(|problem| problem.to_string());
            match words {
                None => assert_eq!(told, Ok(()), "{found:?}"),
                Some(words) => {
                    let told = told.unwrap_err();
                    assert!(told.contains(words) && told.contains(secret), "{told}");
                }
            }
        }
        assert_eq!(check(&server, &BTreeMap::new(), &[secret]), Ok(()));
    }
}
