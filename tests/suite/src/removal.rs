//! What an instance leaves behind, and the command that `docs/operations.md` gives to remove that, too.

use dittofs_rig::wait_for;
use dittofs_shared::crd::DittoServer;
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{PersistentVolumeClaim, Pod};
use kube::api::{DeleteParams, ListParams};
use std::path::Path;

use crate::instance::{Instance, POD_DEADLINE};
use crate::{Outcome, ensure, fail};

/// As the page has it, for an instance `files` in namespace `team-a`.
const COMMAND: &str = "kubectl delete pvc,secret,configmap -n team-a \
    -l app.kubernetes.io/instance=files,app.kubernetes.io/managed-by=dittofs-operator";

impl Instance {
    /// Deletes the `DittoServer` and waits until its StatefulSet and its pod are gone.
    ///
    /// # Errors
    /// They are not, in time.
    pub async fn delete(&self) -> Outcome {
        let servers = self.api::<DittoServer>();
        let gone = DeleteParams::background();
        servers.delete(&self.name, &gone).await?;
        let (sets, pods) = (self.api::<StatefulSet>(), self.api::<Pod>());
        let (name, pod) = (&self.name, format!("{}-0", self.name));
        wait_for(
            "the StatefulSet and its pod to go",
            POD_DEADLINE,
            || async {
                let set = sets.get_opt(name).await.map_err(|e| e.to_string())?;
                let pod = pods.get_opt(&pod).await.map_err(|e| e.to_string())?;
                match (set, pod) {
                    (None, None) => Ok(()),
                    (set, pod) => Err(format!("{} and {}", set.is_some(), pod.is_some())),
                }
            },
        )
        .await?;
        Ok(())
    }

    /// Removes what a deleted instance has left, as the documentation says, and waits until no claim is there.
    ///
    /// # Errors
    /// The command fails, or is not the one in the documentation.
    pub async fn remove_for_good(&self) -> Outcome {
        let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/operations.md");
        let page = std::fs::read_to_string(page)?;
        ensure!(
            page.contains(COMMAND),
            "operations.md does not say {COMMAND}"
        );
        let command = COMMAND.replace("team-a", &self.scene.namespace);
        let words = command.split_whitespace().skip(1);
        let output = self.scene.world.cluster.kubectl(words).output()?;
        if !output.status.success() {
            fail!("{command}: {output:?}");
        }
        let claims = self.api::<PersistentVolumeClaim>();
        wait_for("the claims to go", POD_DEADLINE, || async {
            let left = claims.list(&ListParams::default()).await;
            match left.map_err(|error| error.to_string())?.items.len() {
                0 => Ok(()),
                left => Err(format!("{left} claims")),
            }
        })
        .await?;
        Ok(())
    }
}
