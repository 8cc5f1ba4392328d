//! Mistakes are refused by the API server, before anything acts on them, with a message that names the field.

use dittofs_shared::crd::DittoServer;
use dittofs_suite::instance::{Instance, merge};
use dittofs_suite::world::Scene;
use dittofs_suite::{Outcome, ensure, fail};
use kube::Resource as _;
use kube::api::PostParams;
use kube::core::Request;
use serde_json::{Value, json};

use super::seen::without_pod;

/// Field that the message must name, and the spec with the mistake.
type Row = (&'static str, Value);

/// What `kubectl create --dry-run=server` sends, which asks for unknown fields to be refused.
pub async fn try_create(scene: &Scene, body: &Value) -> Result<Value, kube::Error> {
    let parameters = PostParams {
        dry_run: true,
        field_manager: None,
    };
    let url = DittoServer::url_path(&(), Some(&scene.namespace));
    let mut request = Request::new(url)
        .create(&parameters, serde_json::to_vec(body).unwrap())
        .map_err(kube::Error::BuildRequest)?;
    *request.uri_mut() = format!("{}&fieldValidation=Strict", request.uri())
        .parse()
        .unwrap();
    scene.client.request(request).await
}

pub fn named(name: &str, spec: Value) -> Value {
    let mut whole = json!({"storage": {"metadataSize": "1Gi"}});
    merge(&mut whole, spec);
    json!({
        "apiVersion": DittoServer::api_version(&()), "kind": DittoServer::kind(&()),
        "metadata": {"name": name}, "spec": whole,
    })
}

/// All rows are tried, so that one look shows everything that is wrong.
async fn all_are_refused(scene: &Scene, rows: Vec<(&str, Value)>) -> Outcome {
    let mut wrong = Vec::new();
    for (field, body) in rows {
        match try_create(scene, &body).await {
            Ok(_) => wrong.push(format!("{field}: accepted {}", body["spec"])),
            Err(error) if !error.to_string().contains(field) => {
                wrong.push(format!("{field}: refused without naming it: {error}"));
            }
            Err(_) => {}
        }
    }
    ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
    Ok(())
}

async fn specs_are_refused(scene: &Scene, rows: impl IntoIterator<Item = Row>) -> Outcome {
    let rows = rows
        .into_iter()
        .map(|(field, spec)| (field, named("files", spec)));
    all_are_refused(scene, rows.collect()).await
}

pub async fn sizes_that_are_none_are_refused(scene: Scene) -> Outcome {
    let fields = [
        ("spec.storage.metadataSize", "metadataSize"),
        ("spec.storage.contentSize", "contentSize"),
        ("spec.storage.controlPlaneSize", "controlPlaneSize"),
    ];
    let sizes = ["ten", "0", "-1Gi", "", "1 Gi"];
    let rows = fields
        .into_iter()
        .flat_map(|(field, key)| sizes.map(|size| (field, json!({"storage": {key: size}}))));
    specs_are_refused(&scene, rows).await
}

pub async fn numbers_out_of_range_are_refused(scene: Scene) -> Outcome {
    let mut rows = vec![
        ("spec.replicas", json!({"replicas": 2})),
        ("spec.replicas", json!({"replicas": -1})),
        ("spec.replicas", json!({"replicas": "1"})),
        (
            "spec.terminationGracePeriodSeconds",
            json!({"terminationGracePeriodSeconds": 5}),
        ),
    ];
    for port in [0, 70_000, -1] {
        rows.push((
            "spec.controlPlane.port",
            json!({"controlPlane": {"port": port}}),
        ));
        rows.push((
            "spec.adapterServices.overrides.smb.port",
            json!({"adapterServices": {"overrides": {"smb": {"port": port}}}}),
        ));
    }
    specs_are_refused(&scene, rows).await
}

pub async fn name_templates_that_give_no_or_equal_names_are_refused(scene: Scene) -> Outcome {
    let field = "spec.adapterServices.nameTemplate";
    let template = |template: &str| json!({"adapterServices": {"nameTemplate": template}});
    let mut rows: Vec<_> = [
        "",
        "{instance}",
        "files",
        "Files-{adapter}",
        "1-{adapter}",
        "-{adapter}",
        "{adapter}-",
        "{adapter}.files",
        "{instance}_{adapter}",
        "{namespace}-{adapter}",
    ]
    .map(|bad| (field, named("files", template(bad))))
    .into();
    let longest = "a".repeat(52);
    let too_long = template("{instance}-of-here-{adapter}");
    rows.push((field, named(&longest, too_long.clone())));
    let shared =
        |template: &str| json!({"adapterServices": {"mode": "Shared", "nameTemplate": template}});
    rows.push((field, named(&longest, shared("{instance}-is-{adapter}"))));
    all_are_refused(&scene, rows).await?;
    // The name decides, not the template.
    try_create(&scene, &named("files", too_long)).await?;
    try_create(
        &scene,
        &named(&longest, template("{instance}-is-{adapter}")),
    )
    .await?;
    let another = "b".repeat(52);
    try_create(&scene, &named(&another, shared("{instance}-{adapter}"))).await?;
    Ok(())
}

pub async fn durations_that_are_none_or_out_of_range_are_refused(scene: Scene) -> Outcome {
    let discovery = |key: &str, text: &str| json!({"adapterDiscovery": {key: text}});
    let jwt = |key: &str, text: &str| json!({"identity": {"jwt": {key: text}}});
    let mut rows = Vec::new();
    for text in ["soon", "10ms", "2h", "-1s", "", "1", "1d"] {
        let field = "spec.adapterDiscovery.pollingInterval";
        rows.push((field, discovery("pollingInterval", text)));
    }
    for text in ["soon", "999ms", "2h", "-1s", ""] {
        let field = "spec.adapterDiscovery.resyncInterval";
        rows.push((field, discovery("resyncInterval", text)));
    }
    for text in ["soon", "-1s", "25h", ""] {
        let field = "spec.adapterDiscovery.removalHold";
        rows.push((field, discovery("removalHold", text)));
    }
    for text in ["soon", "59s", "-1h", ""] {
        let field = "spec.identity.jwt.accessTokenDuration";
        rows.push((field, jwt("accessTokenDuration", text)));
        let field = "spec.identity.jwt.refreshTokenDuration";
        rows.push((field, jwt("refreshTokenDuration", text)));
    }
    for text in ["soon", "9s", "169h", "-1h", ""] {
        rows.push(("spec.startupTimeout", json!({"startupTimeout": text})));
    }
    specs_are_refused(&scene, rows).await?;
    // Every spelling that the API server takes is one that the operator reads: else a server would be left alone.
    for text in [
        "0.5s",
        ".5s",
        "1.s",
        "+5s",
        "1m30s",
        "100000000ns",
        "200000us",
        "3µs1s",
    ] {
        let body = named("files", discovery("pollingInterval", text));
        let accepted = try_create(&scene, &body).await?;
        if let Err(error) = serde_json::from_value::<DittoServer>(accepted) {
            fail!("{text:?} is accepted and cannot be read: {error}");
        }
    }
    Ok(())
}

pub async fn other_values_that_cannot_work_are_refused(scene: Scene) -> Outcome {
    let mut rows = vec![
        ("spec.image", json!({"image": ""})),
        ("spec.sidecar.image", json!({"sidecar": {"image": ""}})),
        ("spec.database.type", json!({"database": {"type": "paper"}})),
        (
            "spec.controlPlane.exposure",
            json!({"controlPlane": {"exposure": "World"}}),
        ),
        (
            "spec.adapterServices.type",
            json!({"adapterServices": {"type": "ExternalName"}}),
        ),
        ("spec.rollPolicy", json!({"rollPolicy": "Never"})),
        (
            "spec.pod.imagePullPolicy",
            json!({"pod": {"imagePullPolicy": "Sometimes"}}),
        ),
        (
            "spec.pod.priorityClassName",
            json!({"pod": {"priorityClassName": ""}}),
        ),
        (
            "spec.controlPlane.port",
            json!({"controlPlane": {"port": 8081}}),
        ),
        ("spec.logging.level", json!({"logging": {"level": "LOUD"}})),
        ("spec.logging.format", json!({"logging": {"format": "xml"}})),
        (
            "spec.sidecar.logLevel",
            json!({"sidecar": {"logLevel": "LOUD"}}),
        ),
        (
            "spec.identity.admin.username",
            json!({"identity": {"admin": {"username": ""}}}),
        ),
        (
            "spec.identity.jwt.secretRef.key",
            json!({"identity": {"jwt": {"secretRef": {"name": "x"}}}}),
        ),
        (
            "spec.networkPolicy.adapters.from",
            json!({"networkPolicy": {"adapters": {"from": []}}}),
        ),
        (
            "spec.networkPolicy.api.from",
            json!({"networkPolicy": {"api": {"from": []}}}),
        ),
    ];
    for path in [
        "",
        "/tmp/dittofs.db",
        "/data/controlplane",
        "/data/controlplane/",
        "/data/controlplane/../store/x.db",
    ] {
        let field = "spec.database.sqlite.path";
        rows.push((field, json!({"database": {"sqlite": {"path": path}}})));
    }
    specs_are_refused(&scene, rows).await
}

pub async fn combinations_that_cannot_work_are_refused(scene: Scene) -> Outcome {
    let services = |settings: Value| json!({"adapterServices": settings});
    let identity = |settings: Value| json!({"identity": settings});
    let ldap = json!({"enabled": true, "url": "ldap://dc.example.com", "baseDN": "DC=a", "bindDN": "CN=b"});
    let account = json!({"annotations": {"a": "b"}});
    let rows = [
        ("database.type", json!({"database": {"type": "postgres"}})),
        (
            "metrics.port",
            json!({"metrics": {"enabled": true, "port": 8080}}),
        ),
        ("identity.ldap.url", identity(json!({"ldap": ldap}))),
        (
            "servicePrincipal",
            identity(json!({"kerberos": {"enabled": true}})),
        ),
        (
            "keytabSecretRef",
            identity(json!({"kerberos": {"enabled": true, "servicePrincipal": "nfs/a@B"}})),
        ),
        (
            "machineAccount",
            identity(
                json!({"kerberos": {"machineAccount": {"enabled": true, "accountName": "A$"}}}),
            ),
        ),
        (
            "clientCASecretName",
            json!({"controlPlane": {"clientCASecretName": "ca"}}),
        ),
        (
            "percona.backup",
            json!({"percona": {"enabled": true, "backup": {"enabled": true}}}),
        ),
        (
            "nodePort",
            services(json!({"type": "ClusterIP", "overrides": {"nfs": {"nodePort": 30000}}})),
        ),
        (
            "loadBalancerClass",
            services(json!({"type": "NodePort", "loadBalancerClass": "a"})),
        ),
        (
            "mode Shared",
            services(json!({"mode": "Shared", "overrides": {"nfs": account}})),
        ),
        (
            "loadBalancerSourceRanges",
            services(json!({"loadBalancerSourceRanges": ["everywhere"]})),
        ),
        (
            "serviceTemplate",
            services(json!({"serviceTemplate": {"spec": {"selector": {"a": "b"}}}})),
        ),
        (
            "discoveryPorts",
            services(json!({"overrides": {"nfs": {"discoveryPorts": ["Mdns", "Mdns"]}}})),
        ),
        (
            "pod.volumes",
            json!({"pod": {"volumes": [{"name": "config", "emptyDir": {}}]}}),
        ),
        (
            "pod.volumeMounts",
            json!({"pod": {"volumeMounts": [{"name": "x", "mountPath": "/config"}]}}),
        ),
        (
            "pod.volumeMounts",
            json!({"pod": {"volumeMounts": [{"name": "sidecar-token", "mountPath": "/x"}]}}),
        ),
        (
            "pod.volumeMounts",
            json!({"pod": {"volumeMounts": [{"name": "metadata", "mountPath": "/x"}]}}),
        ),
        (
            "serviceAccountName",
            json!({"pod": {"serviceAccountName": "a", "serviceAccountAnnotations": {"a": "b"}}}),
        ),
        ("cacheSize", json!({"storage": {"cacheSize": "0.5"}})),
    ];
    specs_are_refused(&scene, rows).await
}

pub async fn unknown_fields_are_refused(scene: Scene) -> Outcome {
    let rows = [
        ("spec.replica", json!({"replica": 1})),
        ("spec.storage.size", json!({"storage": {"size": "1Gi"}})),
        (
            "spec.adapterServices.overrides.smb.ports",
            json!({"adapterServices": {"overrides": {"smb": {"ports": 1}}}}),
        ),
        (
            "spec.identity.jwt.secret",
            json!({"identity": {"jwt": {"secret": "x"}}}),
        ),
    ];
    specs_are_refused(&scene, rows).await
}

pub async fn names_that_services_and_pods_cannot_have_are_refused(scene: Scene) -> Outcome {
    let too_long = "a".repeat(53);
    let names = [too_long.as_str(), "files.office", "1files"];
    let rows = names.map(|name| ("metadata.name", named(name, json!({}))));
    all_are_refused(&scene, rows.into()).await?;
    try_create(&scene, &named(&"a".repeat(52), json!({}))).await?;
    Ok(())
}

pub async fn volumes_cannot_shrink_move_or_go(scene: Scene) -> Outcome {
    let files = Instance::create(&scene, "files", without_pod()).await?;
    for storage in [
        json!({"metadataSize": "512Mi"}),
        json!({"contentSize": "1023Mi"}),
        json!({"controlPlaneSize": "1"}),
        json!({"contentSize": null}),
        json!({"storageClassName": "fast"}),
    ] {
        match files.change(json!({"storage": storage})).await {
            Ok(_) => fail!("accepted {storage}"),
            Err(error) => ensure!(
                error.to_string().contains("spec.storage"),
                "{storage} is refused without naming the field: {error}"
            ),
        }
    }
    for storage in [
        json!({"metadataSize": "1024Mi"}),
        json!({"controlPlaneSize": "5Gi", "contentSize": "2Gi"}),
        json!({"cacheSize": "1Gi"}),
        json!({"cacheSize": null, "retentionPolicy": "Delete"}),
    ] {
        files.change(json!({"storage": storage})).await?;
    }
    Ok(())
}
