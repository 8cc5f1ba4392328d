//! Whether anything tells the value of a Secret.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use k8s_openapi::api::core::v1::Secret;
use kube::ResourceExt as _;
use kube::api::ListParams;

use crate::instance::Instance;
use crate::{Outcome, ensure};

/// What users and programs read, and no right to read Secrets is needed for.
const KINDS: &str = "dittoservers,configmaps,events,events.events.k8s.io,statefulsets,controllerrevisions,pods,services,networkpolicies,\
                     roles,rolebindings,serviceaccounts,persistentvolumeclaims,poddisruptionbudgets";
/// Shorter values are no secrets, such as the name of a database, and are found anywhere.
const SHORTEST: usize = 8;
/// How the header of a token begins, whoever has signed it.
const TOKEN: &str = "eyJhbGciOi";

/// Fails if the value of any Secret in the namespace of the instance is told by an object that is none, or by one of these texts, which
/// are named. A connection string counts by its password as well.
///
/// # Errors
/// One is told, or something cannot be read.
pub async fn are_nowhere(files: &Instance, texts: &[(&str, String)], more: &[&str]) -> Outcome {
    let secrets = files.api::<Secret>().list(&ListParams::default()).await?;
    let mut values = Vec::new();
    for secret in secrets {
        for (key, value) in secret.data.iter().flatten() {
            let text = String::from_utf8_lossy(&value.0).into_owned();
            let is_public = ["username", "user", "host", "database", "sslmode", "port"];
            if text.len() >= SHORTEST && !is_public.contains(&key.as_str()) {
                values.push((format!("{} of {}", key, secret.name_any()), text));
            }
        }
    }
    ensure!(values.len() >= 3, "there are only {} values", values.len());
    let passwords = more
        .iter()
        .map(|more| ("a password".to_owned(), (*more).to_owned()));
    values.extend(passwords);
    let output = files
        .scene
        .kubectl(&["get", KINDS, "-o", "yaml"])
        .output()?;
    ensure!(output.status.success(), "{output:?}");
    let objects = String::from_utf8_lossy(&output.stdout).into_owned();
    let objects = ("the objects", objects);
    for (name, text) in texts.iter().chain([&objects]) {
        ensure!(!text.is_empty(), "{name}: there is nothing to search");
        for (of, value) in &values {
            let coded = STANDARD.encode(value);
            let told = text.contains(value.as_str()) || text.contains(&coded);
            ensure!(!told, "{name}: the value of {of} is told");
        }
        ensure!(!text.contains(TOKEN), "{name}: there is a token in it");
    }
    Ok(())
}
