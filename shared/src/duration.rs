//! Durations as Go spells them, such as `1h30m`.
//!
//! `kube` has such a type, too. Its parser panics where a number is too large, or negative behind the first unit, and would end the
//! operator with it.

use kube::core::Duration as OfKube;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::fmt::{self, Display, Formatter};
use std::str::FromStr;
use std::time;

/// The longest that Go can hold is shorter: 292 years.
const LONGEST: time::Duration = time::Duration::from_hours(24 * 366 * 292);

/// A duration, which may be below zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Duration(OfKube);

/// Why a text is no duration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DurationError {
    /// A number has no unit, or there is something else than a number in front of it.
    #[error("not a duration: give a number with a unit, such as 30s or 1h30m")]
    Form,
    /// The unit is none of Go's.
    #[error("unknown unit: use ns, us, ms, s, m or h")]
    Unit,
    /// A number is too large, or below zero behind the first unit.
    #[error("out of range: at most 292 years, with the sign in front only")]
    Range,
}

impl Duration {
    /// Whether it is below zero.
    pub fn is_negative(&self) -> bool {
        self.0.is_negative()
    }
}

/// Length of a unit, in seconds.
fn unit(name: &str) -> Result<f64, DurationError> {
    Ok(match name {
        "ns" => 1e-9,
        // The micro sign and the Greek letter.
        "us" | "\u{b5}s" | "\u{3bc}s" => 1e-6,
        "ms" => 1e-3,
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        _ => return Err(DurationError::Unit),
    })
}

impl FromStr for Duration {
    type Err = DurationError;

    fn from_str(text: &str) -> Result<Self, DurationError> {
        let unsigned = text.trim_start_matches('+').trim_start_matches('-');
        let (mut rest, mut total) = (unsigned, time::Duration::ZERO);
        while !rest.is_empty() && rest != "0" {
            let (number, after) = rest
                .find(char::is_alphabetic)
                .and_then(|at| rest.split_at_checked(at))
                .ok_or(DurationError::Form)?;
            let end = after.find(|character: char| !character.is_alphabetic());
            let (name, next) = end
                .and_then(|end| after.split_at_checked(end))
                .unwrap_or((after, ""));
            let number: f64 = number.parse().map_err(|_| DurationError::Form)?;
            let part = time::Duration::try_from_secs_f64(number * unit(name)?);
            let sum = part.ok().and_then(|part| total.checked_add(part));
            total = sum
                .filter(|sum| *sum <= LONGEST)
                .ok_or(DurationError::Range)?;
            rest = next;
        }
        // A text that `kube` writes, and reads without rounding.
        let exact = OfKube::from(total);
        if text.starts_with('-') {
            let negative = format!("-{exact}").parse();
            return negative.map(Self).map_err(|_| DurationError::Range);
        }
        Ok(Self(exact))
    }
}

impl TryFrom<String> for Duration {
    type Error = DurationError;

    fn try_from(text: String) -> Result<Self, DurationError> {
        text.parse()
    }
}

impl From<Duration> for String {
    fn from(duration: Duration) -> Self {
        duration.to_string()
    }
}

impl From<time::Duration> for Duration {
    fn from(duration: time::Duration) -> Self {
        Self(duration.into())
    }
}

/// How long it is, also below zero.
impl From<Duration> for time::Duration {
    fn from(duration: Duration) -> Self {
        duration.0.into()
    }
}

impl Display for Duration {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

impl JsonSchema for Duration {
    fn schema_name() -> Cow<'static, str> {
        OfKube::schema_name()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        OfKube::json_schema(generator)
    }

    fn inline_schema() -> bool {
        OfKube::inline_schema()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_read_as_go_reads_it() {
        let seconds = time::Duration::from_secs_f64;
        for (text, expected) in [
            ("0", 0.0),
            ("5s", 5.0),
            ("+5s", 5.0),
            ("500ms", 0.5),
            (".5s", 0.5),
            ("5.s", 5.0),
            ("1h30m", 5400.0),
            ("10.5s4m", 250.5),
            ("12\u{b5}s", 0.000_012),
            ("12\u{3bc}s", 0.000_012),
            ("250000h", 900_000_000.0),
        ] {
            let read: Duration = text.parse().unwrap();
            assert_eq!(time::Duration::from(read), seconds(expected), "{text}");
            assert!(!read.is_negative());
            let of_kube: OfKube = text.parse().unwrap();
            assert_eq!(read.0, of_kube, "{text}");
        }
        let negative: Duration = "-1m1s".parse().unwrap();
        assert!(negative.is_negative());
        assert_eq!(time::Duration::from(negative), seconds(61.0));
    }

    #[test]
    fn what_is_none_is_refused_without_a_panic() {
        for (text, expected) in [
            ("1", DurationError::Form),
            ("s", DurationError::Form),
            ("1h-", DurationError::Form),
            ("1 h", DurationError::Form),
            ("1x", DurationError::Unit),
            ("1d", DurationError::Unit),
            ("1h-2m", DurationError::Range),
            ("3000000h", DurationError::Range),
            ("100000000000000000000000000m", DurationError::Range),
            ("-100000000000000000000000000m", DurationError::Range),
        ] {
            assert_eq!(text.parse::<Duration>(), Err(expected), "{text}");
        }
        let many = format!("{}h", "9".repeat(400));
        assert_eq!(many.parse::<Duration>(), Err(DurationError::Range));
    }
}
