//! Whatever happens to users, passwords and Secrets: the sidecar gets in again, and nothing that clients see changes.

use dittofs_rig::dittofs::Administrator;
use dittofs_rig::installation::{NAMESPACE, OPERATOR};
use dittofs_rig::wait_for;
use dittofs_shared::crd::DittoServer;
use dittofs_shared::{labels, names};
use dittofs_suite::canaries::are_nowhere;
use dittofs_suite::instance::{API_DEADLINE, Instance, POD_DEADLINE};
use dittofs_suite::world::Scene;
use dittofs_suite::{Outcome, ensure, processes};
use hyper::Method;
use k8s_openapi::api::core::v1::{PersistentVolume, PersistentVolumeClaim, Pod, Secret, Service};
use k8s_openapi::api::rbac::v1::Role;
use kube::api::{DeleteParams, Patch, PatchParams};
use kube::{Api, ResourceExt as _};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use super::hardship::{other_sidecar, server_restarts};

type Error = Box<dyn std::error::Error + Send + Sync>;

/// How long each step may take until all is well again. How long it takes is printed.
const SOON: Duration = Duration::from_mins(1);
const SERVICES: [(&str, i32); 2] = [("files-nfs", 12049), ("files-smb", 1445)];

/// What clients have, and the server that they are connected to.
#[derive(PartialEq, Debug)]
struct Clients {
    services: Vec<Option<String>>,
    pod: Option<String>,
    restarts: i32,
}

impl Clients {
    async fn of(files: &Instance) -> Result<Self, Error> {
        let services: Vec<Service> = files.wait_services(&SERVICES, API_DEADLINE).await?;
        let pod = files.pod().await?;
        Ok(Self {
            services: services.iter().map(kube::ResourceExt::uid).collect(),
            restarts: server_restarts(&pod),
            pod: pod.uid(),
        })
    }

    async fn are_undisturbed(&self, files: &Instance) -> Outcome {
        let now = Self::of(files).await?;
        ensure!(*self == now, "{self:?} and then {now:?}");
        Ok(())
    }
}

pub async fn a_changed_administrator_and_a_deleted_user_lock_nobody_out(scene: Scene) -> Outcome {
    let spec = json!({"sidecar": {"logLevel": "DEBUG"}});
    let files = Instance::create(&scene, "files", spec).await?;
    files.wait_ready().await?;
    let clients = Clients::of(&files).await?;
    let administrator = files.administrator().await?;
    change_administrator(&files, &administrator).await?;
    let user = format!("/api/v1/users/{}", names::SIDECAR_USER);
    let gone = administrator.ask(Method::DELETE, &user, None).await?;
    gone.accepted("the deletion of the sidecar's user")?;

    let since = restart_sidecar(&files).await?;
    let own = password(&files, &names::sidecar_credentials("files")).await?;
    wait_login(&administrator, names::SIDECAR_USER, &own).await?;
    told("the sidecar's user was made again", since);
    wait_ready_soon(&files, since).await?;
    let found = administrator
        .ask(Method::GET, &user, None)
        .await?
        .accepted(&user)?;
    ensure!(found.body["role"] == "operator", "it is {}", found.body);
    // And the adapters are followed.
    administrator
        .set_adapter("smb", &json!({"port": 1446}))
        .await?;
    files
        .wait_services(&[SERVICES[0], ("files-smb", 1446)], SOON)
        .await?;
    administrator
        .set_adapter("smb", &json!({"port": 1445}))
        .await?;
    are_nowhere(&files, &logs(&files)?, &[]).await?;
    clients.are_undisturbed(&files).await
}

pub async fn an_older_user_table_locks_nobody_out(scene: Scene) -> Outcome {
    let files = Instance::create(&scene, "files", json!({})).await?;
    files.wait_ready().await?;
    let before = Clients::of(&files).await?;
    stop(&files).await?;
    let data = volume_of(&files, names::CONTROL_PLANE_CLAIM).await?;
    let copy = data.with_extension("copy");
    copy_folder(&data, &copy)?;

    // What comes after the copy is taken: other passwords on both sides.
    start(&files).await?;
    files.wait_ready().await?;
    let administrator = files.administrator().await?;
    change_administrator(&files, &administrator).await?;
    make_credentials_again(&files).await?;
    stop(&files).await?;
    copy_folder(&copy, &data)?;
    std::fs::remove_dir_all(&copy)?;

    let since = start(&files).await?;
    wait_ready_soon(&files, since).await?;
    let administrator = files.administrator().await?;
    let own = password(&files, &names::sidecar_credentials("files")).await?;
    wait_login(&administrator, names::SIDECAR_USER, &own).await?;
    told("the sidecar's user had its new password", since);
    let after = Clients::of(&files).await?;
    ensure!(
        before.services == after.services && after.restarts == 0,
        "{before:?} and then {after:?}"
    );
    Ok(())
}

