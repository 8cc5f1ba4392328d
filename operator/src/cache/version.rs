//! Resource versions.

use std::fmt;

/// A resource version. They are numbers that grow (KEP-5504), and take no memory of their own as long as they are.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Version {
    /// As etcd counts.
    Number(u64),
    /// Anything else.
    Text(Box<str>),
}

impl Version {
    /// Whether it is older than another one of the same object. Where one of them is no number, none is older.
    pub fn is_older(&self, other: &Self) -> bool {
        match (self.number(), other.number()) {
            (Some(one), Some(other)) => one < other,
            _ => false,
        }
    }

    fn number(&self) -> Option<u128> {
        match self {
            Self::Number(number) => Some(u128::from(*number)),
            Self::Text(text) => text.parse().ok(),
        }
    }
}

impl From<&str> for Version {
    fn from(text: &str) -> Self {
        let number = text.parse().ok().map(Self::Number);
        // `+7` and `007` are other versions than `7`.
        number
            .filter(|number| number.to_string() == text)
            .unwrap_or_else(|| Self::Text(text.into()))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(formatter, "{number}"),
            Self::Text(text) => formatter.write_str(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_comes_back_as_it_was() {
        for text in [
            "",
            "0",
            "7",
            "007",
            "+7",
            "7 gone",
            "18446744073709551615",
            "18446744073709551616",
        ] {
            assert_eq!(Version::from(text).to_string(), text);
        }
        assert_ne!(Version::from("7"), Version::from("007"));
    }

    #[test]
    fn only_a_smaller_number_is_older() {
        let is_older = |one: &str, other: &str| Version::from(one).is_older(&Version::from(other));
        assert!(is_older("9", "10"));
        assert!(is_older("9", "18446744073709551616"));
        for (one, other) in [("10", "9"), ("9", "9"), ("9", "10a"), ("", "9"), ("9", "")] {
            assert!(!is_older(one, other), "{one:?} {other:?}");
        }
    }
}
