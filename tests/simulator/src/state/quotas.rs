//! Quotas of users and groups on a share. They name the share and do not need it: they outlive it,
//! and bind its successor.

use serde::{Deserialize, Serialize};

use super::size;
use crate::refusal::Refusal;

const NOT_FOUND: Refusal = Refusal::NotThere("Quota not found");

/// Whom a quota binds.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Target {
    share_name: String,
    scope: String,
    /// All users have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    identity_id: Option<u32>,
}

/// One quota as it is stored; 0 is none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Quota {
    #[serde(flatten)]
    target: Target,
    limit_bytes: i64,
    soft_bytes: i64,
    limit_files: i64,
    soft_files: i64,
    grace_seconds: i64,
}

/// One quota as the API shows it.
#[derive(Debug, Serialize)]
pub(crate) struct QuotaView {
    #[serde(flatten)]
    target: Target,
    #[serde(skip_serializing_if = "Option::is_none")]
    limit_bytes: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    soft_bytes: Option<String>,
    limit_files: i64,
    soft_files: i64,
    grace_seconds: i64,
    used_bytes: u64,
    used_files: u64,
}

/// What a request to set a quota says. It replaces all of it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct NewQuota {
    limit_bytes: String,
    soft_bytes: String,
    limit_files: i64,
    soft_files: i64,
    grace_seconds: i64,
}

/// All quotas.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Quotas(Vec<Quota>);

impl Target {
    /// Whom the path means. All users need a number there, which says nothing: the server has a path
    /// without one, and refuses it.
    pub(crate) fn parse(share: &str, scope: &str, id: &str) -> Result<Self, Refusal> {
        if share == "/" {
            return Err(Refusal::unfit("Share name is required"));
        }
        let identity_id = match scope {
            "default-user" => None,
            "user" | "group" => {
                let number = id.bytes().all(|byte| byte.is_ascii_digit());
                let parsed = id.parse().ok().filter(|_| number);
                Some(parsed.ok_or_else(|| Refusal::unfit(format!("Invalid identity id: {id}")))?)
            }
            _ => {
                return Err(Refusal::unfit(format!(
                    "Invalid scope: {scope} (want user|group|default-user)"
                )));
            }
        };
        Ok(Self {
            share_name: share.to_owned(),
            scope: scope.to_owned(),
            identity_id,
        })
    }
}

impl Quota {
    fn of(target: Target, asked: &NewQuota) -> Result<Self, Refusal> {
        let limit_bytes = bytes("limit_bytes", &asked.limit_bytes)?;
        let soft_bytes = bytes("soft_bytes", &asked.soft_bytes)?;
        let numbers = [asked.limit_files, asked.soft_files, asked.grace_seconds];
        if numbers.iter().any(|number| *number < 0) {
            return Err(Refusal::unfit(
                "limit_files, soft_files and grace_seconds must be >= 0",
            ));
        }
        let above = |soft: i64, limit: i64| limit > 0 && soft > limit;
        if above(soft_bytes, limit_bytes) {
            return Err(Refusal::unfit("soft_bytes must not exceed limit_bytes"));
        }
        if above(asked.soft_files, asked.limit_files) {
            return Err(Refusal::unfit("soft_files must not exceed limit_files"));
        }
        Ok(Self {
            target,
            limit_bytes,
            soft_bytes,
            limit_files: asked.limit_files,
            soft_files: asked.soft_files,
            grace_seconds: asked.grace_seconds,
        })
    }

    fn view(&self) -> QuotaView {
        QuotaView {
            target: self.target.clone(),
            limit_bytes: size::shown(self.limit_bytes),
            soft_bytes: size::shown(self.soft_bytes),
            limit_files: self.limit_files,
            soft_files: self.soft_files,
            grace_seconds: self.grace_seconds,
            used_bytes: 0,
            used_files: 0,
        }
    }
}

fn bytes(name: &str, text: &str) -> Result<i64, Refusal> {
    if text.is_empty() {
        return Ok(0);
    }
    match size::parse(text) {
        Ok(size) if size < 0 => Err(Refusal::unfit(format!("{name} too large"))),
        Ok(size) => Ok(size),
        Err(why) => Err(Refusal::unfit(format!("Invalid {name}: {why}"))),
    }
}

impl Quotas {
    /// All quotas on a share of that name, in the order of whom they bind.
    pub(crate) fn of(&self, share: &str) -> Vec<QuotaView> {
        let on_it = self
            .0
            .iter()
            .filter(|quota| quota.target.share_name == share);
        let mut quotas: Vec<&Quota> = on_it.collect();
        quotas.sort_by(|one, other| one.target.cmp(&other.target));
        quotas.into_iter().map(Quota::view).collect()
    }

    /// One quota.
    pub(crate) fn get(&self, target: &Target) -> Result<QuotaView, Refusal> {
        let found = self.0.iter().find(|quota| quota.target == *target);
        found.map(Quota::view).ok_or(NOT_FOUND)
    }

    /// Sets a quota, whether or not there is such a share.
    pub(crate) fn set(&mut self, target: Target, asked: &NewQuota) -> Result<QuotaView, Refusal> {
        let quota = Quota::of(target, asked)?;
        let view = quota.view();
        match self.0.iter_mut().find(|kept| kept.target == quota.target) {
            Some(kept) => *kept = quota,
            None => self.0.push(quota),
        }
        Ok(view)
    }

    /// Lifts a quota.
    pub(crate) fn remove(&mut self, target: &Target) -> Result<(), Refusal> {
        self.get(target)?;
        self.0.retain(|quota| quota.target != *target);
        Ok(())
    }
}
