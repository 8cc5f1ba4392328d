//! Pure: which Secrets a spec names, and what of them is used.
//!
//! Secrets are read by name, one by one, and this is the list of the names. No other Secret is ever read.

use dittofs_shared::crd::{
    ControlPlane, DatabaseType, DittoServerSpec, PodSettings, SecretKeyReference,
};
use dittofs_shared::names;

/// Least length of the key that signs the tokens: the server refuses to start with less.
const MIN_JWT_SECRET: usize = 32;
/// Least length of a password: the server cannot hash a shorter one.
const MIN_PASSWORD: usize = 8;
/// Least length of a value that must not be empty.
const NOT_EMPTY: usize = 1;

/// Keys of a Secret with a certificate.
pub const CERTIFICATE: &str = "tls.crt";
/// See [`CERTIFICATE`].
pub const PRIVATE_KEY: &str = "tls.key";
/// Key of a Secret with the certificates of an authority.
pub const AUTHORITY: &str = "ca.crt";

/// Keys of a Secret with a connection to PostgreSQL, unless one key holds a connection string.
pub const CONNECTION: [&str; 4] = ["host", "database", "user", "password"];
/// Optional keys beside them.
pub const CONNECTION_OPTIONS: [&str; 2] = ["port", "sslmode"];

/// A Secret that the spec names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// Field that names it.
    pub field: String,
    /// Name of the Secret. Empty: the field needs one and has none.
    pub name: String,
    /// What of it is used.
    pub part: Part,
    /// Whether the server starts without it.
    pub optional: bool,
    /// What a running server must be restarted for.
    pub rolls: Rolls,
}

/// What a running server must be restarted for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rolls {
    /// Nothing: the server does not read it, or only once.
    Not,
    /// Nothing: the server has stored the contents that it first read.
    Stored,
    /// Another Secret. The server reloads changed contents by itself.
    Name,
    /// Other contents.
    Contents,
}

/// What of a Secret is used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// One key, with a value of at least so many bytes.
    Key(String, usize),
    /// Every key.
    Whole,
    /// A connection to PostgreSQL, by several keys or by this one.
    Connection(String),
}

impl Reference {
    fn key(
        field: impl Into<String>,
        name: impl Into<String>,
        key: impl Into<String>,
        shortest: usize,
    ) -> Self {
        Self {
            field: field.into(),
            name: name.into(),
            part: Part::Key(key.into(), shortest),
            optional: false,
            rolls: Rolls::Contents,
        }
    }

    fn whole(field: &str, name: &str, optional: bool) -> Self {
        Self {
            field: field.to_owned(),
            name: name.to_owned(),
            part: Part::Whole,
            optional,
            rolls: Rolls::Contents,
        }
    }

    fn of(field: &str, reference: &SecretKeyReference, shortest: usize) -> Self {
        Self {
            optional: reference.is_optional(),
            ..Self::key(field, &reference.name, &reference.key, shortest)
        }
    }
}

/// The key that signs the tokens. The server does not start without it.
pub fn signing_key(instance: &str, spec: &DittoServerSpec) -> Reference {
    let own = SecretKeyReference::named(spec.identity.jwt.secret_ref.as_ref());
    let generated = || SecretKeyReference::new(names::jwt_secret(instance), names::JWT_SECRET_KEY);
    let reference = own.cloned().unwrap_or_else(generated);
    Reference::key(
        "spec.identity.jwt.secretRef",
        reference.name,
        reference.key,
        MIN_JWT_SECRET,
    )
}

/// The first password of the administrator. The server reads it at its first start only, so a change does not restart
/// it.
pub fn first_password(instance: &str, spec: &DittoServerSpec) -> Reference {
    let own = SecretKeyReference::named(spec.identity.admin.password_secret_ref.as_ref());
    let generated =
        || SecretKeyReference::new(names::admin_credentials(instance), names::PASSWORD_KEY);
    let reference = own.cloned().unwrap_or_else(generated);
    Reference {
        rolls: Rolls::Not,
        ..Reference::of(
            "spec.identity.admin.passwordSecretRef",
            &reference,
            MIN_PASSWORD,
        )
    }
}

/// All others.
pub fn others(spec: &DittoServerSpec) -> Vec<Reference> {
    let mut all = Vec::new();
    certificates(&spec.control_plane, &mut all);
    all.extend(database(spec));
    if let Some(ldap) = spec.ldap() {
        // The server stores the password with its other settings for LDAP when it first starts, and never reads it
        // again.
        let password = SecretKeyReference::named(ldap.bind_password_secret_ref.as_ref());
        all.extend(password.map(|password| Reference {
            rolls: Rolls::Stored,
            ..Reference::of(
                "spec.identity.ldap.bindPasswordSecretRef",
                password,
                NOT_EMPTY,
            )
        }));
        let authority = ldap.ca_secret_ref.as_ref();
        adder("spec.identity.ldap", &mut all)("caSecretRef", authority);
    }
    kerberos_secrets(spec, &mut all);
    if let Some(metrics) = spec.metrics() {
        let token = metrics.bearer_token_secret.as_ref();
        adder("spec.metrics", &mut all)("bearerTokenSecret", token);
    }
    pod_secrets(&spec.pod, &mut all);
    all
}

