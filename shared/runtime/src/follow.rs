//! Follows the objects of one kind: lists them, and then watches them.
//!
//! # Guarantees
//! * Every request has a deadline, and every watch a short life that the API server ends itself. One that does not end
//!   when it is due shows a dead connection, whatever lies between: bookmarks do not, because the API server sends none
//!   while nothing changes.
//! * What breaks off is not resumed: it may be another API server that answers next, or one whose data were restored. The
//!   objects are listed anew.
//! * A list is read object by object, so that a page of large objects takes no more memory than one of them.

mod failure;
mod items;

use futures::{AsyncBufRead, AsyncBufReadExt as _, TryStreamExt as _};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ListMeta;
use kube::api::{ListParams, WatchEvent, WatchParams};
use kube::core::Request;
use kube::{Client, Resource};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::convert::Infallible;
use std::pin::{Pin, pin};
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use crate::backoff::{Backoff, MAX_DELAY};
pub use failure::Failure;
use items::Items;

/// How long things may take.
#[derive(Clone, Copy)]
struct Deadlines {
    /// Until a watch begins.
    start: Duration,
    /// Until a page of a list has arrived.
    page: Duration,
    /// How much later than due a watch may end.
    late: Duration,
    /// How much earlier than due a watch may end.
    early: Duration,
}

const DEADLINES: Deadlines = Deadlines {
    start: Duration::from_secs(10),
    page: Duration::from_secs(30),
    late: Duration::from_secs(10),
    early: Duration::from_secs(1),
};

/// A watch that has lasted this long has worked. What ends it, such as a proxy that cuts quiet connections, is no failure
/// in a row.
const WORKED: Duration = Duration::from_secs(5);
/// First delay after a failure.
const FIRST_DELAY: Duration = Duration::from_secs(1);

/// What is followed.
#[derive(Clone)]
pub struct Target {
    /// Client of the API server.
    pub client: Client,
    /// Path of the kind, such as `/api/v1/pods`.
    pub path: String,
    /// Selects by labels, if it is not empty.
    pub labels: String,
    /// Selects by fields, if it is not empty.
    pub fields: String,
    /// How many objects the answer to a list has.
    pub page: u32,
    /// How long one watch lasts. Whole seconds.
    pub watch: Duration,
    /// How long to wait, at least, while the right is missing.
    pub forbidden: Duration,
}

/// What happens.
#[derive(Debug)]
pub enum Event<K> {
    /// A list begins.
    Listing,
    /// An object of the list.
    Listed(K),
    /// The list is complete: what it does not have is not there.
    Complete,
    /// An object is new or has changed.
    Applied(K),
    /// An object is gone, or is not selected any more.
    Deleted(K),
    /// The API server has answered.
    Alive,
    /// It is tried again after a delay.
    Failed(Failure),
}

/// The part of a list that is not an object of it.
#[derive(Default, Deserialize)]
struct Envelope {
    #[serde(default)]
    metadata: ListMeta,
}

/// Follows until it is dropped.
pub async fn follow<K>(target: &Target, tell: impl FnMut(Event<K>)) -> Infallible
where
    K: Resource + Clone + DeserializeOwned,
{
    let deadlines = DEADLINES;
    Follower { target, deadlines }.follow(tell).await
}

struct Follower<'a> {
    target: &'a Target,
    deadlines: Deadlines,
}

