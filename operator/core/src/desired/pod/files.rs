//! Keys of the user's Secrets as files in the containers, read-only.

use dittofs_shared::crd::SecretKeyReference;
use k8s_openapi::api::core::v1::{SecretVolumeSource, Volume, VolumeMount};

use super::volumes::{key_to_path, read_only};
use crate::instance::Instance;
pub use crate::secrets::references::{AUTHORITY, CERTIFICATE, PRIVATE_KEY};

/// A Secret as a folder.
pub struct Folder {
    volume: &'static str,
    directory: &'static str,
}

/// The server's certificate.
pub const TLS: Folder = Folder {
    volume: "dittofs-tls",
    directory: "/var/run/secrets/dittofs/tls",
};
/// The authority of client certificates.
pub const CLIENT_CA: Folder = Folder {
    volume: "dittofs-client-ca",
    directory: "/var/run/secrets/dittofs/client-ca",
};
/// The authority by which the sidecar verifies the server.
pub const API_CA: Folder = Folder {
    volume: "dittofs-api-ca",
    directory: "/var/run/secrets/dittofs/api-ca",
};
/// The client certificate of the sidecar.
pub const API_CLIENT: Folder = Folder {
    volume: "dittofs-api-client",
    directory: "/var/run/secrets/dittofs/api-client",
};

impl Folder {
    /// Path of a file in it.
    pub fn path(&self, file: &str) -> String {
        format!("{}/{file}", self.directory)
    }

    fn mount(&self) -> VolumeMount {
        read_only(self.volume, self.directory)
    }

    /// Only these keys: the container does not need the rest of the Secret.
    fn volume(&self, secret: &str, keys: &[(&str, &str)], optional: bool) -> Volume {
        Volume {
            name: self.volume.to_owned(),
            secret: Some(SecretVolumeSource {
                secret_name: Some(secret.to_owned()),
                items: Some(
                    keys.iter()
                        .map(|(key, path)| key_to_path(key, path))
                        .collect(),
                ),
                optional: optional.then_some(true),
                ..SecretVolumeSource::default()
            }),
            ..Volume::default()
        }
    }
}

/// One key of a Secret as a file of the server.
pub struct File {
    folder: Folder,
    name: &'static str,
    reference: fn(&Instance) -> Option<&SecretKeyReference>,
}

/// The authority of the directory's certificate.
pub const LDAP_CA: File = File {
    folder: Folder {
        volume: "dittofs-ldap-ca",
        directory: "/var/run/secrets/dittofs/ldap",
    },
    name: AUTHORITY,
    reference: |instance| instance.spec.ldap()?.ca_secret_ref.as_ref(),
};
/// The keytab of the service.
pub const KEYTAB: File = File {
    folder: Folder {
        volume: "dittofs-keytab",
        directory: "/var/run/secrets/dittofs/kerberos",
    },
    name: "dittofs.keytab",
    reference: |instance| instance.spec.kerberos()?.keytab_secret_ref.as_ref(),
};
/// The configuration of Kerberos.
pub const KRB5_CONF: File = File {
    folder: Folder {
        volume: "dittofs-krb5-conf",
        directory: "/var/run/secrets/dittofs/krb5-conf",
    },
    name: "krb5.conf",
    reference: |instance| instance.spec.kerberos()?.krb5_conf_secret_ref.as_ref(),
};
/// The keytab of the machine account.
pub const MACHINE_KEYTAB: File = File {
    folder: Folder {
        volume: "dittofs-machine-keytab",
        directory: "/var/run/secrets/dittofs/machine-account",
    },
    name: "machine.keytab",
    reference: |instance| instance.spec.machine_account()?.keytab_secret_ref.as_ref(),
};
/// The token that a scraper of the metrics must send.
pub const METRICS_TOKEN: File = File {
    folder: Folder {
        volume: "dittofs-metrics-token",
        directory: "/var/run/secrets/dittofs/metrics",
    },
    name: "token",
    reference: |instance| instance.spec.metrics()?.bearer_token_secret.as_ref(),
};

const FILES: [File; 5] = [LDAP_CA, KEYTAB, KRB5_CONF, MACHINE_KEYTAB, METRICS_TOKEN];

impl File {
    fn reference<'a>(&self, instance: &'a Instance) -> Option<&'a SecretKeyReference> {
        let named = SecretKeyReference::named((self.reference)(instance));
        named.filter(|reference| instance.secrets.gives(reference))
    }

    /// Path of the file, if the server gets it.
    pub fn given(&self, instance: &Instance) -> Option<String> {
        self.reference(instance)
            .map(|_| self.folder.path(self.name))
    }
}

/// Volumes of the pod.
pub fn volumes(instance: &Instance) -> Vec<Volume> {
    let mut volumes = Vec::new();
    let control_plane = &instance.spec.control_plane;
    if let Some(certificate) = control_plane.certificate() {
        let pair = [(CERTIFICATE, CERTIFICATE), (PRIVATE_KEY, PRIVATE_KEY)];
        volumes.push(TLS.volume(certificate, &pair, false));
        // Without the private key, which is for the server only. Optional, because the Secret may get or lose the
        // authority.
        let authority = [(CERTIFICATE, CERTIFICATE), (AUTHORITY, AUTHORITY)];
        volumes.push(API_CA.volume(certificate, &authority, true));
        if let Some(client_ca) = control_plane.client_ca() {
            volumes.push(CLIENT_CA.volume(client_ca, &[(AUTHORITY, AUTHORITY)], false));
        }
        if let Some(client) = control_plane.client_certificate() {
            volumes.push(API_CLIENT.volume(client, &pair, false));
        }
    }
    for file in &FILES {
        if let Some(reference) = file.reference(instance) {
            let keys = [(reference.key.as_str(), file.name)];
            let optional = reference.is_optional();
            volumes.push(file.folder.volume(&reference.name, &keys, optional));
        }
    }
    volumes
}

/// Mounts of the server.
pub fn server_mounts(instance: &Instance) -> Vec<VolumeMount> {
    let control_plane = &instance.spec.control_plane;
    let tls = control_plane.certificate().map(|_| TLS.mount());
    let client_ca = control_plane.client_ca().map(|_| CLIENT_CA.mount());
    let files = FILES.iter().filter_map(|file| {
        let given = file.reference(instance);
        given.map(|_| file.folder.mount())
    });
    tls.into_iter().chain(client_ca).chain(files).collect()
}

/// Mounts of the sidecar.
pub fn sidecar_mounts(instance: &Instance) -> Vec<VolumeMount> {
    let control_plane = &instance.spec.control_plane;
    let authority = control_plane.certificate().map(|_| API_CA.mount());
    let client = control_plane
        .client_certificate()
        .map(|_| API_CLIENT.mount());
    authority.into_iter().chain(client).collect()
}
