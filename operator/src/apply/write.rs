//! One object, written when it differs.

use dittofs_shared::labels;
use kube::api::{Patch, PatchParams};
use kube::{Api, Client, ResourceExt as _};
use std::sync::{Arc, Mutex};
use tokio::sync::OnceCell;

use super::Applied;
use super::content::{content, missing, to_value};
use super::occasion::Occasion;
use super::overruled::{self, Sent};
use super::request::{Put, Written, within_deadline};
use crate::cache::Cache;
use crate::kind::NamespacedKind;
use dittofs_operator_core::contest::Contests;
use dittofs_operator_core::instance::Instance;
use dittofs_operator_core::outcome::{ApplyError, Change, Failure};
use dittofs_operator_core::ownership::Ownership;

/// A version that no object reaches.
const NO_VERSION: i64 = i64::MAX;

/// Writes the objects of one instance.
pub(super) struct Writer<'a> {
    pub client: &'a Client,
    /// Whose objects are written.
    pub instance: &'a Instance,
    /// Sends also what seems to be as desired: not everything that others change shows in the cache.
    pub force: bool,
    /// What others change again and again.
    pub(super) contests: &'a Mutex<Contests>,
    /// See [`Writer::is_server_alive`].
    pub(super) alive: OnceCell<bool>,
}

impl<'a> Writer<'a> {
    /// Writes the objects of this instance.
    pub fn new(
        client: &'a Client,
        instance: &'a Instance,
        contests: &'a Mutex<Contests>,
        force: bool,
    ) -> Self {
        Self {
            client,
            instance,
            contests,
            force,
            alive: OnceCell::new(),
        }
    }
}

