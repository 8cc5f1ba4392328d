//! Netgroups: addresses that may mount a share over NFSv3.

use std::net::IpAddr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::State;
use crate::{ids, refusal::Refusal};

const NOT_FOUND: Refusal = Refusal::NotThere("Netgroup not found");

/// One netgroup, as it is stored and shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Netgroup {
    pub(crate) id: String,
    pub(crate) name: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    members: Vec<Member>,
    created_at: Timestamp,
    updated_at: Timestamp,
}

/// One member of a netgroup. There may be several that say the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Member {
    id: String,
    #[serde(rename = "type")]
    kind: String,
    value: String,
}

/// What a request to make a netgroup says.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct NewNetgroup {
    name: String,
}

/// What a request to add a member says.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct NewMember {
    #[serde(rename = "type")]
    kind: String,
    value: String,
}

/// All netgroups, oldest first.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Netgroups(Vec<Netgroup>);

impl Netgroups {
    /// All netgroups.
    pub(crate) fn all(&self) -> &[Netgroup] {
        &self.0
    }

    /// A netgroup by its name or its id.
    pub(crate) fn get(&self, token: &str) -> Result<&Netgroup, Refusal> {
        let by_name = self.named(token);
        by_name
            .or_else(|| self.0.iter().find(|group| group.id == token))
            .ok_or(NOT_FOUND)
    }

    /// A netgroup by its name.
    pub(crate) fn named(&self, name: &str) -> Option<&Netgroup> {
        self.0.iter().find(|group| group.name == name)
    }

    fn named_mut(&mut self, name: &str) -> Result<&mut Netgroup, Refusal> {
        let found = self.0.iter_mut().find(|group| group.name == name);
        found.ok_or(NOT_FOUND)
    }

    /// Makes a netgroup without members.
    pub(crate) fn create(&mut self, new: NewNetgroup, now: Timestamp) -> Result<Netgroup, Refusal> {
        if new.name.is_empty() {
            return Err(Refusal::unfit("Netgroup name is required"));
        }
        if self.named(&new.name).is_some() {
            return Err(Refusal::Taken("Netgroup already exists"));
        }
        let group = Netgroup {
            id: ids::fresh(),
            name: new.name,
            members: Vec::new(),
            created_at: now,
            updated_at: now,
        };
        self.0.push(group.clone());
        Ok(group)
    }

    /// Adds a member to a netgroup that is named, though it may be there already.
    pub(crate) fn add(&mut self, group: &str, new: NewMember) -> Result<Member, Refusal> {
        check(&new)?;
        let group = self.named_mut(group)?;
        let member = Member {
            id: ids::fresh(),
            kind: new.kind,
            value: new.value,
        };
        group.members.push(member.clone());
        Ok(member)
    }

    /// Takes a member away, which need not be there.
    pub(crate) fn take(&mut self, group: &str, member: &str) -> Result<(), Refusal> {
        let group = self.named_mut(group)?;
        group.members.retain(|kept| kept.id != member);
        Ok(())
    }
}

impl State {
    /// Forgets a netgroup that no share names.
    pub(crate) fn delete_netgroup(&mut self, token: &str) -> Result<(), Refusal> {
        let id = self.netgroups.get(token)?.id.clone();
        let names = |share: &super::shares::Share| share.nfs.netgroup_id.as_ref() == Some(&id);
        if self.shares.iter().any(names) {
            return Err(Refusal::Taken(
                "Netgroup is referenced by one or more shares",
            ));
        }
        self.netgroups.0.retain(|group| group.id != id);
        Ok(())
    }
}

fn check(new: &NewMember) -> Result<(), Refusal> {
    let value = new.value.as_str();
    if new.kind.is_empty() {
        return Err(Refusal::unfit("Member type is required"));
    }
    if value.is_empty() {
        return Err(Refusal::unfit("Member value is required"));
    }
    let wrong = match new.kind.as_str() {
        "ip" => {
            let is_address = value.parse::<IpAddr>().is_ok();
            (!is_address).then(|| format!("invalid IP address: {value}"))
        }
        "cidr" => (!is_network(value))
            .then(|| format!("invalid CIDR: {value}: invalid CIDR address: {value}")),
        "hostname" => match value.strip_prefix("*.") {
            Some("") => Some(format!("wildcard hostname must have a domain: {value}")),
            None if value.contains([' ', '\t', '\n', '\r']) => {
                Some(format!("hostname must not contain whitespace: {value}"))
            }
            _ => None,
        },
        _ => Some("Invalid member type. Must be one of: ip, cidr, hostname".to_owned()),
    };
    wrong.map_or(Ok(()), |words| Err(Refusal::Unfit(words)))
}

fn is_network(text: &str) -> bool {
    let parsed = || {
        let (address, length) = text.split_once('/')?;
        let longest = match address.parse().ok()? {
            IpAddr::V4(_) => 32,
            IpAddr::V6(_) => 128,
        };
        let digits = length.bytes().all(|byte| byte.is_ascii_digit());
        Some(digits && length.parse::<u8>().ok()? <= longest)
    };
    parsed().unwrap_or_default()
}
