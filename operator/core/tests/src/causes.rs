//! What condition `Ready` names when several things are wrong because of one.

use crate::{Outcome, ensure};
use dittofs_shared::crd::Phase;
use serde_json::{Value, json};

use super::case::NOW;
use super::situation::{Situation, conditions};

fn unscheduled(message: &str) -> Value {
    json!({"status": {
        "conditions": [{"type": "PodScheduled", "status": "False", "message": message}],
        "containerStatuses": null, "initContainerStatuses": null,
    }})
}

fn waiting(reason: &str) -> Value {
    json!({"started": false, "state": {"waiting": {"reason": reason, "message": "says the kubelet"}}})
}

fn runs() -> Value {
    json!({"state": {"running": {}}})
}

/// What is wrong, and reason and words of condition `Ready`, which is not True.
type Row = (&'static str, Situation, &'static str, &'static str);

fn of_claims() -> Vec<Row> {
    let pending = json!({"status": {"phase": "Pending"}});
    let growing = json!({"status": {"capacity": {"storage": "1Mi"}}});
    let pod = "StatefulSetReady: the pod cannot be scheduled: 1 Insufficient cpu";
    let claim = "StorageReady: PersistentVolumeClaim metadata-files-0";
    let crash = || Situation::well().containers(waiting("CrashLoopBackOff"), runs());
    vec![
        (
            "a pod waits for its claim",
            Situation::well()
                .unready(unscheduled(
                    "pod has unbound immediate PersistentVolumeClaims",
                ))
                .claim(pending.clone()),
            "ClaimPending",
            claim,
        ),
        (
            "a claim waits for its pod",
            Situation::well()
                .unready(unscheduled("1 Insufficient cpu"))
                .claim(pending),
            "PodNotReady",
            pod,
        ),
        (
            "a claim that is not made yet waits for the StatefulSet",
            Situation {
                no_claim: true,
                pod: Value::Null,
                set: Value::Null,
                ..Situation::well()
            },
            "StatefulSetMissing",
            "StatefulSetReady: ",
        ),
        (
            "a volume has become lost",
            crash().claim(json!({"status": {"phase": "Lost"}})),
            "ClaimLost",
            claim,
        ),
        (
            "a volume grows while the server crashes",
            crash().claim(growing.clone()),
            "PodNotReady",
            "StatefulSetReady: container dittofs",
        ),
        (
            "a volume grows",
            Situation::well().claim(growing),
            "Growing",
            "StorageReady: volume metadata",
        ),
    ]
}

fn of_the_api() -> Vec<Row> {
    let probed = json!({"ready": false, "state": {"running": {}}});
    let unready = || {
        Situation::well().containers(
            probed.clone(),
            json!({"ready": true, "state": {"running": {}}}),
        )
    };
    let crash = json!({
        "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 5m0s"}},
        "lastState": {"terminated": {"exitCode": 137, "reason": "OOMKilled"}},
    });
    vec![
        (
            "credentials are refused",
            Situation::well().published("refused"),
            "CredentialsRefused",
            "Authenticated: the REST API has rejected",
        ),
        (
            "credentials are refused, and the readiness probe asks the sidecar",
            unready().published("refused"),
            "CredentialsRefused",
            "Authenticated: the REST API has rejected",
        ),
        (
            "the server hangs",
            unready().published("unreachable"),
            "Unreachable",
            "Authenticated: the REST API has been unreachable since",
        ),
        (
            "the server is not ready, although it answers",
            unready(),
            "PodNotReady",
            "StatefulSetReady: the pod is running but not ready yet",
        ),
        (
            "the server crashes, and so it does not answer",
            Situation::well()
                .containers(crash, runs())
                .published("unreachable"),
            "PodNotReady",
            "StatefulSetReady: container dittofs",
        ),
        (
            "the server starts, and so it does not answer",
            Situation::well()
                .containers(json!({"started": false, "state": {"running": {}}}), runs())
                .published("starting"),
            "ServerStarting",
            "StatefulSetReady: the server has been starting",
        ),
    ]
}

