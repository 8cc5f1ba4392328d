//! LDAP and Kerberos. The server stores their settings in its database when it first starts with them, and then
//! always uses those. A later change of the spec reaches `config.yaml` but not the server, and a restart would not
//! help.
//!
//! The template records what the server has stored: the parts `ldap` and `kerberos` of the hash stay unchanged once
//! there is data. Settings that the server reads at each start, or from files, have parts of their own.

use dittofs_shared::crd::{Ldap, SecretKeyReference};
use serde::Serialize;

use crate::digest::short_digest;
use crate::instance::Instance;
use crate::secrets::Digest;

/// One of the directories.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Directory {
    /// `spec.identity.ldap`.
    Ldap,
    /// `spec.identity.kerberos`.
    Kerberos,
}

impl Directory {
    const ALL: [Self; 2] = [Self::Ldap, Self::Kerberos];

    /// Its name in the spec, in the REST API and in the hash.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ldap => "ldap",
            Self::Kerberos => "kerberos",
        }
    }

    /// Part of the hash over what is read at each start.
    const fn files(self) -> &'static str {
        match self {
            Self::Ldap => "ldap-files",
            Self::Kerberos => "kerberos-files",
        }
    }

    /// Whether the spec enables it.
    pub fn is_enabled(self, instance: &Instance) -> bool {
        match self {
            Self::Ldap => instance.spec.ldap().is_some(),
            Self::Kerberos => instance.spec.kerberos().is_some(),
        }
    }

    fn stored(self, instance: &Instance, secrets: &Digest) -> Option<String> {
        match self {
            Self::Ldap => instance
                .spec
                .ldap()
                .map(|ldap| short_digest(&StoredLdap::of(ldap, instance, secrets))),
            Self::Kerberos => instance.spec.kerberos().map(|kerberos| {
                let names = [
                    &kerberos.service_principal,
                    &kerberos.realm,
                    &kerberos.netbios_domain,
                    &kerberos.dns_domain,
                ];
                short_digest(&names.map(|name| set(name.as_deref())))
            }),
        }
    }

    /// Even with stored settings, the server takes the paths of files, and a machine account that it does not have
    /// yet, from `config.yaml`.
    fn read_at_start(self, instance: &Instance, secrets: &Digest) -> Option<String> {
        match self {
            Self::Ldap => instance
                .spec
                .ldap()
                .and(secrets.ldap.as_ref())
                .map(short_digest),
            Self::Kerberos => instance.spec.kerberos().map(|kerberos| {
                let machine = instance.spec.machine_account();
                let machine = machine
                    .map(|machine| (set(machine.account_name.as_deref()), &machine.dc_address));
                let path = set(kerberos.krb5_conf.as_deref());
                short_digest(&(path, machine, &secrets.kerberos))
            }),
        }
    }
}

/// An empty text counts as unset.
fn set(text: Option<&str>) -> Option<&str> {
    text.filter(|text| !text.is_empty())
}

#[derive(Serialize)]
// The server's switches.
#[allow(clippy::struct_excessive_bools)]
struct StoredLdap<'a> {
    url: &'a str,
    start_tls: bool,
    allow_plaintext: bool,
    base_dn: &'a str,
    bind_dn: &'a str,
    user_attr: Option<&'a str>,
    realm: Option<&'a str>,
    idmap: Option<&'a str>,
    nested_groups: bool,
    ca_is_given: bool,
    ca_cert_file: Option<&'a str>,
    insecure_skip_verify: bool,
    password: Option<&'a str>,
}

impl<'a> StoredLdap<'a> {
    fn of(ldap: &'a Ldap, instance: &Instance, secrets: &'a Digest) -> Self {
        let authority = SecretKeyReference::named(ldap.ca_secret_ref.as_ref());
        Self {
            url: &ldap.url,
            start_tls: ldap.start_tls,
            allow_plaintext: ldap.allow_plaintext,
            base_dn: &ldap.base_dn,
            bind_dn: &ldap.bind_dn,
            user_attr: set(ldap.user_attr.as_deref()),
            realm: set(ldap.realm.as_deref()),
            idmap: ldap.idmap.map(dittofs_shared::crd::IdMap::as_str),
            nested_groups: ldap.nested_groups,
            ca_is_given: authority.is_some_and(|ca| instance.secrets.gives(ca)),
            ca_cert_file: set(ldap.ca_cert_file.as_deref()),
            insecure_skip_verify: ldap.insecure_skip_verify,
            password: secrets.bind_password.as_deref(),
        }
    }
}

/// The parts of the hash: name and value.
pub(super) fn parts(instance: &Instance, secrets: &Digest) -> Vec<(&'static str, String)> {
    let known = |name| instance.history.stored(name).map(str::to_owned);
    let mut parts = Vec::new();
    for directory in Directory::ALL {
        let stored = known(directory.name()).or_else(|| directory.stored(instance, secrets));
        parts.extend(stored.map(|stored| (directory.name(), stored)));
        // A server keeps its stored settings when the spec drops them.
        let files = directory.read_at_start(instance, secrets);
        let is_off = !directory.is_enabled(instance);
        let files = files.or_else(|| known(directory.files()).filter(|_| is_off));
        parts.extend(files.map(|files| (directory.files(), files)));
    }
    parts
}

/// The directories whose settings in the spec differ from those that the server has stored.
pub(super) fn not_applied(instance: &Instance, secrets: &Digest) -> Vec<Directory> {
    let differs = |directory: &Directory| {
        let stored = instance.history.stored(directory.name());
        stored.is_some_and(|stored| directory.stored(instance, secrets).as_deref() != Some(stored))
    };
    Directory::ALL.into_iter().filter(differs).collect()
}
