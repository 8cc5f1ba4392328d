//! Pure: which Secrets the server is started with, and whether it can be.

use dittofs_shared::names;
use dittofs_shared::server::SecretKeyReference;

use crate::observe::Observed;

/// Least length of the key that signs the tokens: the server refuses to start with less.
const SHORTEST_JWT_SECRET: usize = 32;
/// Least length of a password: the server cannot hash a shorter one.
const SHORTEST_PASSWORD: usize = 8;

/// The Secrets of an instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Secrets {
    /// Key that signs the tokens.
    pub jwt: SecretKeyReference,
    /// First password of the administrator.
    pub admin: SecretKeyReference,
    /// Whether the operator makes the first.
    pub makes_jwt: bool,
    /// Whether the operator makes the second.
    pub makes_admin: bool,
    /// Digest of what the server is restarted for, or what is wrong with the Secrets.
    pub digest: Result<String, SecretProblem>,
}

/// Why the server cannot be started with these Secrets.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SecretProblem {
    /// The Secret is not there.
    #[error("Secret {0:?}, which {1} names, does not exist in this namespace: create it")]
    Missing(String, &'static str),
    /// The Secret has no such key.
    #[error("Secret {0:?}, which {2} names, has no key {1:?}: add it")]
    NoKey(String, String, &'static str),
    /// The value is too short for the server.
    #[error("key {1:?} of Secret {0:?} has {2} bytes, and the server needs at least {3}")]
    TooShort(String, String, usize, usize),
}

/// Finds and checks the Secrets that the instance uses.
pub(super) fn judge(name: &str, observed: &Observed) -> Secrets {
    let identity = &observed.server.spec.identity;
    let jwt = SecretKeyReference::named(identity.jwt.secret_ref.as_ref()).cloned();
    let admin = SecretKeyReference::named(identity.admin.password_secret_ref.as_ref()).cloned();
    let (makes_jwt, makes_admin) = (jwt.is_none(), admin.is_none());
    let jwt = jwt
        .unwrap_or_else(|| SecretKeyReference::new(names::jwt_secret(name), names::JWT_SECRET_KEY));
    let admin = admin.unwrap_or_else(|| {
        SecretKeyReference::new(names::admin_credentials(name), names::PASSWORD_KEY)
    });
    // The server reads the administrator's password at its first start only: another one is no reason to restart it.
    let digest = check(
        observed,
        &admin,
        "spec.identity.admin.passwordSecretRef",
        SHORTEST_PASSWORD,
    )
    .and_then(|_| {
        check(
            observed,
            &jwt,
            "spec.identity.jwt.secretRef",
            SHORTEST_JWT_SECRET,
        )
    });
    Secrets {
        jwt,
        admin,
        makes_jwt,
        makes_admin,
        digest,
    }
}

fn check(
    observed: &Observed,
    reference: &SecretKeyReference,
    field: &'static str,
    shortest: usize,
) -> Result<String, SecretProblem> {
    let SecretKeyReference { name, key, .. } = reference.clone();
    let Some(secret) = observed.secrets.get(&name) else {
        return Err(SecretProblem::Missing(name, field));
    };
    let Some((digest, length)) = secret.keys.get(&key) else {
        return Err(SecretProblem::NoKey(name, key, field));
    };
    if *length < shortest {
        return Err(SecretProblem::TooShort(name, key, *length, shortest));
    }
    Ok(digest.clone())
}
