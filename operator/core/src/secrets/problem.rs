//! What is wrong with a Secret, and what to do about it.

use super::connection_string::ConnectionProblem;

/// Why the server cannot be started with these Secrets.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SecretProblem {
    /// The field is empty.
    #[error("{0} names no Secret, and the server needs one: set it")]
    Unnamed(String),
    /// The Secret is not there.
    #[error("Secret {0:?}, which {1} names, does not exist in this namespace: create it")]
    Missing(String, String),
    /// The Secret has no such key.
    #[error("Secret {0:?}, which {2} names, has no key {1:?}: add it")]
    NoKey(String, String, String),
    /// The Secret holds no connection.
    #[error(
        "Secret {0:?}, which {2} names, has neither the keys host, database, user and password nor the key {1:?}: add them"
    )]
    NoConnection(String, String, String),
    /// The value cannot be used as a connection string.
    #[error(
        "key {1:?} of Secret {0:?}, which {2} names, {3}. Write it like postgresql://USER:PASSWORD@HOST:5432/DATABASE?sslmode=require, \
         or add the keys host, database, user and password"
    )]
    Connection(String, String, String, ConnectionProblem),
    /// The value is too short for the server.
    #[error("key {1:?} of Secret {0:?} has {2} bytes, and the server needs at least {3}")]
    TooShort(String, String, usize, usize),
    /// Somebody has made a Secret of this name.
    #[error(
        "Secret {0:?} was not generated for this DittoServer, and is not used: delete it, and the operator generates another. If it \
         is a restored copy of a generated one, label it: kubectl label secret {0} app.kubernetes.io/managed-by=dittofs-operator \
         instance={1}"
    )]
    NotLabelled(String, String),
    /// The Secret belongs to somebody else.
    #[error(
        "Secret {0:?} belongs to {1}, and is not used: delete or rename {1}, or choose another name for this DittoServer"
    )]
    Foreign(String, String),
    /// The Secret goes with a `DittoServer` that was deleted.
    #[error(
        "Secret {0:?} belongs to a former DittoServer of this name and is being deleted: the operator generates another as soon as \
         it is gone"
    )]
    OfFormer(String),
    /// The value is too long for the server.
    #[error("key {1:?} of Secret {0:?} has {2} bytes, and the server takes at most {3}")]
    TooLong(String, String, usize, usize),
    /// The value cannot be an environment variable.
    #[error(
        "key {1:?} of Secret {0:?} is not UTF-8 text, or holds a zero byte, and the server gets it as an environment variable: put \
         another value there"
    )]
    NotText(String, String),
}
