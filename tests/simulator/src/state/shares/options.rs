//! The options of a share, and how requests for a new share and for a change are judged.

use serde::{Deserialize, Serialize};

use super::{
    super::{duration, go, size},
    flags::{FlagPatch, Flags},
    operations::is_operation,
};
use crate::refusal::Refusal;

/// The options as they are stored: times in seconds, sizes in bytes, and 0 where there is none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Options {
    #[serde(flatten)]
    pub(super) flags: Flags,
    pub(super) default_permission: String,
    pub(super) blocked_operations: Vec<String>,
    pub(super) retention_policy: String,
    pub(super) retention_ttl: i64,
    pub(super) local_store_size: i64,
    pub(super) read_buffer_size: i64,
    pub(super) quota_bytes: i64,
    pub(super) trash_retention_days: i64,
    pub(super) trash_max_bytes: i64,
    pub(super) trash_exclude_patterns: Vec<String>,
}

/// What a request says of the options.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct OptionPatch {
    #[serde(flatten)]
    flags: FlagPatch,
    default_permission: Option<String>,
    blocked_operations: Option<Vec<String>>,
    retention_policy: Option<String>,
    retention_ttl: Option<String>,
    local_store_size: Option<String>,
    read_buffer_size: Option<String>,
    quota_bytes: Option<String>,
    trash_retention_days: Option<i64>,
    trash_max_bytes: Option<i64>,
    trash_exclude_patterns: Option<Vec<String>>,
}

impl OptionPatch {
    /// Whether it says anything of the bin.
    pub(super) fn is_of_bin(&self) -> bool {
        self.flags.is_of_bin()
            || self.trash_retention_days.is_some()
            || self.trash_max_bytes.is_some()
            || self.trash_exclude_patterns.is_some()
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            flags: Flags::default(),
            default_permission: "none".to_owned(),
            blocked_operations: Vec::new(),
            retention_policy: "lru".to_owned(),
            retention_ttl: 0,
            local_store_size: 0,
            read_buffer_size: 0,
            quota_bytes: 0,
            trash_retention_days: 0,
            trash_max_bytes: 0,
            trash_exclude_patterns: Vec::new(),
        }
    }
}

impl Options {
    /// The options of a new share, but for the patterns of its bin: they are judged after the owner.
    /// What is empty is not said.
    pub(super) fn of_new(asked: &OptionPatch) -> Result<Self, Refusal> {
        fn said(text: Option<&String>) -> Option<&String> {
            text.filter(|text| !text.is_empty())
        }
        let mut options = Self::default();
        options.permit(said(asked.default_permission.as_ref()))?;
        options.block(asked.blocked_operations.as_ref())?;
        let policy = asked.retention_policy.as_deref().unwrap_or_default();
        let ttl = said(asked.retention_ttl.as_ref()).map(String::as_str);
        options.retain(Some(policy), ttl)?;
        options.resize([
            said(asked.local_store_size.as_ref()),
            said(asked.read_buffer_size.as_ref()),
            said(asked.quota_bytes.as_ref()),
        ])?;
        options.flags.change(&asked.flags);
        options.limit_bin(asked)?;
        Ok(options)
    }

    /// Changes what is said. Only a permission and a quota can be empty.
    pub(super) fn change(&mut self, asked: &OptionPatch) -> Result<(), Refusal> {
        self.flags.change(&asked.flags);
        self.limit_bin(asked)?;
        self.exclude(asked)?;
        self.permit(asked.default_permission.as_ref())?;
        self.block(asked.blocked_operations.as_ref())?;
        self.retain(
            asked.retention_policy.as_deref(),
            asked.retention_ttl.as_deref(),
        )?;
        let nothing = "0".to_owned();
        let quota = asked.quota_bytes.as_ref();
        let quota = quota.map(|quota| if quota.is_empty() { &nothing } else { quota });
        self.resize([
            asked.local_store_size.as_ref(),
            asked.read_buffer_size.as_ref(),
            quota,
        ])
    }

