//! Who may do what, by the API server's own answer.

use dittofs_suite::world::Scene;
use dittofs_suite::{Outcome, ensure};
use k8s_openapi::api::authorization::v1::{
    ResourceAttributes, SubjectAccessReview, SubjectAccessReviewSpec,
};
use kube::Api;
use kube::api::PostParams;

use super::seen::Failed;

/// Verb, resource with subresource and group, namespace, name: `get configmaps files files-adapters`. `-` is none.
pub struct Question<'a>(pub &'a str);

impl Question<'_> {
    fn attributes(&self, own: &str) -> ResourceAttributes {
        let mut words = self.0.split(' ');
        let mut word = || words.next().filter(|word| *word != "-").map(str::to_owned);
        let (verb, resource, namespace, name) =
            (word(), word().unwrap_or_default(), word(), word());
        let (resource, group) = match resource.split_once('.') {
            Some((resource, group)) => (resource.to_owned(), group.to_owned()),
            None => (resource, String::new()),
        };
        let (resource, subresource) = match resource.split_once('/') {
            Some((resource, subresource)) => (resource.to_owned(), Some(subresource.to_owned())),
            None => (resource, None),
        };
        ResourceAttributes {
            verb,
            group: Some(group),
            resource: Some(resource),
            subresource,
            namespace: namespace.map(|name| if name == "own" { own.to_owned() } else { name }),
            name,
            ..ResourceAttributes::default()
        }
    }
}

pub async fn may(
    scene: &Scene,
    account: (&str, &str),
    question: &Question<'_>,
) -> Result<bool, Failed> {
    let (namespace, name) = account;
    let groups = [
        "system:serviceaccounts",
        &format!("system:serviceaccounts:{namespace}"),
        "system:authenticated",
    ];
    let review = SubjectAccessReview {
        spec: SubjectAccessReviewSpec {
            user: Some(format!("system:serviceaccount:{namespace}:{name}")),
            groups: Some(groups.map(str::to_owned).to_vec()),
            resource_attributes: Some(question.attributes(&scene.namespace)),
            ..SubjectAccessReviewSpec::default()
        },
        ..SubjectAccessReview::default()
    };
    let api: Api<SubjectAccessReview> = Api::all(scene.client.clone());
    let answer = api.create(&PostParams::default(), &review).await?;
    Ok(answer.status.is_some_and(|status| status.allowed))
}

pub async fn answers(
    scene: &Scene,
    account: (&str, &str),
    allowed: bool,
    questions: &[&str],
) -> Outcome {
    let mut wrong = Vec::new();
    for question in questions {
        if may(scene, account, &Question(question)).await? != allowed {
            wrong.push(*question);
        }
    }
    ensure!(wrong.is_empty(), "{account:?}: not {allowed}: {wrong:#?}");
    Ok(())
}