impl Follower<'_> {
    async fn follow<K>(&self, mut tell: impl FnMut(Event<K>)) -> Infallible
    where
        K: Resource + Clone + DeserializeOwned,
    {
        let mut delays = Backoff::new(FIRST_DELAY);
        loop {
            let failure = match self.list(&mut tell).await {
                Ok(mut version) => loop {
                    let began = Instant::now();
                    let ended = self.watch(&mut version, &mut tell).await;
                    if ended.is_ok() || began.elapsed() >= WORKED {
                        delays = Backoff::new(FIRST_DELAY);
                    }
                    if let Err(failure) = ended {
                        break failure;
                    }
                },
                Err(failure) => failure,
            };
            let mut delay = delays.next().unwrap_or(MAX_DELAY);
            if failure.is_forbidden() {
                delay = delay.max(self.target.forbidden);
            }
            if failure.is_expired() {
                tell(Event::Alive);
            } else {
                tell(Event::Failed(failure));
            }
            sleep(delay).await;
        }
    }

    /// Returns the version of the list.
    async fn list<K: DeserializeOwned>(
        &self,
        tell: &mut impl FnMut(Event<K>),
    ) -> Result<String, Failure> {
        tell(Event::Listing);
        let mut next = None;
        loop {
            let page = timeout(self.deadlines.page, self.page(next, tell)).await;
            let page = page.map_err(|_| Failure::Late(self.deadlines.page))??;
            tell(Event::Alive);
            next = page.continue_.filter(|token| !token.is_empty());
            if next.is_none() {
                tell(Event::Complete);
                return Ok(page.resource_version.unwrap_or_default());
            }
        }
    }

    async fn page<K: DeserializeOwned>(
        &self,
        next: Option<String>,
        tell: &mut impl FnMut(Event<K>),
    ) -> Result<ListMeta, Failure> {
        let parameters = ListParams {
            label_selector: selector(&self.target.labels),
            field_selector: selector(&self.target.fields),
            limit: Some(self.target.page),
            continue_token: next,
            ..ListParams::default()
        };
        let request = Request::new(&self.target.path).list(&parameters);
        let request = request.map_err(Failure::Unusable)?;
        let answer = self.target.client.request_stream(request).await?;
        read(pin!(answer), tell).await
    }

    /// Ends when the watch was due to end.
    async fn watch<K>(
        &self,
        version: &mut String,
        tell: &mut impl FnMut(Event<K>),
    ) -> Result<(), Failure>
    where
        K: Resource + Clone + DeserializeOwned,
    {
        let parameters = WatchParams {
            label_selector: selector(&self.target.labels),
            field_selector: selector(&self.target.fields),
            timeout: u32::try_from(self.target.watch.as_secs()).ok(),
            ..WatchParams::default()
        };
        let request = Request::new(&self.target.path).watch(&parameters, version);
        let request = request.map_err(Failure::Unusable)?;
        let Deadlines {
            start, late, early, ..
        } = self.deadlines;
        let due = Instant::now() + self.target.watch;
        let events = timeout(start, self.target.client.request_events(request)).await;
        let mut events = pin!(events.map_err(|_| Failure::Late(start))??);
        tell(Event::Alive);
        loop {
            let event = timeout_at(due + late, events.try_next()).await;
            let Some(event) = event.map_err(|_| Failure::Silent(late))?? else {
                break;
            };
            if let Some(seen) = version_of(&event) {
                *version = seen;
            }
            tell(told(event)?);
        }
        if Instant::now() + early < due {
            return Err(Failure::Interrupted);
        }
        Ok(())
    }
}

/// Where the next watch goes on.
fn version_of<K: Resource>(event: &WatchEvent<K>) -> Option<String> {
    match event {
        WatchEvent::Added(object) | WatchEvent::Modified(object) | WatchEvent::Deleted(object) => {
            object.meta().resource_version.clone()
        }
        WatchEvent::Bookmark(mark) => Some(mark.metadata.resource_version.clone()),
        WatchEvent::Error(_) => None,
    }
}

fn told<K>(event: WatchEvent<K>) -> Result<Event<K>, Failure> {
    Ok(match event {
        WatchEvent::Added(object) | WatchEvent::Modified(object) => Event::Applied(object),
        WatchEvent::Deleted(object) => Event::Deleted(object),
        WatchEvent::Bookmark(_) => Event::Alive,
        WatchEvent::Error(status) => return Err(Failure::Ended(status)),
    })
}

fn selector(text: &str) -> Option<String> {
    Some(text.to_owned()).filter(|text| !text.is_empty())
}

/// Reads a page, object by object. Returns its metadata.
async fn read<K: DeserializeOwned>(
    mut answer: Pin<&mut impl AsyncBufRead>,
    tell: &mut impl FnMut(Event<K>),
) -> Result<ListMeta, Failure> {
    let mut items = Items::default();
    loop {
        let bytes = answer.fill_buf().await.map_err(Failure::Broken)?;
        if bytes.is_empty() {
            break;
        }
        let length = bytes.len();
        items.feed(bytes, |item| {
            let object = serde_json::from_slice(item).map_err(Failure::Unreadable)?;
            tell(Event::Listed(object));
            Ok::<_, Failure>(())
        })?;
        answer.as_mut().consume(length);
    }
    let envelope = serde_json::from_slice::<Envelope>(items.envelope());
    Ok(envelope.map_err(Failure::Unreadable)?.metadata)
}

#[cfg(test)]
mod tests;