pub async fn a_deleted_secret_of_the_sidecar_locks_nobody_out(scene: Scene) -> Outcome {
    let files = Instance::create(&scene, "files", json!({})).await?;
    files.wait_ready().await?;
    let clients = Clients::of(&files).await?;
    make_credentials_again(&files).await?;
    let own = password(&files, &names::sidecar_credentials("files")).await?;
    let pod = files.pod().await?;
    let sidecar = other_sidecar(&pod, 0, "the sidecar").await?;
    let file = format!("/proc/{sidecar}/root/var/run/secrets/dittofs/sidecar/password");
    // The kubelet takes more than a minute to bring a changed Secret into a pod.
    wait_for("the new Secret in the pod", 2 * POD_DEADLINE, || async {
        let text = std::fs::read_to_string(&file).map_err(|error| error.to_string())?;
        (text == own)
            .then_some(())
            .ok_or("the old password".to_owned())
    })
    .await?;
    let since = restart_sidecar(&files).await?;
    let administrator = files.administrator().await?;
    wait_login(&administrator, names::SIDECAR_USER, &own).await?;
    told("the sidecar's user had its new password", since);
    wait_ready_soon(&files, since).await?;
    clients.are_undisturbed(&files).await
}

pub async fn a_lost_password_of_the_administrator_is_reset_when_asked(scene: Scene) -> Outcome {
    let files = Instance::create(&scene, "files", json!({})).await?;
    files.wait_ready().await?;
    let clients = Clients::of(&files).await?;
    let administrator = files.administrator().await?;
    change_administrator(&files, &administrator).await?;
    ensure!(
        files.administrator().await.is_err(),
        "the first password is good still"
    );
    let since = Instant::now();
    let patch = json!({"metadata": {"annotations": {labels::RESET_ADMIN_PASSWORD: "lost"}}});
    let parameters = PatchParams {
        field_manager: Some("helpdesk".to_owned()),
        ..PatchParams::default()
    };
    files
        .api::<DittoServer>()
        .patch("files", &parameters, &Patch::Merge(patch))
        .await?;
    files
        .wait_status("the reset to be handled", SOON, |server| {
            let status = server.status.clone().unwrap_or_default();
            let handled = status.last_handled_password_reset;
            let told = status
                .conditions
                .iter()
                .map(|one| format!("{}: {}", one.reason, one.message));
            (handled.as_deref() == Some("lost"))
                .then_some(())
                .ok_or_else(|| told.collect::<Vec<_>>().join("; "))
        })
        .await?;
    told("the administrator's password was reset", since);
    // With the password in the Secret, and without a duty to change it.
    let administrator = files.administrator().await?;
    let users = administrator
        .ask(Method::GET, "/api/v1/users", None)
        .await?;
    users.accepted("the list of users")?;
    let role = files.api::<Role>().get("files-sidecar").await?;
    ensure!(
        !json!(role.rules).to_string().contains("secrets"),
        "the sidecar may still read it: {:?}",
        role.rules
    );
    clients.are_undisturbed(&files).await
}

/// Of both sidecars that have run, and of the operator.
fn logs(files: &Instance) -> Result<Vec<(&'static str, String)>, Error> {
    let deployment = format!("deployment/{OPERATOR}");
    let sidecar = ["logs", "files-0", "-c", names::SIDECAR_CONTAINER];
    let before = [&sidecar[..], &["--previous"]].concat();
    let operator = ["logs", "-n", NAMESPACE, &deployment];
    let asked = [
        ("the log of the sidecar", &sidecar[..]),
        ("the log of the sidecar before", &before),
        ("the log of the operator", &operator),
    ];
    let logs = asked.into_iter().map(|(name, words)| {
        let output = files.scene.kubectl(words).output()?;
        Ok((name, String::from_utf8_lossy(&output.stdout).into_owned()))
    });
    logs.collect()
}

fn told(what: &str, since: Instant) {
    println!("{what} after {:.1} s", since.elapsed().as_secs_f64());
}

/// The administrator has a password that is in no Secret.
async fn change_administrator(files: &Instance, administrator: &Administrator) -> Outcome {
    let first = password(files, &names::admin_credentials("files")).await?;
    let change = json!({"current_password": first, "new_password": "changed-Passw0rd"});
    administrator
        .ask(Method::POST, "/api/v1/users/me/password", Some(&change))
        .await?
        .accepted("the change of the administrator's password")?;
    Ok(())
}

