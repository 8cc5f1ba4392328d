use super::*;
use proptest::prelude::*;

/// By the grammar in the documentation of `resource.Quantity`, in billionths.
#[test]
fn every_form_of_the_grammar_is_read() {
    for (text, nanos) in [
        ("0", 0),
        ("1", NANO),
        ("+1", NANO),
        ("1.", NANO),
        (".5", NANO / 2),
        ("0.5", NANO / 2),
        ("128974848", 128_974_848 * NANO),
        ("129e6", 129_000_000 * NANO),
        ("129M", 129_000_000 * NANO),
        ("128974848000m", 128_974_848 * NANO),
        ("123Mi", 128_974_848 * NANO),
        ("1n", 1),
        ("1u", 1_000),
        ("100m", 100_000_000),
        ("0.1", 100_000_000),
        ("1.5k", 1_500 * NANO),
        ("1G", 1_000_000_000 * NANO),
        ("1T", 1_000_000_000_000 * NANO),
        ("1P", 1_000_000_000_000_000 * NANO),
        ("1E", 1_000_000_000_000_000_000 * NANO),
        ("1Ki", 1_024 * NANO),
        ("1Gi", NANO << 30),
        ("1.5Gi", (3 * NANO) << 29),
        ("1Ti", NANO << 40),
        ("1Pi", NANO << 50),
        ("1Ei", NANO << 60),
        ("1e3", 1_000 * NANO),
        ("1E3", 1_000 * NANO),
        ("1e+3", 1_000 * NANO),
        ("12e-3", 12_000_000),
        ("12E-3", 12_000_000),
        ("9223372036854775807", 9_223_372_036_854_775_807 * NANO),
        (".0", 0),
        ("10.000000000000000000000000Gi", (10 * NANO) << 30),
    ] {
        assert_eq!(Quantity::parse(text), Some(Quantity { nanos }), "{text:?}");
    }
}

#[test]
fn what_is_finer_than_a_billionth_is_rounded_up() {
    for (text, nanos) in [
        ("0.1n", 1),
        ("1.5n", 2),
        ("1e-10", 1),
        ("1e-99", 1),
        ("0e-99", 0),
    ] {
        assert_eq!(Quantity::parse(text), Some(Quantity { nanos }), "{text:?}");
    }
}

#[test]
fn what_is_no_amount_is_not_read() {
    for text in [
        "", "+", ".", "..", "1..2", "1.2.3", "ten", "Gi", "1 Gi", " 1", "1 ", "1gi", "1K", "1KiB",
        "1mm", "1e", "1e3k", "1e3.5", "-1", "+-1", "++1", "1e99", "0x1", "inf", "nan", "NaN", "١",
    ] {
        assert_eq!(Quantity::parse(text), None, "{text:?}");
    }
}

#[test]
fn bytes_are_whole_and_rounded_up() {
    for (text, expected) in [
        ("0", Some(0)),
        ("+50Gi", Some(50 << 30)),
        ("1.5Gi", Some(3 << 29)),
        ("0.5k", Some(500)),
        ("2E", Some(2_000_000_000_000_000_000)),
        ("12e6", Some(12_000_000)),
        ("1500m", Some(2)),
        ("2000m", Some(2)),
        ("1n", Some(1)),
        ("18446744073709551615", Some(u64::MAX)),
        ("18446744073709551616", None),
        ("20Ei", None),
        ("-1", None),
        ("Gi", None),
    ] {
        assert_eq!(bytes(text), expected, "{text:?}");
    }
}

#[test]
fn amounts_are_compared_however_they_are_written() {
    for (a, b) in [
        ("1Gi", "1024Mi"),
        ("1000m", "1"),
        ("+1k", "1e3"),
        ("0.5Gi", "512Mi"),
        ("1000000u", "1"),
    ] {
        assert!(same(a, b) && !is_less(a, b) && !is_less(b, a), "{a} {b}");
    }
    for (a, b) in [
        ("1G", "1Gi"),
        ("1Gi", "2Gi"),
        ("999Mi", "1Gi"),
        ("1", "1.5"),
        // Equal in floating point.
        ("9007199254740992", "9007199254740993"),
    ] {
        assert!(is_less(a, b) && !is_less(b, a) && !same(a, b), "{a} {b}");
    }
    for (a, b) in [("", "1"), ("ten", "1Gi"), ("-1", "1"), ("1 Gi", "1Gi")] {
        assert!(!is_less(a, b) && !is_less(b, a) && !same(a, b), "{a:?}");
    }
}

proptest! {
    #[test]
    fn it_never_panics(text in ".*", digits in "[0-9]{0,50}", rest in "(\\.[0-9]{0,50})?([numkMGTPEi]{0,2}|[eE][+-]?[0-9]{0,12})") {
        let _ = bytes(&text);
        let _ = bytes(&format!("{digits}{rest}"));
    }

    #[test]
    fn the_order_is_that_of_the_numbers(a in any::<u64>(), b in any::<u64>()) {
        let (one, other) = (a.to_string(), b.to_string());
        prop_assert_eq!(is_less(&one, &other), a < b);
        prop_assert_eq!(same(&one, &other), a == b);
        prop_assert_eq!(bytes(&one), Some(a));
    }

    #[test]
    fn a_suffix_is_its_factor(number in 0..1_000_000_000_u64, which in 0..SUFFIXES.len()) {
        let (suffix, unit) = SUFFIXES[which];
        let expected = Quantity { nanos: i128::from(number) * unit };
        prop_assert_eq!(Quantity::parse(&format!("{number}{suffix}")), Some(expected));
    }

    #[test]
    fn a_point_is_a_power_of_ten(number in 0..1_000_000_000_u64, places in 0..9_usize) {
        let padded = format!("{number:010}");
        let (whole, fraction) = padded.split_at(padded.len() - places);
        let (point, exponent) = (format!("{whole}.{fraction}"), format!("{number}e-{places}"));
        prop_assert!(same(&point, &exponent), "{} {}", point, exponent);
    }
}
