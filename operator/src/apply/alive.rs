//! Whether the `DittoServer` still exists, by the word of the API server.
//!
//! The garbage collector deletes an object whose owner does not exist. An object that has just lost its owner may have
//! lost it because the `DittoServer` was deleted without its objects, which another watch reports a moment later.

use dittofs_shared::crd::DittoServer;
use kube::Api;
use kube::api::ListParams;

use super::request::within_deadline;
use super::write::Writer;
use dittofs_operator_core::outcome::ApplyError;

impl Writer<'_> {
    /// Asks once, and before the `DittoServer` becomes the owner of an object that has none.
    ///
    /// # Errors
    /// The API server does not say.
    pub(super) async fn is_server_alive(&self) -> Result<bool, ApplyError> {
        let alive = self.alive.get_or_try_init(|| async {
            let instance = self.instance;
            let api: Api<DittoServer> = Api::namespaced(self.client.clone(), &instance.namespace);
            // The operator has the right to list `DittoServers`, and needs no other one to read one of them.
            let by_name = ListParams::default().fields(&format!("metadata.name={}", instance.name));
            let found = within_deadline(api.list_metadata(&by_name)).await?;
            Ok(found.items.iter().any(|found| {
                found.metadata.uid.as_deref() == Some(&instance.owner.uid)
                    && found.metadata.deletion_timestamp.is_none()
            }))
        });
        alive.await.copied()
    }
}
