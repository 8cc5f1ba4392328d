//! A reset of the administrator's password: asked for by an annotation, carried out by the sidecar, which may read one
//! Secret meanwhile.

use dittofs_rig::wait_for;
use dittofs_shared::crd::DittoServer;
use dittofs_shared::published_state::{PublishedState, ServerState, ServerStatus};
use dittofs_shared::reports::{Access, PasswordReset, Reports, ResetOutcome};
use dittofs_shared::settings::{ResetRequest, Settings};
use dittofs_shared::{labels, names};
use dittofs_suite::instance::{API_DEADLINE, Instance, merge};
use dittofs_suite::world::Scene;
use dittofs_suite::{Outcome, ensure};
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::api::{DeleteParams, Patch, PatchParams};
use serde_json::json;

use super::rights::{Question, answers, may};
use super::secrets::{fill, nudge};
use super::seen::{Failed, good, pod_never_runs, wait_event, wait_object, write};

const PENDING: &str = "PasswordResetPending";
const READ: &str = "get secrets own files-admin-bootstrap-credentials";
const NEVER: [&str; 6] = [
    "get secrets own files-jwt-secret",
    "get secrets own files-sidecar-credentials",
    "list secrets own -",
    "watch secrets own files-admin-bootstrap-credentials",
    "patch secrets own files-admin-bootstrap-credentials",
    "get secrets default files-admin-bootstrap-credentials",
];

async fn ask(files: &Instance, value: &str) -> Outcome {
    let patch = json!({"metadata": {"annotations": {labels::RESET_ADMIN_PASSWORD: value}}});
    write::<DittoServer>(files, "helpdesk", &files.name, patch).await?;
    Ok(())
}

/// What the sidecar is asked to do, once it is asked to do something else than `before`.
async fn asked(
    files: &Instance,
    before: Option<&ResetRequest>,
) -> Result<Option<ResetRequest>, Failed> {
    let api = files.api::<ConfigMap>();
    let found = wait_for("the sidecar to be asked", API_DEADLINE, || async {
        let found = api
            .get("files-sidecar")
            .await
            .map_err(|error| error.to_string())?;
        let settings = Settings::decode(&found.data.unwrap_or_default());
        let reset = settings.map_err(|error| error.to_string())?.reset;
        if reset.as_ref() == before {
            Err(format!("{reset:?}"))
        } else {
            Ok(reset)
        }
    });
    Ok(found.await?)
}

async fn wait_may(files: &Instance, expected: bool) -> Outcome {
    let account = names::sidecar("files");
    wait_for(
        "the right to the Secret to follow",
        API_DEADLINE,
        || async {
            let account = (files.scene.namespace.as_str(), account.as_str());
            match may(&files.scene, account, &Question(READ)).await {
                Ok(found) if found == expected => Ok(()),
                other => Err(format!("{other:?}")),
            }
        },
    )
    .await?;
    let account = (files.scene.namespace.as_str(), account.as_str());
    answers(&files.scene, account, false, &NEVER).await
}

async fn report(files: &Instance, reports: Reports) -> Outcome {
    let server = ServerState {
        status: ServerStatus::Reachable,
        since: "2026-01-01T00:00:00Z".parse()?,
        message: None,
    };
    let state = PublishedState {
        server,
        adapters: Some(good()),
        reports,
    };
    files.publish_data(json!(state.encode())).await
}

fn answer(request: &ResetRequest, outcome: ResetOutcome, message: Option<&str>) -> Reports {
    Reports {
        password_reset: Some(PasswordReset {
            request: request.request.clone(),
            outcome,
            message: message.map(str::to_owned),
        }),
        ..Reports::default()
    }
}

async fn wait_handled(files: &Instance, value: &str) -> Result<DittoServer, Failed> {
    files
        .wait_status("the reset to be handled", API_DEADLINE, |server| {
            let status = server.status.clone().unwrap_or_default();
            let handled = status.last_handled_password_reset;
            let pending = status.conditions.iter().any(|one| one.type_ == PENDING);
            if handled.as_deref() == Some(value) && !pending {
                Ok(())
            } else {
                Err(format!("{handled:?}, {:?}", status.conditions))
            }
        })
        .await
}

pub async fn a_reset_widens_the_role_of_the_sidecar_until_it_is_done(scene: Scene) -> Outcome {
    let files = Instance::create(&scene, "files", pod_never_runs()).await?;
    files.publish(good()).await?;
    files
        .wait_condition("ConfigReady", "True", None, API_DEADLINE)
        .await?;
    wait_may(&files, false).await?;
    ask(&files, "first").await?;
    let waiting = Some("WaitingForSidecar");
    files
        .wait_condition(PENDING, "True", waiting, API_DEADLINE)
        .await?;
    let first = asked(&files, None).await?.ok_or("nothing is asked")?;
    ensure!(
        first.secret == "files-admin-bootstrap-credentials" && first.key == "password",
        "it is asked for {first:?}"
    );
    wait_may(&files, true).await?;

    report(
        &files,
        answer(&first, ResetOutcome::Refused, Some("no luck")),
    )
    .await?;
    let refused = Some("Refused");
    files
        .wait_condition(PENDING, "True", refused, API_DEADLINE)
        .await?;
    wait_event(&files, "AdminPasswordNotReset", "no luck").await?;
    wait_may(&files, true).await?;

    report(&files, answer(&first, ResetOutcome::Done, None)).await?;
    wait_handled(&files, "first").await?;
    wait_event(&files, "AdminPasswordReset", "\"helpdesk\"").await?;
    ensure!(
        asked(&files, Some(&first)).await?.is_none(),
        "it is asked still"
    );
    wait_may(&files, false).await?;

    // Another value is another request, which the answer to the first one does not answer.
    ask(&files, "second").await?;
    let second = asked(&files, None).await?.ok_or("nothing is asked")?;
    ensure!(second.request != first.request, "the requests are equal");
    wait_may(&files, true).await?;
    report(&files, answer(&second, ResetOutcome::Done, None)).await?;
    wait_handled(&files, "second").await?;
    Ok(())
}

