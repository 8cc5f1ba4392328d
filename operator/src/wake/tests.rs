use super::pending::*;
use super::*;
use std::time::Duration;

fn files() -> InstanceRef {
    InstanceRef::new("files").within("n")
}

/// A reconcile has taken place, and the next is due in an hour.
fn at_rest() -> (Wake, UnboundedReceiver<InstanceRef>, Instant) {
    let (wake, receiver) = Wake::new();
    let now = Instant::now();
    wake.due(&files(), now + Duration::from_hours(1));
    (wake, receiver, now)
}

fn queued(receiver: &mut UnboundedReceiver<InstanceRef>) -> usize {
    std::iter::from_fn(|| receiver.try_recv().ok()).count()
}

#[test]
fn the_first_reconcile_is_whole() {
    let (wake, _receiver) = Wake::new();
    assert_eq!(
        wake.begin(&files(), Instant::now()),
        Ok(Causes { is_whole: true })
    );
}

#[test]
fn a_reconcile_begins_for_a_change_and_is_as_whole_as_that() {
    for weight in [Weight::Ordinary, Weight::Urgent, Weight::Whole] {
        let (wake, mut receiver, now) = at_rest();
        wake.changed([files()], wake.mark("Service", "n", "files", "1"), weight);
        assert_eq!(queued(&mut receiver), 1);
        let is_whole = weight == Weight::Whole;
        assert_eq!(wake.begin(&files(), now), Ok(Causes { is_whole }));
        assert!(
            wake.begin(&files(), now).is_err(),
            "it was taken into account"
        );
    }
}

#[test]
fn several_changes_are_queued_once() {
    let (wake, mut receiver, _) = at_rest();
    for version in ["1", "2", "3"] {
        wake.changed(
            [files()],
            wake.mark("Pod", "n", "files-0", version),
            Weight::Ordinary,
        );
    }
    assert_eq!(queued(&mut receiver), 1);
}

#[test]
fn what_we_have_written_ourselves_leads_to_no_reconcile() {
    let (wake, _receiver, now) = at_rest();
    let mark = wake.mark("Service", "n", "files", "1");
    wake.changed([files()], mark, Weight::Ordinary);
    wake.own([files()], mark);
    assert!(wake.begin(&files(), now).is_err());
    // Another version is of somebody else.
    wake.changed(
        [files()],
        wake.mark("Service", "n", "files", "2"),
        Weight::Ordinary,
    );
    wake.own([files()], mark);
    assert!(wake.begin(&files(), now).is_ok());
}

#[test]
fn a_flood_of_changes_is_collected_for_longer_and_longer_until_it_ends() {
    let (wake, _receiver, start) = at_rest();
    let flood = |version: usize| {
        for change in 0..=FLOOD {
            let mark = wake.mark("ConfigMap", "n", "files", &format!("{version}-{change}"));
            wake.changed([files()], mark, Weight::Ordinary);
        }
    };
    let mut now = start;
    let mut pauses = Vec::new();
    for round in 0..8 {
        flood(round);
        if let Err(next) = wake.begin(&files(), now) {
            pauses.push((next - now).as_millis());
            now = next;
            assert!(wake.begin(&files(), now).is_ok(), "nothing is lost");
        }
    }
    assert_eq!(pauses, [100, 300, 900, 1000, 1000, 1000, 1000]);
    // One change at a time.
    now += MAX_PACE;
    for version in ["a", "b", "c"] {
        wake.changed(
            [files()],
            wake.mark("ConfigMap", "n", "files", version),
            Weight::Ordinary,
        );
        assert!(wake.begin(&files(), now).is_ok(), "{version}");
    }
}

#[test]
fn a_flood_is_one_by_its_rate_however_often_there_is_a_reconcile() {
    for (a_second, is_flood) in [(12, false), (30, false), (200, true)] {
        let (wake, _receiver, start) = at_rest();
        let refused = (0..200_u32).find(|number| {
            let mark = wake.mark("ConfigMap", "n", "files", &number.to_string());
            wake.changed([files()], mark, Weight::Ordinary);
            let now = start + Duration::from_secs(1) * *number / a_second;
            wake.begin(&files(), now).is_err()
        });
        assert_eq!(refused.is_some(), is_flood, "{a_second}/s: {refused:?}");
    }
}

#[test]
fn a_reconcile_that_is_asked_for_is_whole_and_one_that_is_due_is_not() {
    let (wake, _receiver, now) = at_rest();
    wake.ask(files());
    assert_eq!(wake.begin(&files(), now), Ok(Causes { is_whole: true }));
    let later = now + Duration::from_hours(2);
    assert_eq!(wake.begin(&files(), later), Ok(Causes { is_whole: false }));
}