impl Writer<'_> {
    /// Applies an object, unless it is as desired already.
    pub async fn put<K>(&self, put: Put<'_, K>) -> Result<Option<Change>, Failure>
    where
        K: NamespacedKind,
    {
        let written = self.write(&put).await?;
        Ok(written.and_then(|written| written.change))
    }

    /// Applies the objects of a kind.
    pub async fn put_each<K>(&self, cache: &Cache<K>, desired: &[K]) -> Applied
    where
        K: NamespacedKind<DynamicType = ()>,
    {
        let mut applied = Applied::default();
        for desired in desired {
            applied.record(self.put(Put::new(cache, desired)).await);
        }
        applied
    }

    /// Applies an object. `None`: nothing was sent, because it is as desired already.
    pub(super) async fn write<K>(&self, put: &Put<'_, K>) -> Result<Option<Written<K>>, Failure>
    where
        K: NamespacedKind,
    {
        match Box::pin(self.send(put)).await? {
            Some(sent) => Box::pin(self.conclude(put, sent)).await.map(Some),
            None => Ok(None),
        }
    }

    /// The first half of [`Writer::write`]; `conclude` is the other.
    pub(super) async fn send<K>(&self, put: &Put<'_, K>) -> Result<Option<Sent<K>>, Failure>
    where
        K: NamespacedKind,
    {
        if !self.force && put.is_settled() {
            return Ok(None);
        }
        let seen = self.live(put)?;
        match Box::pin(self.send_onto(put, seen.clone())).await {
            Err(failure) if matches!(failure.error, ApplyError::Raced) => {
                let live = self.read_again(put, seen.as_deref(), failure).await?;
                Box::pin(self.send_onto(put, live)).await
            }
            result => result,
        }
    }

    /// The cache lags behind, or another writer was faster: whose the object is now decides, and whether what was decided
    /// when it was `seen` still holds.
    async fn read_again<K: NamespacedKind>(
        &self,
        put: &Put<'_, K>,
        seen: Option<&K>,
        failure: Failure,
    ) -> Result<Option<Arc<K>>, Failure> {
        let live = self.own(put, self.read(put).await?)?;
        if put.follows_live && !have_same_spec(seen, live.as_deref()) {
            return Err(failure);
        }
        Ok(live)
    }

    async fn send_onto<K>(
        &self,
        put: &Put<'_, K>,
        live: Option<Arc<K>>,
    ) -> Result<Option<Sent<K>>, Failure>
    where
        K: NamespacedKind,
    {
        let desired = put.desired;
        let before = live.as_ref().map(|live| missing(&**live, desired));
        let before = before.unwrap_or_default();
        let Some(occasion) = Occasion::of(put, live.as_deref(), &before, self.force) else {
            if let Some(live) = &live {
                put.settle(live);
            }
            return Ok(None);
        };
        if let Some(live) = &live
            && self.ownership_of(&**live) == Ownership::Adoptable
            && !self
                .is_server_alive()
                .await
                .map_err(|error| put.failure(error))?
        {
            return Ok(None);
        }
        if occasion == Occasion::Changed && !self.may_put_back(put, &before).await? {
            return Ok(None);
        }
        let mut body = desired.clone();
        body.annotations_mut()
            .insert(labels::APPLIED_HASH.to_owned(), put.hash().clone());
        if let Some(live) = &live {
            overruled::carry_over(&**live, &mut body);
            (put.adjust)(live, &mut body);
        }
        let now = self.apply(put, live.as_deref(), &body).await?;
        let is_repair = |live: &Arc<K>| content(&**live) != content(&now);
        if occasion == Occasion::Changed && live.as_ref().is_some_and(is_repair) {
            self.put_back(put);
        }
        Ok(Some(Sent {
            live,
            before,
            body,
            now,
            action: occasion.action(),
            reason: occasion.reason(put),
        }))
    }

    /// Applies to the object that was seen and to no other, or creates one where there is none. An apply alone would do
    /// whichever it finds: it would change what another client has created since.
    ///
    /// Both are preconditions of the API server. With a uid it changes this object and creates none. The resource
    /// version is compared only where there is an object, so that one that no object has lets it create and change
    /// nothing. What follows from the live object is applied to the version that was seen.
    pub(super) async fn apply<K: NamespacedKind>(
        &self,
        put: &Put<'_, K>,
        live: Option<&K>,
        body: &K,
    ) -> Result<K, Failure> {
        let mut sent = body.clone();
        let mut parameters = PatchParams::apply(labels::OPERATOR_MANAGER);
        if let Some(live) = live {
            sent.meta_mut().uid = live.uid();
            if put.follows_live {
                sent.meta_mut().resource_version = live.resource_version();
            }
            parameters = parameters.force();
        } else {
            sent.meta_mut().resource_version = Some(NO_VERSION.to_string());
        }
        let api = self.api(put.kind, &sent);
        let name = sent.name_any();
        let ticket = put.cache.ticket();
        let applied = within_deadline(api.patch(&name, &parameters, &Patch::Apply(&sent))).await;
        applied
            .inspect(|now| put.cache.learn(ticket, now))
            .map_err(|error| {
                let raced = error.is_replaced();
                Failure::of(
                    body,
                    put.kind,
                    if raced { ApplyError::Raced } else { error },
                )
            })
    }

    /// Applies onto what came of the first apply, or onto the same with what others have written beside the spec, such as the
    /// address of a load balancer.
    async fn apply_again<K: NamespacedKind>(
        &self,
        put: &Put<'_, K>,
        sent: &Sent<K>,
    ) -> Result<K, Failure> {
        match self.apply(put, Some(&sent.now), &sent.body).await {
            Err(failure) if put.follows_live && matches!(failure.error, ApplyError::Raced) => {
                let live = self.read_again(put, Some(&sent.now), failure).await?;
                // One that is gone is not created here.
                let onto = live.as_deref().unwrap_or(&sent.now);
                self.apply(put, Some(onto), &sent.body).await
            }
            result => result,
        }
    }

    pub(super) fn api<K: NamespacedKind>(&self, kind: &K::DynamicType, object: &K) -> Api<K> {
        Api::all_with(self.client.clone(), kind).constrain(&object.namespace().unwrap_or_default())
    }

    /// Remembers what came back different, if anything did, and reports whether the object has changed and why.
    pub(super) async fn conclude<K: NamespacedKind>(
        &self,
        put: &Put<'_, K>,
        mut sent: Sent<K>,
    ) -> Result<Written<K>, Failure> {
        let desired = put.desired;
        let mut after = missing(&sent.now, desired);
        for memory in overruled::MEMORIES {
            if overruled::is_remembered(&sent.now, &after) {
                break;
            }
            overruled::remember(&mut sent.body, memory.of(&after));
            (put.adjust)(&sent.now, &mut sent.body);
            sent.now = self.apply_again(put, &sent).await?;
            after = missing(&sent.now, desired);
        }
        if overruled::is_settled(&sent.now, &after) {
            put.settle(&sent.now);
        }
        let live = sent.live.as_deref();
        let has_changed = live.is_none_or(|live| content(live) != content(&sent.now));
        let change = has_changed.then(|| {
            let reason = overruled::reason(&sent, &after);
            let hash = live.and_then(|live| live.annotations().get(labels::APPLIED_HASH));
            let is_by_others = hash == Some(put.hash()) || !after.is_empty();
            Change::of(desired, put.kind, sent.action, reason).by_others(is_by_others)
        });
        Ok(Written {
            now: sent.now,
            change,
        })
    }
}

/// Whether the spec of an object is still what it was. One that has come or gone is none that was changed.
pub(super) fn have_same_spec<K: NamespacedKind>(before: Option<&K>, now: Option<&K>) -> bool {
    let (Some(before), Some(now)) = (before, now) else {
        return true;
    };
    to_value(before).get("spec") == to_value(now).get("spec")
}

#[cfg(test)]
mod tests;