    /// Whether deleted files go to a bin.
    pub(super) fn has_bin(&self) -> bool {
        self.flags.has_bin()
    }

    fn permit(&mut self, asked: Option<&String>) -> Result<(), Refusal> {
        let Some(permission) = asked else {
            return Ok(());
        };
        if !permission.is_empty() && !super::grants::is_level(permission) {
            return Err(Refusal::unfit(format!(
                "Invalid default_permission: {permission} (want none|read|read-write|admin)"
            )));
        }
        self.default_permission.clone_from(permission);
        Ok(())
    }

    fn block(&mut self, asked: Option<&Vec<String>>) -> Result<(), Refusal> {
        let Some(operations) = asked else {
            return Ok(());
        };
        if let Some(unknown) = operations.iter().find(|name| !is_operation(name)) {
            return Err(Refusal::unfit(format!(
                "Unknown blocked operation: {unknown}"
            )));
        }
        self.blocked_operations.clone_from(operations);
        Ok(())
    }

    fn retain(&mut self, policy: Option<&str>, ttl: Option<&str>) -> Result<(), Refusal> {
        if policy.is_none() && ttl.is_none() {
            return Ok(());
        }
        let policy = match policy {
            Some(text) => retention(text)?,
            None => self.retention_policy.clone(),
        };
        let nanos = match ttl {
            Some(text) => duration::parse(text)
                .map_err(|why| Refusal::unfit(format!("Invalid retention TTL duration: {why}")))?,
            None => self.retention_ttl.saturating_mul(1_000_000_000),
        };
        if policy == "ttl" && nanos <= 0 {
            return Err(Refusal::unfit(
                "retention policy \"ttl\" requires a positive TTL duration",
            ));
        }
        self.retention_policy = policy;
        self.retention_ttl = nanos / 1_000_000_000;
        Ok(())
    }

    fn resize(&mut self, asked: [Option<&String>; 3]) -> Result<(), Refusal> {
        let [local, buffer, quota] = asked;
        for (stored, name, asked) in [
            (&mut self.local_store_size, "local_store_size", local),
            (&mut self.read_buffer_size, "read_buffer_size", buffer),
            (&mut self.quota_bytes, "quota_bytes", quota),
        ] {
            if let Some(text) = asked {
                let parsed = size::parse(text);
                *stored = parsed.map_err(|why| Refusal::unfit(format!("Invalid {name}: {why}")))?;
            }
        }
        Ok(())
    }

    fn limit_bin(&mut self, asked: &OptionPatch) -> Result<(), Refusal> {
        for (stored, name, asked) in [
            (
                &mut self.trash_retention_days,
                "trash_retention_days",
                asked.trash_retention_days,
            ),
            (
                &mut self.trash_max_bytes,
                "trash_max_bytes",
                asked.trash_max_bytes,
            ),
        ] {
            match asked {
                Some(number) if number < 0 => {
                    return Err(Refusal::unfit(format!("{name} must be >= 0")));
                }
                asked => *stored = asked.unwrap_or(*stored),
            }
        }
        Ok(())
    }

    /// Takes the patterns of files that do not go to the bin.
    pub(super) fn exclude(&mut self, asked: &OptionPatch) -> Result<(), Refusal> {
        let Some(patterns) = &asked.trash_exclude_patterns else {
            return Ok(());
        };
        if let Some(bad) = patterns.iter().find(|pattern| !go::is_glob(pattern)) {
            return Err(Refusal::unfit(format!(
                "invalid exclude pattern {}: syntax error in pattern",
                go::quoted(bad)
            )));
        }
        self.trash_exclude_patterns.clone_from(patterns);
        Ok(())
    }
}

fn retention(text: &str) -> Result<String, Refusal> {
    let policy = text.trim();
    match policy.to_lowercase().as_str() {
        "" => Ok("lru".to_owned()),
        known @ ("pin" | "ttl" | "lru") => Ok(known.to_owned()),
        _ => Err(Refusal::unfit(format!(
            "invalid retention policy {}: must be one of pin, ttl, lru",
            go::quoted(policy)
        ))),
    }
}