/// The Secret of the sidecar is deleted, and the operator makes another one with another password.
async fn make_credentials_again(files: &Instance) -> Outcome {
    let secrets = files.api::<Secret>();
    let name = names::sidecar_credentials("files");
    secrets.delete(&name, &DeleteParams::default()).await?;
    // Secrets are not watched.
    let now = json!({"metadata": {"annotations": {labels::RECONCILE_NOW: "credentials"}}});
    let servers = files.api::<DittoServer>();
    servers
        .patch("files", &PatchParams::default(), &Patch::Merge(now))
        .await?;
    wait_for("the Secret to be made again", API_DEADLINE, || async {
        secrets
            .get(&name)
            .await
            .map(drop)
            .map_err(|error| error.to_string())
    })
    .await?;
    Ok(())
}

async fn password(files: &Instance, secret: &str) -> Result<String, Error> {
    let data = files.api::<Secret>().get(secret).await?.data;
    let value = data.and_then(|mut data| data.remove(names::PASSWORD_KEY));
    Ok(String::from_utf8(value.ok_or("no password")?.0)?)
}

/// Waits until a user can log in.
async fn wait_login(administrator: &Administrator, username: &str, password: &str) -> Outcome {
    let login = json!({"username": username, "password": password});
    wait_for("the login to work", SOON, || async {
        let answer = administrator.ask(Method::POST, "/api/v1/auth/login", Some(&login));
        let answer = answer.await.map_err(|error| error.to_string())?;
        answer
            .accepted("the login")
            .map(drop)
            .map_err(|error| error.to_string())
    })
    .await?;
    Ok(())
}

/// A sidecar without any token takes the place of the one that runs.
async fn restart_sidecar(files: &Instance) -> Result<Instant, Error> {
    let pod = files.pod().await?;
    let sidecar = other_sidecar(&pod, 0, "the sidecar").await?;
    processes::kill(sidecar)?;
    other_sidecar(&pod, sidecar, "the next sidecar").await?;
    Ok(Instant::now())
}

async fn wait_ready_soon(files: &Instance, since: Instant) -> Outcome {
    files
        .wait_condition("Authenticated", "True", Some("Reachable"), SOON)
        .await?;
    files
        .wait_condition("Ready", "True", Some("AllChecksPassed"), SOON)
        .await?;
    told("Ready", since);
    Ok(())
}

async fn stop(files: &Instance) -> Outcome {
    files.change(json!({"replicas": 0})).await?;
    let pods = files.api::<Pod>();
    wait_for("the pod to be gone", POD_DEADLINE, || async {
        match pods.get_opt("files-0").await {
            Ok(None) => Ok(()),
            other => Err(format!("{:?}", other.map(|pod| pod.map(|pod| pod.status)))),
        }
    })
    .await?;
    Ok(())
}

/// Returns when the server runs.
async fn start(files: &Instance) -> Result<Instant, Error> {
    files.change(json!({"replicas": 1})).await?;
    let pods = files.api::<Pod>();
    wait_for("the server to run", POD_DEADLINE, || async {
        let pod = pods
            .get("files-0")
            .await
            .map_err(|error| error.to_string())?;
        let status: Value = json!(pod.status);
        let running = status.pointer("/containerStatuses/0/state/running");
        running.map(drop).ok_or_else(|| status.to_string())
    })
    .await?;
    Ok(Instant::now())
}

/// The folder of a volume on this machine.
async fn volume_of(files: &Instance, template: &str) -> Result<PathBuf, Error> {
    let name = names::claim(template, "files");
    let claim = files.api::<PersistentVolumeClaim>().get(&name).await?;
    let volume = claim
        .spec
        .and_then(|spec| spec.volume_name)
        .ok_or("not bound")?;
    let volumes: Api<PersistentVolume> = Api::all(files.scene.client.clone());
    let source = volumes
        .get(&volume)
        .await?
        .spec
        .and_then(|spec| spec.host_path);
    Ok(PathBuf::from(source.ok_or("no hostPath")?.path))
}

/// Makes `to` a copy of `from`, with owners and modes.
fn copy_folder(from: &Path, to: &Path) -> Outcome {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(to)? {
        let path = entry?.path();
        if path.is_dir() {
            std::fs::remove_dir_all(path)?;
        } else {
            std::fs::remove_file(path)?;
        }
    }
    let copied = Command::new("cp")
        .arg("-a")
        .arg(from.join("."))
        .arg(to)
        .status()?;
    ensure!(copied.success(), "cp {} {}", from.display(), to.display());
    Ok(())
}
