//! When snapshots of a share are made by themselves, and which are kept. Nothing is made here.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{State, duration, go::quoted};
use crate::refusal::Refusal;

const NOT_FOUND: Refusal = Refusal::NotThere("snapshot policy not found");
const HOUR: i64 = 3600 * 1_000_000_000;
const LONGEST_PREFIX: usize = 64;

/// One policy, as it is stored and shown; times as they are shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Policy {
    share: String,
    enabled: bool,
    interval: String,
    keep_last: i64,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    ttl: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    name_prefix: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    last_run_at: Option<Timestamp>,
    created_at: Timestamp,
    updated_at: Timestamp,
}

/// What a request to set a policy says. It replaces all of it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct NewPolicy {
    interval: String,
    keep_last: i64,
    ttl: String,
    enabled: Option<bool>,
    name_prefix: String,
}

/// All policies.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Policies(Vec<Policy>);

impl Policies {
    /// All policies, in the order of their shares.
    pub(crate) fn all(&self) -> Vec<&Policy> {
        let mut all: Vec<&Policy> = self.0.iter().collect();
        all.sort_by(|one, other| one.share.cmp(&other.share));
        all
    }

    /// The policy of a share.
    pub(crate) fn get(&self, share: &str) -> Result<&Policy, Refusal> {
        let found = self.0.iter().find(|policy| policy.share == share);
        found.ok_or(NOT_FOUND)
    }

    /// Forgets the policy of a share.
    pub(crate) fn remove(&mut self, share: &str) -> Result<(), Refusal> {
        self.get(share)?;
        self.0.retain(|policy| policy.share != share);
        Ok(())
    }
}

impl State {
    /// Sets the policy of a share that there is.
    pub(crate) fn set_policy(
        &mut self,
        share: &str,
        asked: NewPolicy,
        now: Timestamp,
    ) -> Result<Policy, Refusal> {
        let interval = interval(&asked.interval)
            .map_err(|why| Refusal::unfit(format!("invalid interval: schedule: {why}")))?;
        let ttl = age(&asked.ttl).map_err(|why| Refusal::unfit(format!("invalid ttl: {why}")))?;
        if asked.keep_last < 0 {
            return Err(Refusal::unfit("keep_last must be >= 0"));
        }
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
        let prefix = &asked.name_prefix;
        if prefix.len() > LONGEST_PREFIX || !prefix.chars().all(allowed) {
            return Err(Refusal::unfit(
                "invalid name_prefix: must match ^[A-Za-z0-9_-]{0,64}$",
            ));
        }
        self.shares
            .get(share)
            .map_err(|_| Refusal::NotThere("share not found"))?;
        let old = self.policies.get(share).ok();
        let policy = Policy {
            share: share.to_owned(),
            enabled: asked.enabled.unwrap_or(true),
            interval: duration::shown(interval),
            keep_last: asked.keep_last,
            ttl: if ttl > 0 {
                duration::shown(ttl)
            } else {
                String::new()
            },
            name_prefix: asked.name_prefix,
            last_run_at: old.and_then(|old| old.last_run_at),
            created_at: old.map_or(now, |old| old.created_at),
            updated_at: now,
        };
        self.policies.0.retain(|kept| kept.share != share);
        self.policies.0.push(policy.clone());
        Ok(policy)
    }
}

impl State {
    /// Runs the policy of a share: all that is left of it is the time.
    pub(crate) fn run_policy(&mut self, share: &str, now: Timestamp) -> Result<(), Refusal> {
        self.policies.get(share)?;
        if !self.shares.is_loaded(share) {
            return Err(Refusal::NotThere("share not found"));
        }
        let local = &self.shares.get(share)?.local_block_store_id;
        let local = self.block_stores.by_id(local);
        if local.is_none_or(|local| local.engine != "fs") {
            return Err(Refusal::unfit("snapshots require an fs-backed local store"));
        }
        for policy in &mut self.policies.0 {
            if policy.share == share {
                policy.last_run_at = Some(now);
                // It is written after the snapshot is begun.
                policy.updated_at = now + SignedDuration::from_micros(1);
            }
        }
        Ok(())
    }
}

fn interval(text: &str) -> Result<i64, String> {
    let trimmed = text.trim();
    match trimmed.to_lowercase().as_str() {
        "" => return Err("empty interval".to_owned()),
        "@hourly" => return Ok(HOUR),
        "@daily" => return Ok(24 * HOUR),
        "@weekly" => return Ok(7 * 24 * HOUR),
        _ => {}
    }
    let (name, written) = (quoted(trimmed), quoted(text));
    if trimmed.starts_with('@') {
        return Err(format!(
            "unknown shorthand {name} (want @hourly, @daily, @weekly)"
        ));
    }
    match duration::parse(trimmed) {
        Ok(nanos) if nanos > 0 => Ok(nanos),
        Ok(_) => Err(format!("interval must be positive, got {written}")),
        Err(why) => Err(format!("invalid interval {written}: {why}")),
    }
}

fn age(text: &str) -> Result<i64, String> {
    match text {
        "" | "0" => Ok(0),
        text => match duration::parse(text)? {
            nanos if nanos < 0 => Err("must be >= 0".to_owned()),
            nanos => Ok(nanos),
        },
    }
}
