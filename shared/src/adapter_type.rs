//! The types of adapters that DittoFS has. One row each: a new type is a new row.
#![cfg_attr(
    not(test),
    expect(
        clippy::indexing_slicing,
        reason = "the compiler evaluates what is indexed here"
    )
)]

mod discovery;
mod mount;

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

use crate::labels;
pub use discovery::{DiscoveryPort, PortOfDiscovery};

/// Most characters that Kubernetes allows in the name of a port.
pub const MAX_PORT_NAME: usize = 15;

/// What is known of a type.
struct Row {
    name: &'static str,
    client_port: u16,
    mount_commands: fn(host: &str, port: i32) -> Vec<String>,
}

/// Makes the type, the list of all and the lookup of one row, so that a type cannot be in one of them alone.
macro_rules! adapter_types {
    ($($(#[$doc:meta])* $variant:ident { $($field:ident: $value:expr),* $(,)? })*) => {
        /// A type of adapter. Nothing else is ever exposed, whatever the published state says.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(into = "&'static str", try_from = "String")]
        pub enum AdapterType {
            $($(#[$doc])* $variant,)*
        }

        impl AdapterType {
            /// All types, in the order of their names.
            pub const ALL: [Self; [$(stringify!($variant)),*].len()] = [$(Self::$variant),*];

            const fn row(self) -> Row {
                match self {
                    $(Self::$variant => Row { $($field: $value),* },)*
                }
            }
        }
    };
}

adapter_types! {
    /// NFS, versions 3 and 4.
    Nfs { name: "nfs", client_port: 2049, mount_commands: mount::nfs }
    /// SMB, versions 2 and 3.
    Smb { name: "smb", client_port: 445, mount_commands: mount::smb }
}

impl AdapterType {
    /// The names of all types, in the order of [`AdapterType::ALL`].
    pub const NAMES: [&'static str; Self::ALL.len()] = {
        let mut names = [""; Self::ALL.len()];
        let mut at = 0;
        while at < names.len() {
            names[at] = Self::ALL[at].name();
            at += 1;
        }
        names
    };

    /// A name that no other exceeds in length: what fits with it fits with every type.
    pub const LONGEST_NAME: &'static str = {
        let mut longest = "";
        let mut at = 0;
        while at < Self::NAMES.len() {
            if Self::NAMES[at].len() > longest.len() {
                longest = Self::NAMES[at];
            }
            at += 1;
        }
        longest
    };

    /// The name that DittoFS, the `DittoServer` and every object of the instance use.
    pub const fn name(self) -> &'static str {
        self.row().name
    }

    /// The port that clients use when none is given.
    pub const fn client_port(self) -> u16 {
        self.row().client_port
    }

    /// Commands with which a client mounts a share of an adapter behind this address. `{share}` and `{user}` are
    /// left to the reader.
    pub fn mount_commands(self, host: &str, port: i32) -> Vec<String> {
        (self.row().mount_commands)(host, port)
    }
}

impl fmt::Display for AdapterType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl From<AdapterType> for &'static str {
    fn from(r#type: AdapterType) -> Self {
        r#type.name()
    }
}

/// A text that names no type of adapter.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown adapter type {0:?}: must be one of {types}", types = AdapterType::NAMES.join(", "))]
pub struct UnknownAdapterType(String);

impl FromStr for AdapterType {
    type Err = UnknownAdapterType;

    fn from_str(name: &str) -> Result<Self, UnknownAdapterType> {
        let mut all = Self::ALL.into_iter();
        all.find(|known| known.name() == name)
            .ok_or_else(|| UnknownAdapterType(name.to_owned()))
    }
}

impl TryFrom<String> for AdapterType {
    type Error = UnknownAdapterType;

    fn try_from(name: String) -> Result<Self, UnknownAdapterType> {
        name.parse()
    }
}

const fn longest_suffix() -> usize {
    let mut longest = 0;
    let mut at = 0;
    while at < DiscoveryPort::ALL.len() {
        let ports = DiscoveryPort::ALL[at].ports();
        let mut port = 0;
        while port < ports.len() {
            if ports[port].suffix.len() > longest {
                longest = ports[port].suffix.len();
            }
            port += 1;
        }
        at += 1;
    }
    longest
}

/// Whether this is a DNS label, with a `-` in it if that is allowed. The adapter of a port is what precedes
/// the first `-` of its name.
const fn is_label(name: &str, hyphens: bool) -> bool {
    let name = name.as_bytes();
    let mut at = 0;
    while at < name.len() {
        let inside = at > 0 && at + 1 < name.len();
        match name[at] {
            b'a'..=b'z' => {}
            b'0'..=b'9' if at > 0 => {}
            b'-' if hyphens && inside => {}
            _ => return false,
        }
        at += 1;
    }
    !name.is_empty()
}

const _: () = {
    let mut at = 0;
    while at < AdapterType::NAMES.len() {
        assert!(
            is_label(AdapterType::NAMES[at], false),
            "the name of a type must be lower case letters and digits, beginning with a letter"
        );
        at += 1;
    }
    assert!(
        AdapterType::LONGEST_NAME.len() + 1 + longest_suffix() <= MAX_PORT_NAME,
        "a port named after a type and a discovery port has more than 15 characters"
    );
    assert!(
        AdapterType::LONGEST_NAME.len() <= labels::ALL_ADAPTERS.len(),
        "the rule for nameTemplate takes the name for all adapters for the longest"
    );
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_read_back() {
        for r#type in AdapterType::ALL {
            let text = serde_json::to_string(&r#type).unwrap();
            assert_eq!(text, format!("{:?}", r#type.name()));
            assert_eq!(serde_json::from_str::<AdapterType>(&text).unwrap(), r#type);
            assert_eq!(r#type.to_string().parse(), Ok(r#type));
            assert_ne!(r#type.name(), labels::ALL_ADAPTERS);
        }
        assert!(AdapterType::ALL.is_sorted_by_key(|r#type| r#type.name()));
    }

    #[test]
    fn other_names_are_refused_with_those_that_there_are() {
        for name in ["", "NFS", "nfs ", "webdav", labels::ALL_ADAPTERS] {
            let error = name.parse::<AdapterType>().unwrap_err().to_string();
            assert!(error.contains("nfs, smb"), "{error}");
        }
    }

    #[test]
    fn names_of_discovery_ports_differ() {
        let all = DiscoveryPort::ALL
            .into_iter()
            .flat_map(DiscoveryPort::ports);
        let mut suffixes: Vec<_> = all.map(|port| port.suffix).collect();
        assert!(suffixes.iter().all(|suffix| is_label(suffix, true)));
        suffixes.sort_unstable();
        suffixes.dedup();
        assert_eq!(suffixes.len(), 5);
    }
}
