//! Secrets, which are created once and never overwritten.

use dittofs_shared::labels;
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::api::PostParams;
use kube::{Api, Client, ResourceExt as _};
use rand::RngExt as _;
use std::collections::BTreeMap;

use super::Applied;
use super::request::within_deadline;
use crate::secrets::KnownSecrets;
use dittofs_operator_core::desired::{Content, GeneratedSecret};
use dittofs_operator_core::digest::digest;
use dittofs_operator_core::observed::Observed;
use dittofs_operator_core::outcome::{Action, Change, Failure};
use dittofs_operator_core::ownership::Claimant;
use dittofs_operator_core::secrets::SecretFacts;
use dittofs_operator_core::secrets::connection::ConnectionString;
use dittofs_operator_core::secrets::connection_string;

type Data = BTreeMap<String, ByteString>;

/// Creates the Secrets that do not exist yet, and remembers them.
pub(super) async fn create_secrets(
    client: &Client,
    observed: &Observed,
    (claimant, secrets): (Claimant<'_>, &[GeneratedSecret]),
    known: &mut KnownSecrets,
) -> Applied {
    let missing = secrets.iter().filter(|secret| !exists(observed, secret));
    let created = futures::future::join_all(missing.map(|secret| create(client, secret))).await;
    let mut applied = Applied::default();
    for created in created {
        if let Ok(Some(secret)) = &created {
            let facts = SecretFacts::of(secret, claimant);
            known.learn(secret.name_any(), Some(facts));
        }
        if let Ok(None) = &created {
            applied.overtaken();
        }
        applied.record(created.map(|secret| secret.map(|secret| change(&secret))));
    }
    applied
}

fn change(created: &Secret) -> Change {
    Change::of(created, &(), Action::Created, "did not exist".to_owned())
}

fn exists(observed: &Observed, secret: &GeneratedSecret) -> bool {
    let name = secret.metadata.name.as_ref();
    name.is_some_and(|name| observed.secrets.contains_key(name))
}

/// `None`: another client was faster, or its source has just changed.
async fn create(client: &Client, generated: &GeneratedSecret) -> Result<Option<Secret>, Failure> {
    let mut secret = Secret {
        metadata: generated.metadata.clone(),
        ..Secret::default()
    };
    let api: Api<Secret> = Api::namespaced(client.clone(), &secret.namespace().unwrap_or_default());
    secret.data = match &generated.content {
        Content::Random { fixed, key, length } => Some(random(fixed, key, *length)),
        Content::Connection(string) => {
            let source = within_deadline(api.get_opt(&string.key.name)).await;
            let source = source.map_err(|error| Failure::of(&secret, &(), error))?;
            parts(source.as_ref(), string)
        }
    };
    if secret.data.is_none() {
        // The next reconcile creates another one. Secrets are not watched: nothing else leads to it.
        return Ok(None);
    }
    let parameters = PostParams {
        field_manager: Some(labels::OPERATOR_MANAGER.to_owned()),
        ..PostParams::default()
    };
    match within_deadline(api.create(&parameters, &secret)).await {
        Ok(created) => Ok(Some(created)),
        Err(error) => {
            let failure = Failure::of(&secret, &(), error);
            if failure.error.is_conflict() && is_there(&api, &secret).await? {
                return Ok(None);
            }
            Err(failure)
        }
    }
}

/// Whoever stands between may say that it exists, and it does not.
async fn is_there(api: &Api<Secret>, secret: &Secret) -> Result<bool, Failure> {
    let found = within_deadline(api.get_opt(&secret.name_any())).await;
    let found = found.map_err(|error| Failure::of(secret, &(), error))?;
    Ok(found.is_some())
}

fn random(fixed: &BTreeMap<String, String>, key: &str, length: usize) -> Data {
    let value = rand::rng()
        .sample_iter(rand::distr::Alphanumeric)
        .take(length);
    let fixed = fixed.iter();
    let mut data: Data = fixed
        .map(|(key, value)| (key.clone(), ByteString(value.clone().into_bytes())))
        .collect();
    data.insert(key.to_owned(), ByteString(value.collect()));
    data
}

/// The parts of a connection string, if it is still what was seen.
fn parts(source: Option<&Secret>, string: &ConnectionString) -> Option<Data> {
    let value = source?.data.as_ref()?.get(&string.key.key)?;
    if digest(&value.0) != string.digest {
        return None;
    }
    let parts = connection_string::parse(&value.0).ok()?;
    let parts = parts.into_iter();
    Some(
        parts
            .map(|(key, value)| (key.to_owned(), ByteString(value.into_bytes())))
            .collect(),
    )
}
