//! What others change again and again is put back less and less often.

use dittofs_shared::labels;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ManagedFieldsEntry;
use kube::{Resource, ResourceExt as _};
use std::time::Instant;

use super::Applied;
use super::difference::Difference;
use super::request::Put;
use super::write::Writer;
use crate::kind::NamespacedKind;
use crate::lock::lock;
use dittofs_operator_core::brake::NamespacedName;
use dittofs_operator_core::contest::{Opponent, Turn};
use dittofs_operator_core::outcome::Failure;

impl Writer<'_> {
    /// Whether an object that others have changed is put back now. Asks the API server who they are when it is not.
    pub(super) async fn may_put_back<K: NamespacedKind>(
        &self,
        put: &Put<'_, K>,
        differences: &[Difference],
    ) -> Result<bool, Failure> {
        let object = named(put);
        let turn = lock(self.contests).ask(&self.place(), &object, Instant::now());
        if turn == Turn::LaterUnnamed
            && let Some(live) = self.read(put).await?
        {
            let field = differences.first();
            let opponent = Opponent {
                manager: last_manager(&*live),
                field: field.map_or_else(|| "a field".to_owned(), |field| field.path.clone()),
            };
            lock(self.contests).name(&self.place(), &object, opponent);
        }
        Ok(turn == Turn::Now)
    }

    /// Remembers that an object was put back.
    pub(super) fn put_back<K: NamespacedKind>(&self, put: &Put<'_, K>) {
        lock(self.contests).repaired(&self.place(), &named(put), Instant::now());
    }

    /// What is contested now, and when to look at it again.
    pub(super) fn contested(&self) -> Applied {
        let (contested, due_in) = lock(self.contests).of(&self.place(), Instant::now());
        Applied {
            contested,
            due_in,
            ..Applied::default()
        }
    }

    fn place(&self) -> NamespacedName {
        NamespacedName {
            namespace: self.instance.namespace.clone(),
            name: self.instance.name.clone(),
        }
    }
}

fn named<K: NamespacedKind>(put: &Put<'_, K>) -> String {
    format!("{} {}", K::kind(put.kind), put.desired.name_any())
}

/// Who else has written to an object last, apart from its status.
fn last_manager<K: Resource>(object: &K) -> Option<String> {
    let is_other = |entry: &&ManagedFieldsEntry| {
        entry.subresource.as_deref().unwrap_or_default().is_empty()
            && entry.manager.as_deref() != Some(labels::OPERATOR_MANAGER)
    };
    let others = object.managed_fields().iter().filter(is_other);
    let last = others.max_by_key(|entry| entry.time.as_ref().map(|time| time.0));
    last.and_then(|entry| entry.manager.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use k8s_openapi::api::core::v1::Service;
    use serde_json::json;

    #[test]
    fn the_last_other_writer_is_named_and_not_one_of_the_status() {
        let entry = |manager: &str, minute: u8, subresource: &str| json!({"manager": manager, "time": format!("2026-01-01T00:{minute:02}:00Z"), "subresource": subresource});
        let name = |entries: &[serde_json::Value]| {
            let service: Service =
                serde_json::from_value(json!({"metadata": {"managedFields": entries}})).unwrap();
            last_manager(&service)
        };
        let all = [
            entry("earlier", 1, ""),
            entry("somebody", 2, ""),
            entry("cloud", 3, "status"),
            entry(labels::OPERATOR_MANAGER, 4, ""),
        ];
        assert_eq!(name(&all).as_deref(), Some("somebody"));
        assert_eq!(name(&all[3..]), None);
    }
}
