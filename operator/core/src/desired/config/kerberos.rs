//! Kerberos for NFS and SMB.

use serde::Serialize;

use super::set;
use crate::desired::pod::files;
use crate::instance::Instance;

#[derive(Serialize)]
pub struct Kerberos<'a> {
    enabled: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    keytab_path: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    service_principal: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    realm: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    netbios_domain: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dns_domain: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    krb5_conf: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    machine_account: Option<MachineAccount<'a>>,
}

/// Its password is in the environment.
#[derive(Serialize)]
struct MachineAccount<'a> {
    enabled: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    account_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    keytab_path: Option<String>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    dc_address: &'a [String],
}

pub fn kerberos(instance: &Instance) -> Option<Kerberos<'_>> {
    let kerberos = instance.spec.kerberos()?;
    let machine = instance.spec.machine_account();
    let path = || set(kerberos.krb5_conf.as_deref()).map(str::to_owned);
    Some(Kerberos {
        enabled: true,
        keytab_path: files::KEYTAB.given(instance),
        service_principal: set(kerberos.service_principal.as_deref()),
        realm: set(kerberos.realm.as_deref()),
        netbios_domain: set(kerberos.netbios_domain.as_deref()),
        dns_domain: set(kerberos.dns_domain.as_deref()),
        krb5_conf: files::KRB5_CONF.given(instance).or_else(path),
        machine_account: machine.map(|machine| MachineAccount {
            enabled: true,
            account_name: set(machine.account_name.as_deref()),
            keytab_path: files::MACHINE_KEYTAB.given(instance),
            dc_address: &machine.dc_address,
        }),
    })
}
