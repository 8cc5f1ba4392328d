//! What is right is accepted, and what is left out has a default.

use dittofs_rig::installation::manifests;
use dittofs_suite::world::Scene;
use dittofs_suite::{Outcome, ensure, fail};
use serde_json::{Value, json};

use super::validation::{named, try_create};

pub async fn defaults_are_those_of_the_documentation(scene: Scene) -> Outcome {
    let accepted = try_create(&scene, &named("files", json!({}))).await?;
    let expected = json!({
        "image": "marmos91c/dittofs:v0.29.0",
        "replicas": 1,
        "storage": {"metadataSize": "1Gi", "controlPlaneSize": "1Gi", "retentionPolicy": "Retain"},
        "database": {"type": "sqlite", "sqlite": {"path": "/data/controlplane/controlplane.db"}},
        "controlPlane": {"port": 8080, "exposure": "Loopback", "tls": false},
        "identity": {
            "type": "memory",
            "jwt": {"accessTokenDuration": "900s", "refreshTokenDuration": "604800s"},
            "admin": {"username": "admin"},
        },
        "adapterDiscovery": {"pollingInterval": "500ms", "removalHold": "30s"},
        "adapterServices": {
            "mode": "PerAdapter", "type": "LoadBalancer", "nameTemplate": "{instance}-{adapter}",
        },
        "networkPolicy": {"enabled": true, "adapters": {}, "api": {}, "metrics": {}},
        "metrics": {
            "enabled": false, "port": 9090, "path": "/metrics", "serviceMonitor": {"enabled": false},
        },
        "pod": {"disruptionBudget": "Protect", "userPolicy": "Fixed"},
        "sidecar": {"logLevel": "INFO", "updatePolicy": "InPlace"},
        "logging": {"level": "INFO", "format": "json", "output": "stdout"},
        "rollPolicy": "Automatic",
        "paused": false,
        "startupTimeout": "3600s",
        "terminationGracePeriodSeconds": 105,
    });
    ensure!(
        accepted["spec"] == expected,
        "the defaults are {}",
        accepted["spec"]
    );
    Ok(())
}

pub async fn every_sample_is_accepted(scene: Scene) -> Outcome {
    let mut tried = 0;
    for entry in std::fs::read_dir(manifests().join("samples"))? {
        let path = entry?.path();
        if path
            .file_name()
            .is_some_and(|name| name == "kustomization.yaml")
        {
            continue;
        }
        let sample: Value = serde_saphyr::from_str(&std::fs::read_to_string(&path)?)?;
        if let Err(error) = try_create(&scene, &sample).await {
            fail!("{}: {error}", path.display());
        }
        tried += 1;
    }
    ensure!(tried > 0, "there are no samples");
    Ok(())
}
