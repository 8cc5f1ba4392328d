//! What a cluster does to objects on their way in, in the namespace of one test: admission policies that rewrite or
//! refuse, default limits, and quotas.
//!
//! The API server takes up a new policy a moment after it has been made. So a test waits with a probe, an object that
//! is never stored.

use crate::wait::{TimedOut, wait_for};
use k8s_openapi::api::core::v1::{LimitRange, ResourceQuota};
use kube::api::{DeleteParams, DynamicObject, PostParams};
use kube::core::{ApiResource, GroupVersionKind, TypeMeta};
use kube::{Api, Client};
use serde_json::{Value, json};
use std::time::Duration;

/// How long the API server may take to notice a policy or a quota.
const PATIENCE: Duration = Duration::from_mins(1);
const GROUP: &str = "admissionregistration.k8s.io";
const VERSION: &str = "v1";

/// Something could not be made, or has no effect.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The API server refuses.
    #[error("cannot {doing}: {source}")]
    Refused {
        /// What was tried.
        doing: String,
        /// The answer.
        source: Box<kube::Error>,
    },
    /// What the test has written is no such object.
    #[error(transparent)]
    Object(#[from] serde_json::Error),
    /// A probe without a kind.
    #[error("a probe needs apiVersion and kind")]
    NoKind,
    /// It has no effect.
    #[error(transparent)]
    TooLong(#[from] TimedOut),
}

/// The requests that a policy is for.
#[derive(Clone, Copy, Debug)]
pub struct Requests<'a> {
    /// Group of the kind, `""` for the core.
    pub group: &'a str,
    /// Version of the kind.
    pub version: &'a str,
    /// Its plural.
    pub resource: &'a str,
    /// `CREATE`, `UPDATE`, `DELETE`.
    pub operations: &'a [&'a str],
    /// Only objects with this label.
    pub label: Option<(&'a str, &'a str)>,
}

impl<'a> Requests<'a> {
    /// Those that make or change objects of a kind.
    pub const fn writing(group: &'a str, version: &'a str, resource: &'a str) -> Self {
        Self {
            group,
            version,
            resource,
            operations: &["CREATE", "UPDATE"],
            label: None,
        }
    }

    /// Those that make objects of a kind.
    pub const fn creating(group: &'a str, version: &'a str, resource: &'a str) -> Self {
        Self {
            operations: &["CREATE"],
            ..Self::writing(group, version, resource)
        }
    }

    /// Of these, those about objects with a label.
    #[must_use]
    pub const fn labelled(self, key: &'a str, value: &'a str) -> Self {
        Self {
            label: Some((key, value)),
            ..self
        }
    }

    fn constraints(self) -> Value {
        let mut constraints = json!({"resourceRules": [{
            "apiGroups": [self.group], "apiVersions": [self.version], "resources": [self.resource],
            "operations": self.operations,
        }]});
        if let Some((key, value)) = self.label {
            constraints["objectSelector"] = json!({"matchLabels": {key: value}});
        }
        constraints
    }
}

/// What admission does in a namespace.
pub struct Admission {
    client: Client,
    namespace: String,
    /// Kind and name of each policy.
    policies: Vec<(&'static str, String)>,
}

impl Admission {
    /// Nothing yet.
    pub fn of(client: &Client, namespace: &str) -> Self {
        Self {
            client: client.clone(),
            namespace: namespace.to_owned(),
            policies: Vec::new(),
        }
    }

    /// Rewrites objects. `patch` is a CEL expression that gives a list of `JSONPatch`.
    ///
    /// # Errors
    /// The API server refuses it.
    pub async fn mutate(
        &mut self,
        name: &str,
        requests: Requests<'_>,
        patch: &str,
    ) -> Result<(), Error> {
        let spec = json!({
            "failurePolicy": "Fail",
            "reinvocationPolicy": "Never",
            "matchConstraints": requests.constraints(),
            "mutations": [{"patchType": "JSONPatch", "jsonPatch": {"expression": patch}}],
        });
        self.bind("MutatingAdmissionPolicy", name, spec, json!({}))
            .await
    }

    /// Refuses objects of which a CEL expression does not hold, with this message.
    ///
    /// # Errors
    /// The API server refuses it.
    pub async fn validate(
        &mut self,
        name: &str,
        requests: Requests<'_>,
        expression: &str,
        message: &str,
    ) -> Result<(), Error> {
        let spec = json!({
            "failurePolicy": "Fail",
            "matchConstraints": requests.constraints(),
            "validations": [{"expression": expression, "message": message}],
        });
        let deny = json!({"validationActions": ["Deny"]});
        self.bind("ValidatingAdmissionPolicy", name, spec, deny)
            .await
    }

    /// Makes a policy, and binds it to the namespace.
    async fn bind(
        &mut self,
        kind: &'static str,
        name: &str,
        spec: Value,
        mut binding: Value,
    ) -> Result<(), Error> {
        let name = format!("{}-{name}", self.namespace);
        binding["policyName"] = json!(name);
        binding["matchResources"] = json!({"namespaceSelector": {
            "matchLabels": {"kubernetes.io/metadata.name": self.namespace},
        }});
        for (kind, spec) in [(kind.to_owned(), spec), (binding_of(kind), binding)] {
            let object = object(&kind, &name, &spec);
            let policies = self.policies_of(&kind);
            let made = policies.create(&PostParams::default(), &object).await;
            made.map_err(refused(&format!("make {kind} {name}")))?;
        }
        self.policies.push((kind, name));
        Ok(())
    }

