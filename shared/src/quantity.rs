//! Quantities of Kubernetes, such as `10Gi`.

/// Suffixes and what they multiply by.
const SUFFIXES: [(&str, f64); 15] = [
    ("Ki", 1024.0),
    ("Mi", 1_048_576.0),
    ("Gi", 1_073_741_824.0),
    ("Ti", 1_099_511_627_776.0),
    ("Pi", 1_125_899_906_842_624.0),
    ("Ei", 1_152_921_504_606_846_976.0),
    ("n", 1e-9),
    ("u", 1e-6),
    ("m", 1e-3),
    ("k", 1e3),
    ("M", 1e6),
    ("G", 1e9),
    ("T", 1e12),
    ("P", 1e15),
    ("E", 1e18),
];

/// How much it is. `None`: it is no quantity.
pub fn amount(text: &str) -> Option<f64> {
    let text = text.strip_prefix('+').unwrap_or(text);
    if !text.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return None;
    }
    let suffixed = SUFFIXES
        .iter()
        .find_map(|(suffix, factor)| Some((text.strip_suffix(suffix)?, *factor)));
    let (number, factor) = suffixed.unwrap_or((text, 1.0));
    Some(number.parse::<f64>().ok()? * factor)
}

/// Whether both are quantities of the same amount, however they are written: `1000m` is `1`.
pub fn same(a: &str, b: &str) -> bool {
    match (amount(a), amount(b)) {
        (Some(a), Some(b)) => (a - b).abs() <= f64::EPSILON * a.abs().max(b.abs()),
        _ => false,
    }
}

/// Whether one is certainly less than the other. What is no quantity is not less than anything.
pub fn is_less(a: &str, b: &str) -> bool {
    matches!((amount(a), amount(b)), (Some(less), Some(more)) if less < more) && !same(a, b)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_compared_however_they_are_written() {
        for (a, b) in [
            ("1Gi", "1024Mi"),
            ("1000m", "1"),
            ("+1k", "1e3"),
            ("0.5Gi", "512Mi"),
        ] {
            assert!(same(a, b) && !is_less(a, b) && !is_less(b, a), "{a} {b}");
        }
        for (a, b) in [
            ("1G", "1Gi"),
            ("1Gi", "2Gi"),
            ("999Mi", "1Gi"),
            ("1", "1.5"),
        ] {
            assert!(is_less(a, b) && !is_less(b, a) && !same(a, b), "{a} {b}");
        }
        for (a, b) in [("", "1"), ("ten", "1Gi"), ("-1", "1"), ("1 Gi", "1Gi")] {
            assert!(!is_less(a, b) && !is_less(b, a) && !same(a, b), "{a:?}");
        }
    }
}
