//! One object, deleted when it is still what was seen.

use kube::ResourceExt as _;
use kube::api::{DeleteParams, Preconditions, PropagationPolicy};

use super::request::{Delete, within_deadline};
use super::write::Writer;
use crate::kind::NamespacedKind;
use dittofs_operator_core::outcome::{Action, Change, Failure};

impl Writer<'_> {
    /// Deletes an object, if it is still what was seen.
    pub async fn delete<K>(&self, delete: Delete<'_, K>) -> Result<Option<Change>, Failure>
    where
        K: NamespacedKind,
    {
        let Delete {
            kind,
            cache,
            seen,
            reason,
            orphan,
        } = delete;
        if seen.meta().deletion_timestamp.is_some() {
            return Ok(None);
        }
        let parameters = DeleteParams {
            propagation_policy: orphan.then_some(PropagationPolicy::Orphan),
            preconditions: Some(Preconditions {
                uid: seen.uid(),
                resource_version: seen.resource_version(),
            }),
            ..DeleteParams::default()
        };
        let api = self.api(kind, seen);
        let ticket = cache.ticket();
        match within_deadline(api.delete(&seen.name_any(), &parameters)).await {
            Ok(answer) => {
                match answer.left() {
                    Some(left) if left.meta().deletion_timestamp.is_some() => {
                        cache.learn(ticket, &left);
                    }
                    _ => cache.learn_gone(seen),
                }
                Ok(Some(Change::of(seen, kind, Action::Deleted, reason)))
            }
            Err(error) if error.is_not_found() => {
                cache.learn_gone(seen);
                Ok(None)
            }
            Err(error) => Err(Failure::of(seen, kind, error)),
        }
    }
}
