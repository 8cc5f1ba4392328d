//! The name of every object and file, as a function of the instance.

/// Key of the signing key in `{name}-jwt-secret`.
pub const JWT_SECRET_KEY: &str = "jwt-secret";
/// Key of the user name in the Secrets with credentials.
pub const USERNAME_KEY: &str = "username";
/// Key of the password in the Secrets with credentials.
pub const PASSWORD_KEY: &str = "password";
/// Key of the server's configuration in its ConfigMap.
pub const CONFIG_KEY: &str = "config.yaml";
/// Version of DittoFS that this version of the operator was tested with.
pub const TESTED_SERVER_VERSION: &str = "0.29.0";
/// Published images of the server. Their tags are `v` and the version.
pub const SERVER_REPOSITORY: &str = "marmos91c/dittofs";

/// Name of the sidecar's user inside DittoFS.
pub const SIDECAR_USER: &str = "dittofs-sidecar";

/// Name of the server's first administrator, a constant of the server.
pub const ADMIN_USER: &str = "admin";

/// Name of the container that runs the server, as in the Go operator.
pub const SERVER_CONTAINER: &str = "dittofs";
/// Name of the container that runs the sidecar.
pub const SIDECAR_CONTAINER: &str = "sidecar";
/// Port of the probes of the sidecar.
pub const SIDECAR_PORT: u16 = 8081;
/// Port of the loopback on which the server serves metrics to the sidecar, where it serves none to others.
pub const LOCAL_METRICS_PORT: u16 = 18_082;

/// Claim templates, as in the Go operator.
pub const METADATA_CLAIM: &str = "metadata";
/// See [`METADATA_CLAIM`].
pub const CONTENT_CLAIM: &str = "content";
/// See [`METADATA_CLAIM`].
pub const CONTROL_PLANE_CLAIM: &str = "controlplane";

/// Image of the server, where the spec names none.
pub fn default_server_image() -> String {
    format!("{SERVER_REPOSITORY}:v{TESTED_SERVER_VERSION}")
}

/// Claim that the StatefulSet controller creates for the only pod from a claim template.
pub fn claim(template: &str, instance: &str) -> String {
    format!("{template}-{instance}-0")
}

/// ConfigMap with the server's configuration. Every content has its own, so that a pod keeps the one it was created
/// with.
pub fn config(instance: &str, hash: &str) -> String {
    format!("{instance}-config-{hash}")
}

/// The same in other operators, which have one ConfigMap for all contents.
pub fn sole_config(instance: &str) -> String {
    format!("{instance}-config")
}

/// Whether a ConfigMap of this name holds a configuration of the instance. The first versions, too, had one
/// ConfigMap for all contents.
pub fn is_config(instance: &str, name: &str) -> bool {
    let is_hash = |text: &str| text.len() == 12 && text.bytes().all(|c| c.is_ascii_hexdigit());
    match name.strip_prefix(&config(instance, "")) {
        Some(rest) => is_hash(rest),
        None => name == sole_config(instance),
    }
}

/// ConfigMap with the published state.
pub fn adapters(instance: &str) -> String {
    format!("{instance}-adapters")
}

/// The instance whose published state is in a ConfigMap of this name.
pub fn instance_of_adapters(config_map: &str) -> Option<&str> {
    config_map.strip_suffix("-adapters")
}

/// ConfigMap with the sidecar's settings; also the name of its ServiceAccount, Role and RoleBinding.
pub fn sidecar(instance: &str) -> String {
    format!("{instance}-sidecar")
}

/// Secret with the signing key of the REST API's tokens.
pub fn jwt_secret(instance: &str) -> String {
    format!("{instance}-jwt-secret")
}

/// Secret with the first administrator's credentials.
pub fn admin_credentials(instance: &str) -> String {
    format!("{instance}-admin-bootstrap-credentials")
}

/// Secret with the credentials of the sidecar's own user.
pub fn sidecar_credentials(instance: &str) -> String {
    format!("{instance}-sidecar-credentials")
}

/// Secret with the parts of a connection string. It is never overwritten: another string has another Secret.
pub fn database_connection(instance: &str, digest: &str) -> String {
    let digest: String = digest.chars().take(10).collect();
    format!("{instance}-database-{digest}")
}

/// Service that gives the pod its DNS name.
pub fn headless_service(instance: &str) -> String {
    format!("{instance}-headless")
}

/// Service of the REST API.
pub fn api_service(instance: &str) -> String {
    format!("{instance}-api")
}

/// Service of the metrics; also the name of its ServiceMonitor.
pub fn metrics_service(instance: &str) -> String {
    format!("{instance}-metrics")
}

/// Service of an adapter, from `adapterServices.nameTemplate`.
pub fn adapter_service(template: &str, instance: &str, adapter: &str) -> String {
    template
        .replace("{instance}", instance)
        .replace("{adapter}", adapter)
}

/// NetworkPolicy that denies everything that no other policy allows.
pub fn baseline_policy(instance: &str) -> String {
    format!("{instance}-baseline")
}

/// NetworkPolicy that allows connections to an adapter.
pub fn adapter_policy(instance: &str, adapter: &str) -> String {
    format!("{instance}-{adapter}")
}

/// PerconaPGCluster of an instance, as in the Go operator.
pub fn percona_cluster(instance: &str) -> String {
    format!("{instance}-postgres")
}

/// User of the server in a PerconaPGCluster.
pub const PERCONA_USER: &str = "dittofs";
/// Keys of the connection in the Secret that Percona's operator creates for a user.
pub const PERCONA_KEYS: [&str; 5] = ["host", "port", "dbname", "user", "password"];

/// Secret with the connection, which Percona's operator creates.
pub fn percona_secret(instance: &str) -> String {
    format!("{}-pguser-{PERCONA_USER}", percona_cluster(instance))
}

/// The instance that a PerconaPGCluster of this name is for.
pub fn instance_of_percona_cluster(cluster: &str) -> Option<&str> {
    cluster.strip_suffix("-postgres")
}

/// The only pod of an instance.
pub fn pod(instance: &str) -> String {
    format!("{instance}-0")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn configurations_are_known_by_their_names() {
        for (name, expected) in [
            ("files-config-0123456789ab", true),
            ("files-config", true),
            ("files-config-", false),
            ("files-config-0123456789", false),
            ("files-config-0123456789xy", false),
            ("files-adapters", false),
            ("other-config", false),
            ("my-files-config", false),
        ] {
            assert_eq!(is_config("files", name), expected, "{name}");
        }
        assert!(is_config("files", &config("files", "0123456789ab")));
    }

    #[test]
    fn adapter_services_follow_the_template() {
        for (template, expected) in [
            ("{instance}-{adapter}", "files-nfs"),
            ("{instance}-adapter-{adapter}", "files-adapter-nfs"),
            ("{adapter}", "nfs"),
        ] {
            assert_eq!(adapter_service(template, "files", "nfs"), expected);
        }
    }
}
