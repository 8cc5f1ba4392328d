//! Reads Events of objects that are in trouble. At rest none are read, and nobody watches them.

use jiff::Timestamp;
use k8s_openapi::api::events::v1::Event;
use kube::api::ListParams;
use kube::{Api, Client};

use crate::read::{ReadError, within_deadline};
use dittofs_operator_core::warnings::{self, Subject, Warning};

/// An object in trouble has few different Events: the same one again is counted up.
const MOST: u32 = 100;

/// The Warning Events of these objects. What cannot be read is left out: the message then says where to look.
pub async fn warnings(client: &Client, namespace: &str, subjects: &[Subject]) -> Vec<Warning> {
    let api: Api<Event> = Api::namespaced(client.clone(), namespace);
    let reads = subjects
        .iter()
        .map(|subject| list(&api, namespace, subject));
    let now = Timestamp::now();
    let mut found = Vec::new();
    for result in futures::future::join_all(reads).await {
        match result {
            Ok(events) => found.extend(events.iter().filter_map(|event| Warning::of(event, now))),
            Err(error) => {
                tracing::warn!(%error, "the status does not say why an object is in trouble");
            }
        }
    }
    found
}

async fn list(
    api: &Api<Event>,
    namespace: &str,
    subject: &Subject,
) -> Result<Vec<Event>, ReadError> {
    let selector = format!("regarding.uid={},type={}", subject.uid, warnings::TYPE);
    let parameters = ListParams::default().fields(&selector).limit(MOST);
    let what = || {
        format!(
            "the Events of {} {namespace}/{}",
            subject.kind, subject.name
        )
    };
    let events = within_deadline(what, api.list(&parameters)).await?;
    Ok(events.items)
}
