//! Quantities of Kubernetes, such as `10Gi` or `500m`: an exact parser for amounts that are not negative.
//!
//! Kubernetes keeps no more than nine decimal places and rounds what is finer up; so does this.

/// Billionths of one: the finest amount that Kubernetes knows.
const NANO: i128 = 1_000_000_000;

/// Suffixes and what they multiply by, in billionths.
const SUFFIXES: [(&str, i128); 15] = [
    ("n", 1),
    ("u", 1_000),
    ("m", 1_000_000),
    ("k", NANO * 1_000),
    ("M", NANO * 1_000_000),
    ("G", NANO * 1_000_000_000),
    ("T", NANO * 1_000_000_000_000),
    ("P", NANO * 1_000_000_000_000_000),
    ("E", NANO * 1_000_000_000_000_000_000),
    ("Ki", NANO << 10),
    ("Mi", NANO << 20),
    ("Gi", NANO << 30),
    ("Ti", NANO << 40),
    ("Pi", NANO << 50),
    ("Ei", NANO << 60),
];

/// An amount, however it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Quantity {
    nanos: i128,
}

impl Quantity {
    /// Reads a quantity. `None`: it is none, it is negative, or it has more digits than any quantity that
    /// Kubernetes stores.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.strip_prefix('+').unwrap_or(text);
        let is_number = |c: char| c.is_ascii_digit() || c == '.';
        let end = text.find(|c| !is_number(c)).unwrap_or(text.len());
        let (number, suffix) = text.split_at(end);
        let (unit, exponent) = unit(suffix)?;
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        // A size may be written with more zeros than fit below.
        let fraction = fraction.trim_end_matches('0');
        if !number.contains(|c: char| c.is_ascii_digit()) {
            return None;
        }
        // Two points leave one in the fraction, which is no number.
        let digits: i128 = format!("0{whole}{fraction}").parse().ok()?;
        let exponent = exponent.checked_sub(i32::try_from(fraction.len()).ok()?)?;
        let nanos = scale(digits.checked_mul(unit)?, exponent)?;
        Some(Self { nanos })
    }

    /// Whole bytes, rounded up. `None`: more than 64 bits can hold.
    pub fn bytes(self) -> Option<u64> {
        let rest = self.nanos % NANO != 0;
        u64::try_from(self.nanos / NANO + i128::from(rest)).ok()
    }
}

/// What a suffix multiplies by: a unit in billionths, and a power of ten.
fn unit(suffix: &str) -> Option<(i128, i32)> {
    if suffix.is_empty() {
        return Some((NANO, 0));
    }
    let known = SUFFIXES.iter().find(|(known, _)| *known == suffix);
    if let Some((_, unit)) = known {
        return Some((*unit, 0));
    }
    let exponent = suffix.strip_prefix(['e', 'E'])?;
    Some((NANO, exponent.parse().ok()?))
}

/// Times a power of ten, rounded up.
fn scale(nanos: i128, exponent: i32) -> Option<i128> {
    if nanos == 0 {
        return Some(0);
    }
    let power = 10_i128.checked_pow(exponent.unsigned_abs());
    if exponent >= 0 {
        return nanos.checked_mul(power?);
    }
    // A power that does not fit is larger than every amount that does.
    let Some(power) = power else { return Some(1) };
    Some(nanos / power + i128::from(nanos % power != 0))
}

/// Whole bytes of a quantity, rounded up. `None`: it is no quantity, or more than 64 bits can hold.
pub fn bytes(text: &str) -> Option<u64> {
    Quantity::parse(text)?.bytes()
}

/// Whether both are quantities of the same amount, however they are written: `1000m` is `1`.
pub fn same(a: &str, b: &str) -> bool {
    matches!((Quantity::parse(a), Quantity::parse(b)), (Some(a), Some(b)) if a == b)
}

/// Whether both are quantities and one is less than the other.
pub fn is_less(a: &str, b: &str) -> bool {
    matches!((Quantity::parse(a), Quantity::parse(b)), (Some(a), Some(b)) if a < b)
}

#[cfg(test)]
mod tests;