#[test]
fn after_a_failure_only_what_may_mend_it_comes_before_the_retry() {
    for (weight, is_awaited) in [
        (Weight::Ordinary, true),
        (Weight::Urgent, false),
        (Weight::Whole, false),
    ] {
        let (wake, mut receiver, now) = at_rest();
        let due = now + Duration::from_mins(1);
        wake.retry(&files(), due);
        for version in ["1", "2", "3"] {
            wake.changed(
                [files()],
                wake.mark("Pod", "n", "files-0", version),
                Weight::Ordinary,
            );
        }
        assert_eq!(queued(&mut receiver), 0);
        assert_eq!(wake.begin(&files(), now), Err(due));
        wake.changed([files()], wake.mark("ConfigMap", "n", "files", "4"), weight);
        assert_eq!(
            queued(&mut receiver),
            usize::from(!is_awaited),
            "{weight:?}"
        );
        let begun = wake.begin(&files(), now);
        assert_eq!(begun.is_err(), is_awaited, "{weight:?}");
        if is_awaited {
            assert!(wake.begin(&files(), due).is_ok(), "nothing is lost");
        }
    }
}

#[test]
fn after_a_success_every_change_counts_again() {
    let (wake, mut receiver, now) = at_rest();
    wake.retry(&files(), now + Duration::from_mins(1));
    wake.due(&files(), now + Duration::from_mins(10));
    wake.changed(
        [files()],
        wake.mark("Pod", "n", "files-0", "1"),
        Weight::Ordinary,
    );
    assert_eq!(queued(&mut receiver), 1);
    assert!(wake.begin(&files(), now).is_ok());
}

#[test]
fn what_changes_during_a_retry_counts_once_it_has_succeeded() {
    let (wake, mut receiver, now) = at_rest();
    wake.retry(&files(), now);
    assert!(wake.begin(&files(), now).is_ok());
    let change = |version| wake.mark("Pod", "n", "files-0", version);
    wake.changed([files()], change("1"), Weight::Ordinary);
    wake.due(&files(), now + Duration::from_mins(10));
    assert_eq!(queued(&mut receiver), 1);
    assert!(wake.begin(&files(), now).is_ok());
    // It fails once more: then the change waits.
    wake.retry(&files(), now);
    assert!(wake.begin(&files(), now).is_ok());
    wake.changed([files()], change("2"), Weight::Ordinary);
    let due = now + Duration::from_mins(1);
    wake.retry(&files(), due);
    assert_eq!(wake.begin(&files(), now), Err(due));
}

fn named(name: &str) -> InstanceRef {
    InstanceRef::new(name).within("n")
}

fn applied(wake: &Wake, name: &str) {
    let mark = wake.mark("DittoServer", "n", name, "1");
    wake.changed([named(name)], mark, Weight::Whole);
}

/// One instance has just been created, and its sidecar publishes; another one is yet to be created.
fn created_beside_a_new_one() -> (Wake, UnboundedReceiver<InstanceRef>, Instant) {
    let (wake, receiver) = Wake::new();
    let now = Instant::now();
    applied(&wake, "files");
    wake.begin(&files(), now).unwrap();
    wake.due(&files(), now + Duration::from_hours(1));
    wake.is_new(&files(), now);
    applied(&wake, "other");
    let published = wake.mark("ConfigMap", "n", "files-adapters", "2");
    wake.changed([files()], published, Weight::Urgent);
    (wake, receiver, now)
}

#[test]
fn what_was_just_created_waits_until_all_others_are_and_is_then_queued() {
    let (wake, mut receiver, now) = created_beside_a_new_one();
    assert_eq!(wake.begin(&files(), now), Err(now + LONGEST_DEFERRAL));
    queued(&mut receiver);
    assert!(wake.begin(&named("other"), now).is_ok());
    assert_eq!(receiver.try_recv().unwrap(), files());
    assert!(wake.begin(&files(), now).is_ok());
}

#[test]
fn nobody_waits_for_long_or_for_one_that_is_not_reconciled() {
    let (wake, _receiver, now) = created_beside_a_new_one();
    assert!(wake.begin(&files(), now + LONGEST_DEFERRAL).is_ok());
    for leave in [Wake::set_aside, Wake::forget] {
        let (wake, mut receiver, now) = created_beside_a_new_one();
        wake.begin(&files(), now).unwrap_err();
        queued(&mut receiver);
        leave(&wake, &named("other"));
        assert_eq!(receiver.try_recv().unwrap(), files());
        assert!(wake.begin(&files(), now).is_ok());
    }
}

#[test]
fn what_a_user_asks_for_and_retries_do_not_wait() {
    let (wake, _receiver, now) = created_beside_a_new_one();
    wake.ask(files());
    assert!(wake.begin(&files(), now).is_ok());
    let (wake, _receiver, now) = created_beside_a_new_one();
    let mark = wake.mark("DittoServer", "n", "files", "2");
    wake.changed([files()], mark, Weight::Whole);
    assert!(wake.begin(&files(), now).is_ok());
    let (wake, _receiver, now) = created_beside_a_new_one();
    wake.retry(&files(), now);
    assert!(wake.begin(&files(), now).is_ok());
}

#[test]
fn one_that_is_not_reconciled_is_waited_for_only_once() {
    let (wake, _receiver, now) = created_beside_a_new_one();
    wake.set_aside(&named("other"));
    // It changes, and is still not reconciled.
    let mark = wake.mark("DittoServer", "n", "other", "2");
    wake.changed([named("other")], mark, Weight::Whole);
    assert!(wake.begin(&files(), now).is_ok());
}

#[test]
fn what_was_there_before_does_not_wait() {
    let (wake, _receiver, now) = at_rest();
    applied(&wake, "other");
    wake.ask(files());
    assert!(wake.begin(&files(), now).is_ok());
}
