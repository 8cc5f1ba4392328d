//! Whether what was seen is still what there is.

use kube::{Api, Client, ResourceExt as _};

use super::request::within_deadline;
use crate::kind::NamespacedKind;
use dittofs_operator_core::outcome::Failure;

/// Whether an object has still the uid and the generation that were seen. It is read from etcd, not from any cache.
///
/// # Errors
/// It cannot be read.
pub async fn is_current<K>(client: &Client, seen: &K) -> Result<bool, Failure>
where
    K: NamespacedKind<DynamicType = ()>,
{
    let api: Api<K> = Api::all(client.clone()).constrain(&seen.namespace().unwrap_or_default());
    let found = within_deadline(api.get_metadata_opt(&seen.name_any())).await;
    let found = found.map_err(|error| Failure::of(seen, &(), error))?;
    let (seen, now) = (seen.meta(), found.as_ref().map(|found| &found.metadata));
    Ok(now.is_some_and(|now| now.uid == seen.uid && now.generation == seen.generation))
}
