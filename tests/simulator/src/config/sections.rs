//! Every key the server knows, section by section.
//!
//! A scalar is optional; a section is always there, so that an empty configuration, written out,
//! is the tree of all known keys (see [`super::keys`]).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::duration::ConfigDuration;

/// Declares one section: first its scalars, then the sections within it.
macro_rules! section {
    (
        $(#[$doc:meta])*
        $name:ident { $($key:ident: $kind:ty),* $(,)? }
        $(within { $($inner:ident: $section:ty),* $(,)? })?
    ) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Default, Serialize, Deserialize)]
        #[serde(default, deny_unknown_fields)]
        pub(crate) struct $name {
            $(pub(crate) $key: Option<$kind>,)*
            $($(pub(crate) $inner: $section,)*)?
        }
    };
}

section! {
    /// Where and how the server logs.
    Logging { level: String, format: String, output: String }
    within { rotation: Rotation }
}
section! {
    /// When log files are turned over.
    Rotation { max_size: i64, max_backups: i64, max_age: i64, compress: bool }
}
section! {
    /// Where the control plane keeps its state.
    Database { r#type: String }
    within { sqlite: Sqlite, postgres: Postgres }
}
section! {
    /// State in one file.
    Sqlite { path: String }
}
section! {
    /// State in PostgreSQL.
    Postgres {
        host: String, port: u16, database: String, user: String, password: String, sslmode: String,
        ssl_root_cert: String, max_open_conns: i64, max_idle_conns: i64,
    }
}
section! {
    /// The REST API.
    ControlPlane {
        host: String, port: u16,
        read_timeout: ConfigDuration, write_timeout: ConfigDuration, idle_timeout: ConfigDuration,
        drain_stall_timeout: ConfigDuration,
        pprof: bool, pprof_mutex_rate: i64, pprof_block_rate_ns: i64,
        require_initial_password_change: bool,
    }
    within { jwt: Jwt, tls: Tls }
}
section! {
    /// What tokens are signed with and how long they live.
    Jwt {
        secret: String,
        access_token_duration: ConfigDuration, refresh_token_duration: ConfigDuration,
    }
}
section! {
    /// Certificates of a listener.
    Tls { cert_file: String, key_file: String, client_ca: String, min_version: String }
}
section! {
    /// The first user.
    Admin { username: String, email: String, password_hash: String }
}
section! {
    /// Kerberos for NFS and SMB.
    Kerberos {
        enabled: bool, keytab_path: String, service_principal: String, realm: String,
        netbios_domain: String, dns_domain: String, krb5_conf: String,
        max_clock_skew: ConfigDuration, context_ttl: ConfigDuration, max_contexts: i64,
    }
    within { identity_mapping: IdentityMapping, machine_account: MachineAccount }
}
section! {
    /// How principals become user numbers.
    IdentityMapping {
        strategy: String, static_map: BTreeMap<String, StaticIdentity>,
        default_uid: u32, default_gid: u32,
    }
}
section! {
    /// The numbers of one principal.
    StaticIdentity { uid: u32, gid: u32, gids: Vec<u32> }
}
section! {
    /// The server's own account in a domain.
    MachineAccount {
        enabled: bool, account_name: String, secret: String, keytab_path: String,
        dc_address: Vec<String>,
    }
    within { online_join: OnlineJoin }
}
section! {
    /// How that account is made.
    OnlineJoin {
        enabled: bool, ldap_url: String, start_tls: bool, bind_dn: String, bind_password: String,
        base_dn: String, ou: String, dns_host_name: String, spns: Vec<String>,
        rotation_interval: ConfigDuration, ca_cert_file: String, insecure_skip_verify: bool,
    }
}
section! {
    /// File content.
    BlockStore {}
    within { local: LocalBlockStore }
}
section! {
    /// File content on local disks.
    LocalBlockStore {
        default_remote_cache_size: u64, backpressure_max_wait: ConfigDuration, max_log_bytes: u64,
    }
}
section! {
    /// File metadata.
    Metadata {}
    within { badger: Badger }
}
section! {
    /// Caches of the metadata database.
    Badger { block_cache_mb: i64, index_cache_mb: i64 }
}
section! {
    /// Garbage collection.
    Gc {
        grace_period: ConfigDuration, dry_run_sample_size: i64, compaction_live_ratio: f64,
        auto_enabled: bool, auto_interval: ConfigDuration,
    }
}
section! {
    /// Snapshots.
    Snapshot {
        restore_http_timeout: ConfigDuration, scheduler_poll_interval: ConfigDuration,
        scheduler_disabled: bool,
    }
}
section! {
    /// The metrics endpoint.
    Metrics {
        enabled: bool, host: String, port: u16, path: String, auth: String, token_file: String,
    }
    within { tls: Tls }
}
section! {
    /// Who the server is to Windows.
    Identity { machine_sid: String }
}
section! {
    /// Users from a directory.
    Ldap {
        enabled: bool, url: String, start_tls: bool, allow_plaintext: bool, base_dn: String,
        bind_dn: String, bind_password: String, user_attr: String, realm: String, idmap: String,
        nested_groups: bool, timeout: ConfigDuration, max_group_results: i64,
    }
    within { tls: LdapTls }
}
section! {
    /// Certificates towards the directory.
    LdapTls {
        ca_cert_file: String, client_cert_file: String, client_key_file: String,
        insecure_skip_verify: bool, min_version: String,
    }
}
