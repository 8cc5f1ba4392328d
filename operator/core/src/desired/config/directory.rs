//! LDAP: the directory of users and groups.

use dittofs_shared::crd::IdMap;
use serde::Serialize;

use crate::desired::pod::files;
use crate::instance::Instance;

/// The bind password is in the environment.
#[derive(Serialize)]
// The server's switches.
#[allow(clippy::struct_excessive_bools)]
pub struct Ldap<'a> {
    enabled: bool,
    url: &'a str,
    start_tls: bool,
    allow_plaintext: bool,
    base_dn: &'a str,
    bind_dn: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_attr: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    realm: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    idmap: Option<&'a str>,
    nested_groups: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    tls: Option<LdapTls>,
}

#[derive(Serialize)]
struct LdapTls {
    #[serde(skip_serializing_if = "Option::is_none")]
    ca_cert_file: Option<String>,
    insecure_skip_verify: bool,
}

pub fn ldap(instance: &Instance) -> Option<Ldap<'_>> {
    let ldap = instance.spec.ldap()?;
    let ca_cert_file = files::LDAP_CA
        .given(instance)
        .or_else(|| ldap.ca_cert_file.clone())
        .filter(|path| !path.is_empty());
    let has_tls = ca_cert_file.is_some() || ldap.insecure_skip_verify;
    Some(Ldap {
        enabled: true,
        url: &ldap.url,
        start_tls: ldap.start_tls,
        allow_plaintext: ldap.allow_plaintext,
        base_dn: &ldap.base_dn,
        bind_dn: &ldap.bind_dn,
        user_attr: super::set(ldap.user_attr.as_deref()),
        realm: super::set(ldap.realm.as_deref()),
        idmap: ldap.idmap.map(IdMap::as_str),
        nested_groups: ldap.nested_groups,
        tls: has_tls.then_some(LdapTls {
            ca_cert_file,
            insecure_skip_verify: ldap.insecure_skip_verify,
        }),
    })
}
