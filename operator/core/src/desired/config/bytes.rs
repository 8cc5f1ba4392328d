//! A size as Kubernetes writes it, in bytes.

/// Factors of the suffixes.
const SUFFIXES: [(&str, u64); 12] = [
    ("Ki", 1 << 10),
    ("Mi", 1 << 20),
    ("Gi", 1 << 30),
    ("Ti", 1 << 40),
    ("Pi", 1 << 50),
    ("Ei", 1 << 60),
    ("k", 1_000),
    ("M", 1_000_000),
    ("G", 1_000_000_000),
    ("T", 1_000_000_000_000),
    ("P", 1_000_000_000_000_000),
    ("E", 1_000_000_000_000_000_000),
];

/// Whole bytes, rounded up. `None`: it is no size, or one that no server could have.
pub fn of(quantity: &str) -> Option<u64> {
    let quantity = quantity.strip_prefix('+').unwrap_or(quantity);
    let suffix = SUFFIXES.iter().find_map(|(suffix, factor)| {
        let number = quantity.strip_suffix(suffix)?;
        Some((number, *factor, 0))
    });
    let (number, factor, exponent) = suffix
        .or_else(|| thousandths(quantity))
        .or_else(|| scientific(quantity))
        .unwrap_or((quantity, 1, 0));
    scale(number, factor, exponent)
}

/// Suffixes for parts of one: thousandths, millionths, billionths.
fn thousandths(quantity: &str) -> Option<(&str, u64, i32)> {
    let parts = [('m', -3), ('u', -6), ('n', -9)];
    parts.iter().find_map(|(suffix, exponent)| {
        let number = quantity.strip_suffix(*suffix)?;
        Some((number, 1, *exponent))
    })
}

/// `12e6`.
fn scientific(quantity: &str) -> Option<(&str, u64, i32)> {
    let (number, exponent) = quantity.split_once(['e', 'E'])?;
    Some((number, 1, exponent.parse().ok()?))
}

fn scale(number: &str, factor: u64, exponent: i32) -> Option<u64> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let digits = format!("{whole}{fraction}");
    let number: u128 = digits.parse().ok()?;
    let product = number.checked_mul(factor.into())?;
    let exponent = exponent.checked_sub(fraction.len().try_into().ok()?)?;
    let power = 10_u128.checked_pow(exponent.unsigned_abs())?;
    let bytes = if exponent < 0 {
        product.div_ceil(power)
    } else {
        product.checked_mul(power)?
    };
    bytes.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_kubernetes_reads_them() {
        for (quantity, bytes) in [
            ("1", Some(1)),
            ("+50Gi", Some(50 << 30)),
            ("1.5Gi", Some(3 << 29)),
            ("0.5k", Some(500)),
            ("2E", Some(2_000_000_000_000_000_000)),
            ("12e6", Some(12_000_000)),
            ("1E3", Some(1000)),
            ("1500m", Some(2)),
            ("2000m", Some(2)),
            ("", None),
            ("Gi", None),
            ("-1", None),
            ("20Ei", None),
            ("1e99", None),
        ] {
            assert_eq!(of(quantity), bytes, "{quantity}");
        }
    }
}
