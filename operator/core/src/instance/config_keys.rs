//! Pure: the keys of `config.yaml`, as version 0.29.0 of the server has them.

/// Every key that has a value, by its path. A path with `.*` at its end holds keys that the user chooses.
#[rustfmt::skip]
pub const KNOWN: &[&str] = &[
    "logging.level", "logging.format", "logging.output", "logging.rotation.max_size", "logging.rotation.max_backups",
    "logging.rotation.max_age", "logging.rotation.compress", "shutdown_timeout", "database.type",
    "database.sqlite.path", "database.postgres.host", "database.postgres.port", "database.postgres.database",
    "database.postgres.user", "database.postgres.password", "database.postgres.sslmode",
    "database.postgres.ssl_root_cert", "database.postgres.max_open_conns", "database.postgres.max_idle_conns",
    "controlplane.host", "controlplane.port", "controlplane.read_timeout", "controlplane.write_timeout",
    "controlplane.idle_timeout", "controlplane.drain_stall_timeout", "controlplane.jwt.secret",
    "controlplane.jwt.access_token_duration", "controlplane.jwt.refresh_token_duration", "controlplane.tls.cert_file",
    "controlplane.tls.key_file", "controlplane.tls.client_ca", "controlplane.tls.min_version", "controlplane.pprof",
    "controlplane.pprof_mutex_rate", "controlplane.pprof_block_rate_ns",
    "controlplane.require_initial_password_change", "admin.username", "admin.email", "admin.password_hash",
    "kerberos.enabled", "kerberos.keytab_path", "kerberos.service_principal", "kerberos.realm",
    "kerberos.netbios_domain", "kerberos.dns_domain", "kerberos.krb5_conf", "kerberos.max_clock_skew",
    "kerberos.context_ttl", "kerberos.max_contexts", "kerberos.identity_mapping.strategy",
    "kerberos.identity_mapping.static_map.*", "kerberos.identity_mapping.default_uid",
    "kerberos.identity_mapping.default_gid", "kerberos.machine_account.enabled",
    "kerberos.machine_account.account_name", "kerberos.machine_account.secret",
    "kerberos.machine_account.keytab_path", "kerberos.machine_account.dc_address",
    "kerberos.machine_account.online_join.enabled", "kerberos.machine_account.online_join.ldap_url",
    "kerberos.machine_account.online_join.start_tls", "kerberos.machine_account.online_join.bind_dn",
    "kerberos.machine_account.online_join.bind_password", "kerberos.machine_account.online_join.base_dn",
    "kerberos.machine_account.online_join.ou", "kerberos.machine_account.online_join.dns_host_name",
    "kerberos.machine_account.online_join.spns", "kerberos.machine_account.online_join.rotation_interval",
    "kerberos.machine_account.online_join.ca_cert_file", "kerberos.machine_account.online_join.insecure_skip_verify",
    "blockstore.local.default_remote_cache_size", "blockstore.local.backpressure_max_wait",
    "blockstore.local.max_log_bytes", "metadata.badger.block_cache_mb", "metadata.badger.index_cache_mb",
    "gc.grace_period", "gc.dry_run_sample_size", "gc.compaction_live_ratio", "gc.auto_enabled", "gc.auto_interval",
    "snapshot.restore_http_timeout", "snapshot.scheduler_poll_interval", "snapshot.scheduler_disabled",
    "metrics.enabled", "metrics.host", "metrics.port", "metrics.path", "metrics.auth", "metrics.token_file",
    "metrics.tls.cert_file", "metrics.tls.key_file", "metrics.tls.client_ca", "metrics.tls.min_version",
    "identity.machine_sid", "ldap.enabled", "ldap.url", "ldap.start_tls", "ldap.allow_plaintext", "ldap.base_dn",
    "ldap.bind_dn", "ldap.bind_password", "ldap.user_attr", "ldap.realm", "ldap.idmap", "ldap.nested_groups",
    "ldap.timeout", "ldap.max_group_results", "ldap.tls.ca_cert_file", "ldap.tls.client_cert_file",
    "ldap.tls.client_key_file", "ldap.tls.insecure_skip_verify", "ldap.tls.min_version",
];

/// Keys with passwords and other secrets, and how to set each instead.
pub const SECRETS: &[(&str, &str)] = &[
    ("controlplane.jwt.secret", "spec.identity.jwt.secretRef"),
    (
        "admin.password_hash",
        "variable DITTOFS_ADMIN_PASSWORD_HASH in spec.pod.env, with a secretKeyRef",
    ),
    (
        "database.postgres.password",
        "spec.database.postgresSecretRef",
    ),
    (
        "ldap.bind_password",
        "spec.identity.ldap.bindPasswordSecretRef",
    ),
    (
        "kerberos.machine_account.secret",
        "spec.identity.kerberos.machineAccount.secretRef",
    ),
    (
        "kerberos.machine_account.online_join.bind_password",
        "variable DITTOFS_KERBEROS_MACHINE_ACCOUNT_ONLINE_JOIN_BIND_PASSWORD in spec.pod.env, with a secretKeyRef",
    ),
];

/// Keys that the operator sets, and the field to use instead.
pub const RESERVED: &[(&str, &str)] = &[
    ("controlplane.host", "spec.controlPlane.exposure"),
    ("controlplane.port", "spec.controlPlane.port"),
    (
        "controlplane.tls.cert_file",
        "spec.controlPlane.certSecretName",
    ),
    (
        "controlplane.tls.key_file",
        "spec.controlPlane.certSecretName",
    ),
    (
        "controlplane.tls.client_ca",
        "spec.controlPlane.clientCASecretName",
    ),
    (
        "admin.username",
        "user admin, which is the name of every first administrator",
    ),
    ("database.type", "spec.database.type"),
    ("database.sqlite.path", "spec.database.sqlite.path"),
    ("metrics.enabled", "spec.metrics.enabled"),
    ("metrics.host", "spec.metrics.enabled"),
    ("metrics.port", "spec.metrics.port"),
    ("metrics.path", "spec.metrics.path"),
    ("metrics.auth", "spec.metrics.bearerTokenSecret"),
    ("metrics.token_file", "spec.metrics.bearerTokenSecret"),
];

/// Variables that the operator sets, and the field to use instead.
pub const RESERVED_VARIABLES: &[(&str, &str)] = &[
    ("DITTOFS_CONTROLPLANE_SECRET", "spec.identity.jwt.secretRef"),
    (
        "DITTOFS_CONTROLPLANE_JWT_SECRET",
        "spec.identity.jwt.secretRef",
    ),
    (
        "DITTOFS_ADMIN_INITIAL_PASSWORD",
        "spec.identity.admin.passwordSecretRef",
    ),
];

/// The variable from which the server reads the value of a key.
pub fn variable(key: &str) -> String {
    format!("DITTOFS_{}", key.replace('.', "_").to_uppercase())
}
