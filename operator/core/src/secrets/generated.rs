//! Pure: whether a Secret with the name of a generated one was generated for this instance.
//!
//! Generated Secrets may outlive their `DittoServer` and are found by name. The name alone proves nothing: every user
//! who may create Secrets could otherwise choose the key that signs the tokens.

use dittofs_shared::crd::DittoServer;
use kube::ResourceExt as _;
use std::collections::BTreeMap;

use super::{SecretFacts, SecretProblem};
use crate::ownership::{Holder, Ownership};

/// Refuses the first of these Secrets that exists and was not generated for this instance. Those that another operator
/// created for the same `DittoServer` are accepted.
pub(super) fn check(
    server: &DittoServer,
    facts: &BTreeMap<String, SecretFacts>,
    generated: &[&str],
) -> Result<(), SecretProblem> {
    let found = generated
        .iter()
        .filter_map(|name| Some((*name, facts.get(*name)?)));
    for (name, secret) in found {
        let name = name.to_owned();
        match &secret.ownership {
            Ownership::Ours | Ownership::Adoptable | Ownership::Foreign(Holder::OtherOperator) => {}
            Ownership::Foreign(Holder::NoController) => {
                return Err(SecretProblem::NotLabelled {
                    secret: name,
                    namespace: server.namespace().unwrap_or_default(),
                    instance: server.name_any(),
                });
            }
            Ownership::Foreign(Holder::FormerServer) => {
                return Err(SecretProblem::OfFormer { secret: name });
            }
            Ownership::Foreign(Holder::Controller { kind, name: of }) => {
                return Err(SecretProblem::Foreign {
                    secret: name,
                    owner: format!("{kind} {of}"),
                });
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_secret_is_used_only_if_it_was_generated_for_this_instance() {
        let secret = "files-jwt-secret";
        let server = json!({
            "apiVersion": "dittofs.dittofs.com/v1alpha1", "kind": "DittoServer",
            "metadata": {"name": "files", "namespace": "storage"},
            "spec": {"storage": {"metadataSize": "1Gi"}},
        });
        let server: DittoServer = serde_json::from_value(server).unwrap();
        let foreign = Ownership::Foreign;
        let certificate = Holder::Controller {
            kind: "Certificate".to_owned(),
            name: "files".to_owned(),
        };
        for (ownership, words) in [
            (Ownership::Ours, None),
            (Ownership::Adoptable, None),
            (foreign(Holder::OtherOperator), None),
            (
                foreign(Holder::NoController),
                Some("kubectl label secret files-jwt-secret -n storage"),
            ),
            (foreign(Holder::FormerServer), Some("former DittoServer")),
            (foreign(certificate), Some("Certificate files")),
        ] {
            let found = SecretFacts {
                ownership,
                ..SecretFacts::default()
            };
            let facts = BTreeMap::from([(secret.to_owned(), found.clone())]);
            let refusal = check(&server, &facts, &[secret]).map_err(|problem| problem.to_string());
            match words {
                None => assert_eq!(refusal, Ok(()), "{found:?}"),
                Some(words) => {
                    let refusal = refusal.unwrap_err();
                    assert!(
                        refusal.contains(words) && refusal.contains(secret),
                        "{refusal}"
                    );
                }
            }
        }
        assert_eq!(check(&server, &BTreeMap::new(), &[secret]), Ok(()));
    }
}
