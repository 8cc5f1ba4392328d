use super::*;

#[test]
fn every_figure_is_in_the_table_once() {
    let mut keys: Vec<_> = FIGURES.iter().map(|figure| figure.key).collect();
    keys.sort();
    let count = keys.len();
    keys.dedup();
    assert_eq!(keys.len(), count);
}

#[test]
fn numbers_have_the_digits_that_matter() {
    let shown = [0.0, 0.0123, 3.0, 3.456, 73.25, 1234.5].map(short);
    assert_eq!(shown, ["0", "0.012", "3", "3.46", "73.2", "1234"]);
}

#[test]
fn a_row_says_which_goal_is_reached() {
    for (value, word) in [(20.0, "stretch"), (30.0, "gate"), (40.0, "**missed**")] {
        let mut report = Report::default();
        report.value(Key::NewRequests, value, "");
        let row = report.rows().pop().unwrap();
        assert!(row.ends_with(&format!("| {word} |")), "{row}");
    }
}

#[test]
fn a_goal_against_the_floor_needs_the_floor() {
    let mut report = Report::default();
    report.value(Key::ChangeP50, 30.0, "");
    assert!(report.rows().pop().unwrap().ends_with("|  |  |"));
    report.floor(Key::ChangeP50, 20.0);
    let row = report.rows().pop().unwrap();
    assert!(row.ends_with("| 20 ms (1.5×) | gate |"), "{row}");
}

#[test]
fn what_was_not_measured_says_why() {
    let mut report = Report::default();
    report.not(&[Key::Ready], "there is no node");
    let row = report.rows().pop().unwrap();
    assert!(row.contains("not measured: there is no node"), "{row}");
}

#[test]
fn only_counts_have_a_limit_that_fails() {
    let mut report = Report::default();
    report.value(Key::GreenfieldLast, 1e9, "");
    assert!(report.over_limit().is_empty());
    report.value(Key::RestWrites, 1.0, "");
    assert_eq!(report.over_limit(), ["writes at rest: 1, at most 0"]);
}

#[test]
fn a_part_that_fails_leaves_its_reason_and_what_it_has_measured() {
    let mut report = Report::default();
    report.part(&[Key::Ready, Key::ServerLog], |report| {
        report.value(Key::ServerLog, 3.0, "");
        Err("the pod | never started\nand more".into())
    });
    report.value(Key::Coalescing, 1.0, "");
    let rows = report.rows().join("\n");
    assert!(
        rows.contains("not measured: the pod / never started | | |"),
        "{rows}"
    );
    assert!(!rows.contains("and more"), "{rows}");
    assert_eq!(report.get(Key::ServerLog), Some(3.0));
    assert_eq!(report.get(Key::Coalescing), Some(1.0));
}

#[test]
fn a_number_without_its_floor_says_why() {
    let mut report = Report::default();
    report.value(Key::ChangeP50, 30.0, "(9 changes)");
    report.value(Key::ChangeP99, 60.0, "");
    report.floor(Key::ChangeP99, 30.0);
    report.no_floor(
        &[Key::ChangeP50, Key::ChangeP99],
        &"it did not start".into(),
    );
    let rows = report.rows().join("\n");
    assert!(
        rows.contains("30 ms (9 changes) no floor: it did not start"),
        "{rows}"
    );
    assert_eq!(rows.matches("no floor").count(), 1, "{rows}");
}
