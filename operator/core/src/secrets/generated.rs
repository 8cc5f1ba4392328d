//! Pure: whether a Secret with the name of a generated one was generated for this instance.
//!
//! Generated Secrets may outlive their `DittoServer` and are found by name. The name alone proves nothing: every user
//! who may create Secrets could otherwise choose the key that signs the tokens.

use std::collections::BTreeMap;

use super::{SecretFacts, SecretProblem};
use crate::ownership::{Holder, Whose};

/// Refuses the first of these Secrets that exists and was not generated for this instance. Those that another operator
/// created for the same `DittoServer` are accepted.
pub(super) fn check(
    instance: &str,
    facts: &BTreeMap<String, SecretFacts>,
    generated: &[&str],
) -> Result<(), SecretProblem> {
    let found = generated
        .iter()
        .filter_map(|name| Some((*name, facts.get(*name)?)));
    for (name, secret) in found {
        let name = name.to_owned();
        match &secret.whose {
            Whose::Ours | Whose::Adoptable | Whose::Foreign(Holder::OtherOperator) => {}
            Whose::Foreign(Holder::Nobody) => {
                return Err(SecretProblem::NotLabelled {
                    secret: name,
                    instance: instance.to_owned(),
                });
            }
            Whose::Foreign(Holder::FormerServer) => {
                return Err(SecretProblem::OfFormer { secret: name });
            }
            Whose::Foreign(Holder::Controller { kind, name: of }) => {
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

    #[test]
    fn a_secret_is_used_only_if_it_was_generated_for_this_instance() {
        let secret = "files-jwt-secret";
        let foreign = Whose::Foreign;
        let certificate = Holder::Controller {
            kind: "Certificate".to_owned(),
            name: "files".to_owned(),
        };
        for (whose, words) in [
            (Whose::Ours, None),
            (Whose::Adoptable, None),
            (foreign(Holder::OtherOperator), None),
            (
                foreign(Holder::Nobody),
                Some("kubectl label secret files-jwt-secret"),
            ),
            (foreign(Holder::FormerServer), Some("former DittoServer")),
            (foreign(certificate), Some("Certificate files")),
        ] {
            let found = SecretFacts {
                whose,
                ..SecretFacts::default()
            };
            let facts = BTreeMap::from([(secret.to_owned(), found.clone())]);
            let refusal = check("files", &facts, &[secret]).map_err(|problem| problem.to_string());
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
        assert_eq!(check("files", &BTreeMap::new(), &[secret]), Ok(()));
    }
}
