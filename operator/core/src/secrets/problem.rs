//! What is wrong with a Secret, and what to do about it.

use super::connection_string::ConnectionProblem;

/// Why the server cannot be started with these Secrets.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs)]
pub enum SecretProblem {
    /// The field is empty.
    #[error("{field} must name a Secret, because the server does not start without one")]
    Unnamed { field: String },
    /// The Secret does not exist.
    #[error("Secret {secret:?}, named in {field}, does not exist in this namespace: create it")]
    Missing { secret: String, field: String },
    /// The Secret lacks the key.
    #[error("Secret {secret:?}, named in {field}, has no key {key:?}: add it")]
    NoKey {
        secret: String,
        key: String,
        field: String,
    },
    /// The Secret holds no connection.
    #[error(
        "Secret {secret:?}, named in {field}, has neither the keys host, database, user and password nor the key {key:?}: \
         add them"
    )]
    NoConnection {
        secret: String,
        key: String,
        field: String,
    },
    /// The value cannot be used as a connection string.
    #[error(
        "key {key:?} of Secret {secret:?}, named in {field}, {problem}. Write it as \
         postgresql://USER:PASSWORD@HOST:5432/DATABASE?sslmode=require, or add the keys host, database, user and password"
    )]
    Connection {
        secret: String,
        key: String,
        field: String,
        problem: ConnectionProblem,
    },
    /// The value is too short for the server.
    #[error(
        "key {key:?} of Secret {secret:?} has {length} bytes, but the server needs at least {shortest}: use a longer value"
    )]
    TooShort {
        secret: String,
        key: String,
        length: usize,
        shortest: usize,
    },
    /// A Secret with the name of a generated one was not generated for this instance.
    #[error(
        "Secret {secret:?} was not generated for this DittoServer and is not used. Delete it, and the operator generates a new \
         one. If it is a restored copy of a generated one, label it with `kubectl label secret {secret} -n {namespace} \
         app.kubernetes.io/managed-by=dittofs-operator instance={instance}`"
    )]
    NotLabelled {
        secret: String,
        namespace: String,
        instance: String,
    },
    /// Another controller owns the Secret.
    #[error(
        "Secret {secret:?} belongs to {owner} and is not used: delete or rename {owner}, or choose another name for this \
         DittoServer"
    )]
    Foreign { secret: String, owner: String },
    /// The Secret is deleted together with a `DittoServer` that was.
    #[error(
        "Secret {secret:?} belongs to a former DittoServer of this name and is being deleted: the operator generates a new \
         one once it is gone"
    )]
    OfFormer { secret: String },
    /// The value is too long for the server.
    #[error(
        "key {key:?} of Secret {secret:?} has {length} bytes, but the server accepts at most {longest}: use a shorter value"
    )]
    TooLong {
        secret: String,
        key: String,
        length: usize,
        longest: usize,
    },
    /// An environment variable cannot hold the value.
    #[error(
        "key {key:?} of Secret {secret:?} is not UTF-8 text or contains a NUL byte, so it cannot be passed to the server in an \
         environment variable: use another value"
    )]
    NotText { secret: String, key: String },
}