/// A restored or copied manifest resets nothing.
pub async fn an_annotation_that_is_there_from_the_start_resets_nothing(scene: Scene) -> Outcome {
    let files = Instance {
        scene: scene.clone(),
        name: "files".to_owned(),
    };
    let mut spec = json!({
        "image": scene.world.server_image,
        "storage": {"metadataSize": "1Gi", "contentSize": "1Gi"},
    });
    merge(&mut spec, pod_never_runs());
    let body = json!({
        "apiVersion": "dittofs.dittofs.com/v1alpha1", "kind": "DittoServer", "spec": spec,
        "metadata": {"name": "files", "annotations": {labels::RESET_ADMIN_PASSWORD: "old"}},
    });
    let parameters = PatchParams::apply("suite").force();
    files
        .api::<DittoServer>()
        .patch("files", &parameters, &Patch::Apply(body))
        .await?;
    files
        .wait_condition("ConfigReady", "True", None, API_DEADLINE)
        .await?;
    wait_handled(&files, "old").await?;
    wait_event(&files, "AdminPasswordResetSkipped", "another value").await?;
    let settings = files.api::<ConfigMap>().get("files-sidecar").await?;
    let settings = Settings::decode(&settings.data.unwrap_or_default())?;
    ensure!(settings.reset.is_none(), "{settings:?}");
    wait_may(&files, false).await
}

pub async fn a_secret_without_a_password_that_the_server_takes_is_told(scene: Scene) -> Outcome {
    let files = Instance {
        scene: scene.clone(),
        name: "files".to_owned(),
    };
    fill(&files, "people", "admin", "long enough").await?;
    let mut spec = pod_never_runs();
    spec["identity"] = json!({"admin": {"passwordSecretRef": {"name": "people", "key": "admin"}}});
    let files = Instance::create(&scene, "files", spec).await?;
    files.publish(good()).await?;
    files
        .wait_condition("ConfigReady", "True", None, API_DEADLINE)
        .await?;
    fill(&files, "people", "admin", "short").await?;
    ask(&files, "1").await?;
    wait_told(&files, "at least 8").await?;
    wait_event(&files, "AdminPasswordNotReset", "\"helpdesk\"").await?;
    fill(&files, "people", "admin", &"x".repeat(73)).await?;
    nudge(&files, 1).await?;
    wait_told(&files, "at most 72").await?;
    files
        .api::<Secret>()
        .delete("people", &DeleteParams::default())
        .await?;
    nudge(&files, 2).await?;
    wait_told(&files, "does not exist").await?;
    // Nothing is asked of the sidecar until there is a password.
    let settings = files.api::<ConfigMap>().get("files-sidecar").await?;
    let settings = Settings::decode(&settings.data.unwrap_or_default())?;
    ensure!(settings.reset.is_none(), "{settings:?}");
    fill(&files, "people", "admin", "long enough").await?;
    nudge(&files, 3).await?;
    let waiting = Some("WaitingForSidecar");
    files
        .wait_condition(PENDING, "True", waiting, API_DEADLINE)
        .await?;
    Ok(())
}

async fn wait_told(files: &Instance, words: &str) -> Outcome {
    files
        .wait_status(
            &format!("{PENDING} to say {words:?}"),
            API_DEADLINE,
            |server| {
                let conditions = server.status.clone().unwrap_or_default().conditions;
                let found = conditions.iter().find(|one| one.type_ == PENDING);
                match found {
                    Some(one) if one.reason == "SecretUnusable" && one.message.contains(words) => {
                        Ok(())
                    }
                    other => Err(format!("{other:?}")),
                }
            },
        )
        .await?;
    Ok(())
}

pub async fn a_signing_key_that_the_server_does_not_have_yet_is_told(scene: Scene) -> Outcome {
    let files = Instance::create(&scene, "files", pod_never_runs()).await?;
    let access = |refused| Reports {
        access: Some(Access {
            signing_key_refused: refused,
            message: "no login".to_owned(),
        }),
        ..Reports::default()
    };
    report(&files, access(true)).await?;
    let needed = Some("RestartNeeded");
    files
        .wait_condition("SigningKeyPending", "True", needed, API_DEADLINE)
        .await?;
    report(&files, access(false)).await?;
    let by_key = Some("SignedToken");
    let server = files
        .wait_condition("Authenticated", "True", by_key, API_DEADLINE)
        .await?;
    let conditions = server.status.unwrap_or_default().conditions;
    ensure!(
        !conditions
            .iter()
            .any(|one| one.type_ == "SigningKeyPending"),
        "it is told still"
    );
    // Whoever else writes a report stands for nothing.
    let forged = json!({"data": {"access": "{\"message\":\"forged\"}"}});
    write::<ConfigMap>(&files, "somebody", "files-adapters", forged).await?;
    files
        .wait_condition(
            "AdaptersReady",
            "False",
            Some("PublishedStateUnusable"),
            API_DEADLINE,
        )
        .await?;
    wait_object::<ConfigMap>(&files, "files-adapters", "is there", |_| Ok(())).await?;
    Ok(())
}
