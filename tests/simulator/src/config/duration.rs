//! Durations as the server writes them: `30s`, `1h30m`, `250ms`, or a whole number of nanoseconds.

use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

/// One duration of the configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ConfigDuration(pub(crate) Duration);

#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    Nanoseconds(u64),
    Text(String),
}

impl<'de> Deserialize<'de> for ConfigDuration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Written::deserialize(deserializer)? {
            Written::Nanoseconds(nanos) => Ok(Self(Duration::from_nanos(nanos))),
            Written::Text(text) => parse(&text).map(Self).ok_or_else(|| {
                D::Error::custom(format!(
                    "{text:?} is not a duration; write it like 30s, 15m or 1h30m"
                ))
            }),
        }
    }
}

impl Serialize for ConfigDuration {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&whole_seconds(self.0.as_secs()))
    }
}

/// Reads a duration made of numbers with units, or `None` if it is none.
pub(crate) fn parse(text: &str) -> Option<Duration> {
    if text == "0" {
        return Some(Duration::ZERO);
    }
    let mut rest = text.strip_prefix('+').unwrap_or(text);
    let mut total = 0.0_f64;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let number: f64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let end = rest
            .find(|c: char| c.is_ascii_digit() || c == '.')
            .unwrap_or(rest.len());
        total += number * seconds_in(&rest[..end])?;
        rest = &rest[end..];
    }
    // An empty text has no number at all, so it is no duration.
    (!matches!(text, "" | "+")).then_some(())?;
    Duration::try_from_secs_f64(total).ok()
}

fn seconds_in(unit: &str) -> Option<f64> {
    Some(match unit {
        "ns" => 1e-9,
        "us" | "µs" => 1e-6,
        "ms" => 1e-3,
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        _ => return None,
    })
}

/// Writes whole seconds as the server does: `42s`, `3m7s`, `1h0m0s`.
pub(crate) fn whole_seconds(seconds: u64) -> String {
    let (hours, minutes, rest) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    match (hours, minutes) {
        (0, 0) => format!("{rest}s"),
        (0, _) => format!("{minutes}m{rest}s"),
        _ => format!("{hours}h{minutes}m{rest}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read() {
        for (text, want) in [
            ("30s", Some(30_000)),
            ("15m", Some(900_000)),
            ("168h", Some(604_800_000)),
            ("1h30m", Some(5_400_000)),
            ("1.5s", Some(1_500)),
            ("250ms", Some(250)),
            ("0", Some(0)),
            ("", None),
            ("30", None),
            ("s", None),
            ("30 s", None),
            ("+5s", Some(5_000)),
            ("+", None),
            ("-5s", None),
            ("3 parsecs", None),
        ] {
            assert_eq!(parse(text), want.map(Duration::from_millis), "{text:?}");
        }
    }

    #[test]
    fn whole_seconds_are_written() {
        for (seconds, want) in [(0, "0s"), (59, "59s"), (187, "3m7s"), (3600, "1h0m0s")] {
            assert_eq!(whole_seconds(seconds), want);
        }
    }
}
