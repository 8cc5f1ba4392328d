//! Sizes as the server reads them, `1024`, `10GB` or `1.5Ti`, and as it writes them: rounded.

use super::go::quoted;

/// The units, by what they are called in lower case.
const UNITS: [(&str, u64); 18] = [
    ("", 1),
    ("b", 1),
    ("k", 1000),
    ("kb", 1000),
    ("m", 1_000_000),
    ("mb", 1_000_000),
    ("g", 1_000_000_000),
    ("gb", 1_000_000_000),
    ("t", 1_000_000_000_000),
    ("tb", 1_000_000_000_000),
    ("ki", 1 << 10),
    ("kib", 1 << 10),
    ("mi", 1 << 20),
    ("mib", 1 << 20),
    ("gi", 1 << 30),
    ("gib", 1 << 30),
    ("ti", 1 << 40),
    ("tib", 1 << 40),
];

/// Reads a size. One that is too large is negative, as it is stored.
pub(crate) fn parse(text: &str) -> Result<i64, String> {
    let trimmed = text.trim();
    if trimmed.is_empty() {
        return Err("empty byte size string".to_owned());
    }
    let format = || format!("invalid byte size format: {}", quoted(text));
    let end = trimmed.find(|c: char| !c.is_ascii_digit() && c != '.');
    let (number, unit) = trimmed.split_at(end.unwrap_or(trimmed.len()));
    let unit = unit.trim_start();
    let well_formed = match number.split_once('.') {
        None => !number.is_empty(),
        Some((whole, rest)) => !whole.is_empty() && !rest.is_empty() && !rest.contains('.'),
    };
    if !well_formed || !unit.chars().all(|c| c.is_ascii_alphabetic()) {
        return Err(format());
    }
    let known = unit.to_ascii_lowercase();
    let factor = UNITS.iter().find(|(name, _)| *name == known);
    let factor = factor.map(|(_, factor)| *factor);
    let unknown = || format!("unknown byte size unit: {}", quoted(unit));
    if number.contains('.') {
        let number: f64 = number.parse().map_err(|_| bad_number(number))?;
        return Ok(scaled(number, factor.ok_or_else(unknown)?));
    }
    let number: u64 = number.parse().map_err(|_| bad_number(number))?;
    Ok(number
        .wrapping_mul(factor.ok_or_else(unknown)?)
        .cast_signed())
}

fn bad_number(number: &str) -> String {
    format!("invalid number in byte size: {}", quoted(number))
}

#[allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss
)]
fn scaled(number: f64, factor: u64) -> i64 {
    ((number * factor as f64) as u64).cast_signed()
}

/// Writes a size, or nothing where there is none.
#[allow(clippy::cast_precision_loss)]
pub(crate) fn shown(size: i64) -> Option<String> {
    let size = u64::try_from(size).ok().filter(|size| *size > 0)?;
    let unit = [("TiB", 40), ("GiB", 30), ("MiB", 20), ("KiB", 10)];
    let unit = unit.iter().find(|(_, bits)| size >= 1 << bits);
    Some(match unit {
        Some((name, bits)) => format!("{:.2}{name}", size as f64 / (1_u64 << bits) as f64),
        None => format!("{size}B"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_and_written() {
        for (text, want) in [
            ("1024", Some("1.00KiB")),
            ("1023", Some("1023B")),
            ("10GB", Some("9.31GiB")),
            ("1.5Ti", Some("1.50TiB")),
            ("2.5 gib", Some("2.50GiB")),
            ("0.5M", Some("488.28KiB")),
            ("0", None),
            // More than can be stored.
            ("9000000Ti", None),
        ] {
            assert_eq!(shown(parse(text).unwrap()).as_deref(), want, "{text}");
        }
    }

    #[test]
    fn what_is_no_size_is_refused() {
        for (text, want) in [
            (" ", "empty byte size string"),
            ("-1", "invalid byte size format: \"-1\""),
            ("1.", "invalid byte size format: \"1.\""),
            ("10Pi", "unknown byte size unit: \"Pi\""),
            (
                "99999999999999999999",
                "invalid number in byte size: \"99999999999999999999\"",
            ),
        ] {
            assert_eq!(parse(text).unwrap_err(), want);
        }
    }
}