/// Names of the Secrets that matter to an instance, each once.
pub fn secret_names(instance: &str, spec: &DittoServerSpec) -> Vec<String> {
    let mut names = vec![
        signing_key(instance, spec).name,
        first_password(instance, spec).name,
        names::sidecar_credentials(instance),
    ];
    names.extend(others(spec).into_iter().map(|reference| reference.name));
    if spec.percona().is_some() {
        names.push(names::percona_secret(instance));
    }
    names.retain(|name| !name.is_empty());
    names.sort();
    names.dedup();
    names
}

fn adder<'a>(
    section: &'a str,
    all: &'a mut Vec<Reference>,
) -> impl FnMut(&str, Option<&SecretKeyReference>) + 'a {
    move |field, reference| {
        let field = format!("{section}.{field}");
        let named = SecretKeyReference::named(reference);
        all.extend(named.map(|reference| Reference::of(&field, reference, NOT_EMPTY)));
    }
}

fn certificates(control_plane: &ControlPlane, all: &mut Vec<Reference>) {
    let Some(certificate) = control_plane.certificate() else {
        return;
    };
    let field = "spec.controlPlane.certSecretName";
    // The server reads both files at each handshake, so a renewed certificate needs no restart.
    for key in [CERTIFICATE, PRIVATE_KEY] {
        all.push(Reference {
            rolls: Rolls::Name,
            ..Reference::key(field, certificate, key, NOT_EMPTY)
        });
    }
    // Only the sidecar reads it.
    all.push(Reference {
        optional: true,
        rolls: Rolls::Not,
        ..Reference::key(field, certificate, AUTHORITY, NOT_EMPTY)
    });
    if let Some(authority) = control_plane.client_ca() {
        let field = "spec.controlPlane.clientCASecretName";
        all.push(Reference::key(field, authority, AUTHORITY, NOT_EMPTY));
    }
    // The sidecar reloads its own certificate when it changes.
    let own = control_plane.client_certificate();
    if let Some(name) = own.filter(|own| *own != certificate) {
        for key in [CERTIFICATE, PRIVATE_KEY] {
            let field = "spec.controlPlane.clientCertSecretName";
            all.push(Reference {
                rolls: Rolls::Not,
                ..Reference::key(field, name, key, NOT_EMPTY)
            });
        }
    }
}

/// The Secret with the connection to PostgreSQL, if the spec calls for one. `percona.enabled` wins over it.
pub fn database(spec: &DittoServerSpec) -> Option<Reference> {
    if spec.percona().is_some() {
        return None;
    }
    let named = SecretKeyReference::named(spec.database.postgres_secret_ref.as_ref());
    let missing = SecretKeyReference::default();
    let wanted = spec.database.r#type == DatabaseType::Postgres;
    let reference = named.or_else(|| wanted.then_some(&missing))?;
    Some(Reference {
        part: Part::Connection(reference.key.clone()),
        optional: false,
        ..Reference::of("spec.database.postgresSecretRef", reference, NOT_EMPTY)
    })
}

fn kerberos_secrets(spec: &DittoServerSpec, all: &mut Vec<Reference>) {
    let Some(kerberos) = spec.kerberos() else {
        return;
    };
    let mut add = adder("spec.identity.kerberos", all);
    add("keytabSecretRef", kerberos.keytab_secret_ref.as_ref());
    add("krb5ConfSecretRef", kerberos.krb5_conf_secret_ref.as_ref());
    if let Some(machine) = spec.machine_account() {
        add("machineAccount.secretRef", machine.secret_ref.as_ref());
        add(
            "machineAccount.keytabSecretRef",
            machine.keytab_secret_ref.as_ref(),
        );
    }
}

fn pod_secrets(pod: &PodSettings, all: &mut Vec<Reference>) {
    for variable in &pod.env {
        let source = variable.value_from.as_ref();
        let Some(selector) = source.and_then(|source| source.secret_key_ref.as_ref()) else {
            continue;
        };
        let field = format!("spec.pod.env[{}]", variable.name);
        all.push(Reference {
            optional: selector.optional == Some(true),
            ..Reference::key(field, &selector.name, &selector.key, 0)
        });
    }
    for source in &pod.env_from {
        let optional = source.secret_ref.optional == Some(true);
        all.push(Reference::whole(
            "spec.pod.envFrom",
            &source.secret_ref.name,
            optional,
        ));
    }
    for secret in &pod.secret_refs {
        all.push(Reference::whole("spec.pod.secretRefs", &secret.name, false));
    }
}
