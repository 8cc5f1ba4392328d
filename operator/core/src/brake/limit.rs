//! `--max-restarts`.

use std::fmt::{self, Display, Formatter};
use std::str::FromStr;

/// How many servers may be out of service at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// This many.
    Count(usize),
    /// This percentage of all instances, rounded down, and at least one.
    Percent(usize),
}

impl Limit {
    /// The number for this many instances.
    pub fn of(self, instances: usize) -> usize {
        match self {
            Self::Count(count) => count,
            Self::Percent(percent) => (instances.saturating_mul(percent) / 100).max(1),
        }
    }
}

impl FromStr for Limit {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits = text.strip_suffix('%').unwrap_or(text);
        let is_percent = digits.len() < text.len();
        let all_digits = digits.bytes().all(|byte| byte.is_ascii_digit());
        let number: Option<usize> = digits.parse().ok().filter(|_| all_digits);
        match number {
            Some(percent @ 1..=100) if is_percent => Ok(Self::Percent(percent)),
            Some(count @ 1..) if !is_percent => Ok(Self::Count(count)),
            _ => Err("must be a number of at least 1, or a percentage from 1% to 100%".to_owned()),
        }
    }
}

impl Display for Limit {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count(count) => write!(formatter, "{count}"),
            Self::Percent(percent) => write!(formatter, "{percent}%"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_a_number_or_a_percentage_and_never_nothing() {
        for (text, expected) in [
            ("1", Some(Limit::Count(1))),
            ("250", Some(Limit::Count(250))),
            ("10%", Some(Limit::Percent(10))),
            ("100%", Some(Limit::Percent(100))),
            ("0", None),
            ("0%", None),
            ("101%", None),
            ("+1", None),
            ("-1", None),
            ("", None),
            ("%", None),
            ("ten", None),
            ("1.5%", None),
        ] {
            assert_eq!(text.parse().ok(), expected, "{text}");
            if let Some(limit) = expected {
                assert_eq!(limit.to_string(), text);
            }
        }
    }

    #[test]
    fn a_percentage_is_rounded_down_to_one_at_least() {
        for (instances, expected) in [(0, 1), (1, 1), (19, 1), (20, 2), (29, 2), (1000, 100)] {
            assert_eq!(Limit::Percent(10).of(instances), expected, "{instances}");
        }
        assert_eq!(Limit::Count(3).of(1), 3);
    }
}