fn of_the_pod() -> Vec<Row> {
    let lost = json!({"status": {"conditions": conditions("False", "True")}});
    vec![
        (
            "its node does not answer, and the last that the sidecar saw was well",
            Situation::well().unready(lost),
            "NodeUnreachable",
            "StatefulSetReady: node worker-1 has not answered since 2026-01-02T03:00:00Z",
        ),
        (
            "the server waits for a sidecar without an image",
            Situation::well().containers(waiting("PodInitializing"), waiting("ImagePullBackOff")),
            "PodNotReady",
            "container sidecar",
        ),
        (
            "the server waits for a Secret that something else names",
            Situation::well().containers(waiting("CreateContainerConfigError"), runs()),
            "PodNotReady",
            "container dittofs",
        ),
        (
            "it is being deleted",
            Situation::well()
                .unready(json!({"metadata": {"deletionTimestamp": "2026-01-02T03:05:00Z"}})),
            "PodNotReady",
            "StatefulSetReady: the pod is being stopped, by 2026-01-02T03:05:00Z",
        ),
        (
            "it does not exist",
            Situation {
                pod: Value::Null,
                ..Situation::well().unready(json!({}))
            },
            "PodNotReady",
            "StatefulSetReady: the pod does not exist yet",
        ),
    ]
}

fn of_the_operator() -> Vec<Row> {
    let missing = json!({"identity": {"jwt": {"secretRef": {"name": "own", "key": "key"}}}});
    vec![
        (
            "a Secret is missing, and so the pod never starts",
            Situation {
                pod: Value::Null,
                set: Value::Null,
                server: Value::Null,
                ..Situation::well().spec(missing)
            },
            "SecretUnusable",
            "ConfigReady: Secret \"own\"",
        ),
        (
            "something could not be written, and the pod is not ready",
            Situation {
                is_refused: true,
                ..Situation::well().unready(json!({}))
            },
            "ApplyFailed",
            "cannot write Service files-nfs",
        ),
        (
            "somebody changes the same field again and again",
            Situation {
                is_contested: true,
                ..Situation::well()
            },
            "ChangedByOthers",
            "ObjectsUncontested: Service files-nfs: \"somebody\" keeps changing spec.selector",
        ),
        (
            "nothing is published",
            Situation {
                server: Value::Null,
                ..Situation::well()
            },
            "NothingPublished",
            "Authenticated: ",
        ),
    ]
}

fn of_load_balancers() -> Vec<Row> {
    let failed = json!({"conditions": [{
        "type": "LoadBalancerPortsError", "status": "True", "reason": "Quota", "message": "no address left",
        "lastTransitionTime": NOW,
    }]});
    vec![
        (
            "a load balancer has had no address for too long",
            Situation::well().balancer("2026-01-02T03:03:05Z", &json!({})),
            "AddressMissing",
            "AdaptersReady: adapter nfs: Service files-nfs has no address yet: run `kubectl describe service files-nfs -n storage`",
        ),
        (
            "a load balancer gets no address, and its controller says why",
            Situation::well().balancer(NOW, &failed),
            "LoadBalancerError",
            "AdaptersReady: adapter nfs: Service files-nfs: its controller reports LoadBalancerPortsError=True: Quota: no address left",
        ),
    ]
}

/// Each of these is one fault with its consequences.
pub fn ready_names_the_cause() -> Outcome {
    let mut rows = of_claims();
    rows.extend(of_the_api());
    rows.extend(of_the_pod());
    rows.extend(of_the_operator());
    rows.extend(of_load_balancers());
    let mut wrong = Vec::new();
    for (what, situation, reason, message) in rows {
        let conditions = situation.status()?.conditions;
        let ready = conditions.first().ok_or("no conditions")?;
        let is_failing = ready.status != "True";
        if !is_failing || ready.reason != reason || !ready.message.contains(message) {
            wrong.push(format!(
                "{what}: Ready={} {}: {}",
                ready.status, ready.reason, ready.message
            ));
        }
    }
    ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
    for well in [
        Situation::well(),
        Situation::well().balancer("2026-01-02T03:03:06Z", &json!({})),
    ] {
        let ready = &well.status()?.conditions[0];
        ensure!(ready.status == "True", "{ready:?}");
    }
    Ok(())
}

/// What is not known is neither said to run nor to have stopped.
pub fn a_lost_node_leaves_everything_unknown() -> Outcome {
    let lost = json!({"status": {"conditions": conditions("False", "True")}});
    let status = Situation::well().unready(lost).status()?;
    ensure!(status.phase == Some(Phase::Unknown), "{:?}", status.phase);
    for (r#type, expected) in [
        ("Available", "Unknown"),
        ("Authenticated", "Unknown"),
        ("StatefulSetReady", "False"),
        ("Progressing", "False"),
    ] {
        let mut conditions = status.conditions.iter();
        let found = conditions.find(|condition| condition.type_ == r#type);
        let found = found.ok_or(r#type)?;
        let fits = found.status == expected
            && found.reason == "NodeUnreachable"
            && found
                .message
                .contains("kubectl taint node worker-1 node.kubernetes.io/out-of-service");
        ensure!(fits, "{found:?}");
    }
    Ok(())
}