    /// Gives containers these default limits, and takes the same for what they request.
    ///
    /// # Errors
    /// The API server refuses it.
    pub async fn default_limits(&self, limits: Value) -> Result<(), Error> {
        let range: LimitRange = serde_json::from_value(json!({
            "metadata": {"name": "defaults"},
            "spec": {"limits": [{"type": "Container", "default": limits, "defaultRequest": limits}]},
        }))?;
        let api: Api<LimitRange> = Api::namespaced(self.client.clone(), &self.namespace);
        let made = api.create(&PostParams::default(), &range).await;
        made.map(drop).map_err(refused("make a LimitRange"))
    }

    /// Limits what the namespace may have, such as `{"services": "3"}`. Holds when this returns.
    ///
    /// # Errors
    /// The API server refuses it, or nobody counts.
    pub async fn quota(&self, hard: Value) -> Result<(), Error> {
        const NAME: &str = "quota";
        let quota: ResourceQuota = serde_json::from_value(json!({
            "metadata": {"name": NAME}, "spec": {"hard": hard},
        }))?;
        let api: Api<ResourceQuota> = Api::namespaced(self.client.clone(), &self.namespace);
        let made = api.create(&PostParams::default(), &quota).await;
        made.map_err(refused("make a ResourceQuota"))?;
        // Before it is counted, everything is refused.
        wait_for("the quota to be counted", PATIENCE, || async {
            let quota = api.get(NAME).await.map_err(|error| error.to_string())?;
            let status = quota.status.unwrap_or_default();
            let counted = status.hard == quota.spec.and_then(|spec| spec.hard);
            if counted && status.used.is_some() {
                Ok(())
            } else {
                Err(format!("{:?}", status.used))
            }
        })
        .await?;
        Ok(())
    }

    /// Takes the quota away.
    ///
    /// # Errors
    /// There is none.
    pub async fn lift_quota(&self) -> Result<(), Error> {
        let api: Api<ResourceQuota> = Api::namespaced(self.client.clone(), &self.namespace);
        let gone = api.delete("quota", &DeleteParams::default()).await;
        gone.map(drop).map_err(refused("delete the ResourceQuota"))
    }

    /// Waits until a probe, which is not stored, would come out such that this holds. A refusal comes out as
    /// `{"refused": "…"}`.
    ///
    /// # Errors
    /// It does not, in time.
    pub async fn wait(
        &self,
        what: &str,
        probe: &Value,
        holds: impl Fn(&Value) -> bool,
    ) -> Result<(), Error> {
        let probe: DynamicObject = serde_json::from_value(probe.clone())?;
        let types = probe.types.as_ref().ok_or(Error::NoKind)?;
        let kind = GroupVersionKind::try_from(types).map_err(|_| Error::NoKind)?;
        let resource = ApiResource::from_gvk(&kind);
        let api: Api<DynamicObject> =
            Api::namespaced_with(self.client.clone(), &self.namespace, &resource);
        let only_ask = PostParams {
            dry_run: true,
            ..PostParams::default()
        };
        wait_for(what, PATIENCE, || async {
            let out = match api.create(&only_ask, &probe).await {
                Ok(made) => json!(made),
                Err(kube::Error::Api(status)) => json!({"refused": status.message}),
                Err(error) => return Err(error.to_string()),
            };
            if holds(&out) {
                Ok(())
            } else {
                Err(out.to_string())
            }
        })
        .await?;
        Ok(())
    }

    /// Removes the policies.
    ///
    /// # Errors
    /// The API server refuses.
    pub async fn remove(&mut self) -> Result<(), Error> {
        for (kind, name) in std::mem::take(&mut self.policies) {
            for kind in [binding_of(kind), kind.to_owned()] {
                let policies = self.policies_of(&kind);
                let gone = policies.delete(&name, &DeleteParams::default()).await;
                gone.map_err(refused(&format!("delete {kind} {name}")))?;
            }
        }
        Ok(())
    }

    fn policies_of(&self, kind: &str) -> Api<DynamicObject> {
        let kind = GroupVersionKind::gvk(GROUP, VERSION, kind);
        Api::all_with(self.client.clone(), &ApiResource::from_gvk(&kind))
    }
}

fn binding_of(policy: &str) -> String {
    format!("{policy}Binding")
}

fn object(kind: &str, name: &str, spec: &Value) -> DynamicObject {
    let mut object = DynamicObject {
        types: Some(TypeMeta {
            api_version: format!("{GROUP}/{VERSION}"),
            kind: kind.to_owned(),
        }),
        metadata: kube::core::ObjectMeta::default(),
        data: json!({"spec": spec}),
    };
    object.metadata.name = Some(name.to_owned());
    object
}

fn refused(doing: &str) -> impl FnOnce(kube::Error) -> Error {
    let doing = doing.to_owned();
    move |source| Error::Refused {
        doing,
        source: Box::new(source),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_is_for_the_objects_that_it_names() {
        let services = Requests::creating("", "v1", "services").labelled("instance", "files");
        let constraints = services.constraints();
        assert_eq!(
            constraints["resourceRules"][0]["operations"],
            json!(["CREATE"])
        );
        assert_eq!(
            constraints["objectSelector"]["matchLabels"],
            json!({"instance": "files"})
        );
        let all = Requests::writing("apps", "v1", "statefulsets").constraints();
        assert_eq!(all.get("objectSelector"), None);
    }
}
