//! Waits for new objects of a kind.

use super::Error;
use futures::TryStreamExt as _;
use kube::api::{WatchEvent, WatchParams};
use kube::{Api, Resource, ResourceExt as _};
use serde::de::DeserializeOwned;
use std::collections::BTreeSet;
use std::convert::Infallible;
use std::fmt::Debug;
use std::sync::Mutex;

/// Acts once on each object, also on those that are there already, on so many side by side.
///
/// # Errors
/// The API server refuses, or acting fails.
pub async fn each<K, F>(
    api: &Api<K>,
    labels: &str,
    side_by_side: usize,
    act: impl Fn(K) -> F,
) -> Result<Infallible, Error>
where
    K: Resource + Clone + Debug + DeserializeOwned,
    F: Future<Output = Result<(), Error>>,
{
    let seen = Mutex::new(BTreeSet::new());
    let is_new = |uid| seen.lock().is_ok_and(|mut seen| seen.insert(uid));
    // The API server ends every watch after some minutes.
    loop {
        let parameters = WatchParams::default().labels(labels);
        let events = api.watch(&parameters, "0").await?;
        let new = events.try_filter_map(|event| async {
            let added = match event {
                WatchEvent::Added(object) => Some(object),
                _ => None,
            };
            Ok(added.filter(|object| is_new(object.uid())))
        });
        new.map_err(Error::from)
            .try_for_each_concurrent(side_by_side, &act)
            .await?;
    }
}
