//! Secrets that the operator generates.

use dittofs_shared::names;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use std::collections::BTreeMap;

use super::meta;
use crate::instance::Instance;
use crate::secrets::connection::ConnectionString;

/// Length of generated passwords in characters.
const PASSWORD: usize = 32;
/// Length of a generated signing key in characters.
const SIGNING_KEY: usize = 64;

/// A Secret whose contents are generated when it is created. It is never overwritten.
#[derive(Clone, Debug, PartialEq)]
pub struct GeneratedSecret {
    /// Name, owner and labels.
    pub metadata: ObjectMeta,
    /// Where the contents come from.
    pub content: Content,
}

/// Where the contents of a Secret come from.
#[derive(Clone, Debug, PartialEq)]
pub enum Content {
    /// One value is random.
    Random {
        /// Keys with fixed values.
        fixed: BTreeMap<String, String>,
        /// Key with the random value.
        key: String,
        /// Length of that value in characters.
        length: usize,
    },
    /// The parts of a connection string.
    Connection(ConnectionString),
}

/// All of them.
pub fn all(instance: &Instance) -> Vec<GeneratedSecret> {
    let name = &instance.name;
    let user = |user: &str| BTreeMap::from([(names::USERNAME_KEY.to_owned(), user.to_owned())]);
    let mut secrets = vec![random(
        instance,
        names::sidecar_credentials(name),
        user(names::SIDECAR_USER),
        (names::PASSWORD_KEY, PASSWORD),
    )];
    if instance.secrets.generates_jwt {
        secrets.push(random(
            instance,
            names::jwt_secret(name),
            BTreeMap::new(),
            (names::JWT_SECRET_KEY, SIGNING_KEY),
        ));
    }
    if instance.secrets.generates_admin {
        secrets.push(random(
            instance,
            names::admin_credentials(name),
            user(names::ADMIN_USER),
            (names::PASSWORD_KEY, PASSWORD),
        ));
    }
    secrets.extend(connection(instance));
    secrets
}

/// The data depend on it, so that it lives as long as they do.
fn random(
    instance: &Instance,
    name: String,
    fixed: BTreeMap<String, String>,
    (key, length): (&str, usize),
) -> GeneratedSecret {
    GeneratedSecret {
        metadata: meta::as_long_as_data(instance, name),
        content: Content::Random {
            fixed,
            key: key.to_owned(),
            length,
        },
    }
}

/// Deleted with the instance: it can be generated again from the user's Secret at any time, and an old connection
/// string must not stay.
fn connection(instance: &Instance) -> Option<GeneratedSecret> {
    instance.secrets.digest.as_ref().ok()?;
    let connection = instance.secrets.connection.as_ref()?;
    Some(GeneratedSecret {
        metadata: meta::metadata(instance, connection.secret.clone()),
        content: Content::Connection(connection.generated_from.clone()?),
    })
}
