//! Durations as Go reads and writes them: `1h30m` in, `1h30m0s` out.

use super::go::quoted;

const SECOND: f64 = 1e9;
/// The units that Go knows, in nanoseconds.
const UNITS: [(&str, f64); 8] = [
    ("ns", 1.0),
    ("us", 1e3),
    ("µs", 1e3),
    ("μs", 1e3),
    ("ms", 1e6),
    ("s", SECOND),
    ("m", 60.0 * SECOND),
    ("h", 3600.0 * SECOND),
];

/// Reads a duration, in nanoseconds.
pub(crate) fn parse(text: &str) -> Result<i64, String> {
    let invalid = || format!("time: invalid duration {}", quoted(text));
    let (sign, mut rest) = match text.split_at_checked(1) {
        Some(("-", rest)) => (-1.0, rest),
        Some(("+", rest)) => (1.0, rest),
        _ => (1.0, text),
    };
    if rest == "0" {
        return Ok(0);
    }
    if rest.is_empty() {
        return Err(invalid());
    }
    let mut total = 0.0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.');
        let (number, after) = rest.split_at(digits.unwrap_or(rest.len()));
        let number: f64 = number.parse().map_err(|_| invalid())?;
        let end = after.find(|c: char| c.is_ascii_digit() || c == '.');
        let (unit, after) = after.split_at(end.unwrap_or(after.len()));
        if unit.is_empty() {
            return Err(format!("time: missing unit in duration {}", quoted(text)));
        }
        let known = UNITS.iter().find(|(name, _)| *name == unit);
        let (_, nanos) = known.ok_or_else(|| {
            let (unit, text) = (quoted(unit), quoted(text));
            format!("time: unknown unit {unit} in duration {text}")
        })?;
        total += number * nanos;
        rest = after;
    }
    whole(sign * total).ok_or_else(invalid)
}

/// A number of nanoseconds that fits.
#[allow(clippy::cast_possible_truncation, clippy::cast_precision_loss)]
fn whole(nanos: f64) -> Option<i64> {
    (nanos.abs() < i64::MAX as f64).then_some(nanos.round() as i64)
}

/// Writes a duration.
pub(crate) fn shown(nanos: i64) -> String {
    let sign = if nanos < 0 { "-" } else { "" };
    let left = nanos.unsigned_abs();
    let text = match left {
        0 => "0s".to_owned(),
        1..1000 => format!("{left}ns"),
        1000..1_000_000 => format!("{}µs", decimal(left, 1000)),
        1_000_000..1_000_000_000 => format!("{}ms", decimal(left, 1_000_000)),
        _ => {
            let minute = 60_000_000_000;
            let (hours, minutes) = (left / minute / 60, left / minute % 60);
            let seconds = decimal(left % minute, 1_000_000_000);
            match (hours, minutes) {
                (0, 0) => format!("{seconds}s"),
                (0, _) => format!("{minutes}m{seconds}s"),
                _ => format!("{hours}h{minutes}m{seconds}s"),
            }
        }
    };
    format!("{sign}{text}")
}

/// So many units, with what is left of one behind a point.
fn decimal(number: u64, unit: u64) -> String {
    let digits = unit.ilog10() as usize;
    let rest = format!("{:0digits$}", number % unit);
    match rest.trim_end_matches('0') {
        "" => (number / unit).to_string(),
        rest => format!("{}.{rest}", number / unit),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_and_written() {
        for (text, want) in [
            ("72h", "72h0m0s"),
            ("1h30m0.5s", "1h30m0.5s"),
            ("1h1.5s", "1h0m1.5s"),
            ("90s", "1m30s"),
            ("1ns", "1ns"),
            ("1.5us", "1.5µs"),
            ("1ms500us", "1.5ms"),
            ("0", "0s"),
            ("-1h", "-1h0m0s"),
        ] {
            assert_eq!(shown(parse(text).unwrap()), want, "{text}");
        }
    }

    #[test]
    fn what_is_no_duration_is_refused() {
        for (text, want) in [
            ("", "time: invalid duration \"\""),
            ("wizard", "time: invalid duration \"wizard\""),
            ("72", "time: missing unit in duration \"72\""),
            ("3d", "time: unknown unit \"d\" in duration \"3d\""),
        ] {
            assert_eq!(parse(text).unwrap_err(), want);
        }
    }
}
