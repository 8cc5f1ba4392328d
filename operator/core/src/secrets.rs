//! Pure: which Secrets the server is started with, and whether it can be.

mod check;
pub mod connection;
pub mod connection_string;
mod digests;
mod facts;
pub mod first_password;
mod generated;
mod problem;
pub mod references;

use dittofs_shared::crd::{DittoServer, ObservedSecret, SecretKeyReference};
use dittofs_shared::names;
use kube::ResourceExt as _;
use std::collections::{BTreeMap, BTreeSet};

pub use connection::Connection;
pub use digests::Digest;
use digests::digests;
pub use facts::{KeyFacts, SecretFacts};
pub use problem::SecretProblem;
use references::{AUTHORITY, CERTIFICATE, Part, Reference};

/// The Secrets of an instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Secrets {
    /// Key that signs the tokens.
    pub jwt: SecretKeyReference,
    /// First password of the administrator.
    pub admin: SecretKeyReference,
    /// Whether the operator generates the signing key.
    pub generates_jwt: bool,
    /// Whether the operator generates the first password.
    pub generates_admin: bool,
    /// What the server is restarted for, or what is wrong with the Secrets.
    pub digest: Result<Digest, SecretProblem>,
    /// The connection to PostgreSQL, if the spec names a Secret with one.
    pub connection: Option<Connection>,
    /// Key of the certificate's Secret by which the sidecar knows the server.
    pub api_authority: &'static str,
    /// All of them, as the status shows them.
    pub observed: Vec<ObservedSecret>,
    /// Optional keys that are missing.
    absent: BTreeSet<(String, String)>,
}

/// Names of the Secrets that the operator may generate for an instance.
pub fn generated_names(instance: &str) -> [String; 3] {
    [
        names::jwt_secret(instance),
        names::admin_credentials(instance),
        names::sidecar_credentials(instance),
    ]
}

impl Secrets {
    /// Whether the only problem is a Secret that is being deleted.
    pub fn wait_for_deletion(&self) -> bool {
        matches!(self.digest, Err(SecretProblem::OfFormer { .. }))
    }

    /// Whether the server gets this key: not if the key is optional and missing.
    pub fn gives(&self, reference: &SecretKeyReference) -> bool {
        let key = (reference.name.clone(), reference.key.clone());
        !reference.name.is_empty() && !self.absent.contains(&key)
    }
}

/// Finds and checks the Secrets that the instance uses. `has_data`: the server has run with its present data, and no
/// longer needs a first password.
pub(crate) fn evaluate(
    server: &DittoServer,
    facts: &BTreeMap<String, SecretFacts>,
    has_data: bool,
) -> Secrets {
    let (name, spec) = (&server.name_any(), &server.spec);
    let identity = &spec.identity;
    let signing_key = references::signing_key(name, spec);
    let password = references::first_password(name, spec);
    let others = references::others(spec);
    let is_unnamed =
        |own: &Option<SecretKeyReference>| SecretKeyReference::named(own.as_ref()).is_none();
    let generates_jwt = is_unnamed(&identity.jwt.secret_ref);
    let generates_admin = is_unnamed(&identity.admin.password_secret_ref);
    let mut named = vec![
        used_for(&signing_key, generates_jwt, "signing key"),
        used_for(&password, generates_admin, "first password"),
    ];
    named.extend(
        others
            .iter()
            .map(|other| (other.name.as_str(), other.field.as_str())),
    );
    let password_needed = Some(&password).filter(|_| !has_data);
    let connection = connection::of(server, facts);
    let parts = connection.iter().filter(|one| one.generated_from.is_some());
    let parts: Vec<_> = parts.map(|one| one.secret.as_str()).collect();
    named.extend(
        parts
            .iter()
            .map(|secret| (*secret, "connection of the server")),
    );
    let own = names::sidecar_credentials(name);
    let mut generated = vec![own.as_str()];
    generated.extend(generates_jwt.then_some(signing_key.name.as_str()));
    generated.extend(generates_admin.then_some(password.name.as_str()));
    generated.extend(parts);
    let salt = facts.get(&own);
    let digest = generated::check(server, facts, &generated)
        .and_then(|()| digests(facts, &signing_key, password_needed, &others, salt));
    let observed = observed(name, facts, &named);
    Secrets {
        jwt: key_of(&signing_key),
        admin: key_of(&password),
        generates_jwt,
        generates_admin,
        digest,
        connection,
        api_authority: authority(facts, spec.control_plane.certificate()),
        absent: absent(facts, &others),
        observed,
    }
}

/// Name of a Secret, and the field that names it or what it is generated for.
fn used_for<'a>(
    reference: &'a Reference,
    is_generated: bool,
    purpose: &'a str,
) -> (&'a str, &'a str) {
    let user = if is_generated {
        purpose
    } else {
        &reference.field
    };
    (&reference.name, user)
}

/// The key with the authority, where the Secret has one; otherwise the certificate itself must be trusted.
fn authority(facts: &BTreeMap<String, SecretFacts>, certificate: Option<&str>) -> &'static str {
    let secret = certificate.and_then(|certificate| facts.get(certificate));
    if secret.is_some_and(|secret| secret.keys.contains_key(AUTHORITY)) {
        AUTHORITY
    } else {
        CERTIFICATE
    }
}

pub(crate) fn key_of(reference: &Reference) -> SecretKeyReference {
    let key = match &reference.part {
        Part::Key(key, _) | Part::Connection(key) => key.as_str(),
        Part::Whole => "",
    };
    SecretKeyReference::new(&reference.name, key)
}

fn absent(
    facts: &BTreeMap<String, SecretFacts>,
    references: &[Reference],
) -> BTreeSet<(String, String)> {
    let optional = references.iter().filter(|reference| reference.optional);
    optional
        .map(key_of)
        .filter(|reference| {
            let secret = facts.get(&reference.name);
            !secret.is_some_and(|secret| secret.keys.contains_key(&reference.key))
        })
        .map(|reference| (reference.name, reference.key))
        .collect()
}

/// Each Secret once, with the fields that name it or the purpose that the operator generates it for.
fn observed(
    instance: &str,
    facts: &BTreeMap<String, SecretFacts>,
    named: &[(&str, &str)],
) -> Vec<ObservedSecret> {
    let own = names::sidecar_credentials(instance);
    let mut users: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (name, user) in named.iter().chain(&[(own.as_str(), "user of the sidecar")]) {
        if !name.is_empty() {
            users.entry(*name).or_default().insert(*user);
        }
    }
    let describe = |(name, users): (&str, BTreeSet<&str>)| ObservedSecret {
        name: name.to_owned(),
        used_by: users.into_iter().map(str::to_owned).collect(),
        found: facts.contains_key(name),
        resource_version: facts
            .get(name)
            .and_then(|secret| secret.resource_version.clone()),
    };
    users.into_iter().map(describe).collect()
}
