//! Claims, which grow and are otherwise none of our business.

use dittofs_shared::labels;
use k8s_openapi::api::core::v1::PersistentVolumeClaim;
use kube::ResourceExt as _;
use kube::api::{Patch, PatchParams};

use super::outcome::{Action, Change, Failure};
use super::write::{Writer, within_deadline};

impl Writer<'_> {
    /// Asks for a larger volume.
    pub async fn grow(&self, larger: &PersistentVolumeClaim) -> Result<Option<Change>, Failure> {
        let parameters = PatchParams::apply(labels::OPERATOR_MANAGER).force();
        let api = self.api(&(), larger);
        let patch = Patch::Apply(larger);
        match within_deadline(api.patch(&larger.name_any(), &parameters, &patch)).await {
            Ok(_) => Ok(Some(Change::of(
                larger,
                &(),
                Action::Updated,
                format!("it asks for {} now", size(larger)),
            ))),
            // The claim that was seen is gone. The next look sees what there is now.
            Err(error) if error.is_replaced() => Ok(None),
            Err(error) => Err(Failure::of(larger, &(), error)),
        }
    }
}

fn size(claim: &PersistentVolumeClaim) -> String {
    let spec = claim.spec.as_ref();
    let requests = spec.and_then(|spec| spec.resources.as_ref()?.requests.as_ref());
    let size = requests.and_then(|requests| requests.get("storage"));
    size.map(|size| size.0.clone()).unwrap_or_default()
}
