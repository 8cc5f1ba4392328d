//! Tables of what happens and when the next look and poll are due, in milliseconds since the start.

use super::*;

const PACE: Pace = Pace {
    polling: Duration::from_millis(500),
    resync: Duration::from_secs(30),
};
const API: u16 = 40_080;

fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

/// The API and the two adapters.
fn open() -> Ports {
    Ports::from([API, 12_049, 1445])
}

fn without(port: u16) -> Ports {
    &open() - &Ports::from([port])
}

/// Nothing is new and nothing in motion.
fn rest() -> Finding {
    Finding::default()
}

fn motion() -> Finding {
    Finding {
        in_motion: true,
        ..Finding::default()
    }
}

fn new() -> Finding {
    Finding {
        is_new: true,
        listed: Some(Ports::from([12_049, 1445, 50_000])),
        ..Finding::default()
    }
}

/// After a first poll at 0 ms, and a long rest, with a look and a poll at `now`.
fn at_rest(now: u64) -> Schedule {
    let mut schedule = Schedule::new(API);
    schedule.looked(Some(open()), ms(0));
    schedule.polled(new(), ms(0));
    schedule.looked(Some(open()), ms(now));
    schedule.polled(rest(), ms(now));
    schedule
}

fn poll_due(schedule: &Schedule) -> u128 {
    schedule.poll_due(PACE).as_millis()
}

#[test]
fn at_the_start_both_are_due() {
    let schedule = Schedule::new(API);
    assert_eq!(schedule.poll_due(PACE), Duration::ZERO);
    assert_eq!(schedule.look_due(false), Duration::ZERO);
}

#[test]
fn ports_are_read_often_for_two_minutes_after_a_change() {
    let look_due = |schedule: &Schedule, costly| schedule.look_due(costly).as_millis();
    for (now, due) in [(119_999, 120_049), (120_000, 120_200), (600_000, 600_200)] {
        assert_eq!(look_due(&at_rest(now), false), due, "{now}");
    }
    let mut schedule = at_rest(600_000);
    schedule.looked(Some(without(1445)), ms(600_200));
    assert_eq!(look_due(&schedule, false), 600_250, "a port has closed");
    let mut schedule = at_rest(600_000);
    schedule.polled(new(), ms(600_040));
    assert_eq!(look_due(&schedule, false), 600_050, "the answer is another");
    assert_eq!(look_due(&schedule, true), 602_000, "each look is costly");
}

#[test]
fn at_rest_the_server_is_polled_at_the_resync_interval() {
    assert_eq!(poll_due(&at_rest(600_000)), 630_000);
}

#[test]
fn a_port_that_may_be_the_servers_causes_a_poll() {
    let cases = [
        ("an adapter's port closed", without(1445), true),
        ("the API's port closed", without(API), true),
        ("a low port opened", &open() | &Ports::from([1446]), true),
        (
            "a listed port opened",
            &open() | &Ports::from([50_000]),
            true,
        ),
        (
            "any other port opened",
            &open() | &Ports::from([50_001]),
            false,
        ),
        ("nothing changed", open(), false),
    ];
    for (case, ports, polls) in cases {
        let mut schedule = at_rest(600_000);
        schedule.looked(Some(ports), ms(610_000));
        let expected = if polls { 600_040 } else { 630_000 };
        assert_eq!(poll_due(&schedule), expected, "{case}");
    }
}

#[test]
fn the_first_look_is_no_change() {
    let mut schedule = Schedule::new(API);
    schedule.polled(rest(), ms(0));
    schedule.looked(Some(open()), ms(10));
    assert_eq!(poll_due(&schedule), 30_000);
}

#[test]
fn a_poll_that_a_port_causes_keeps_its_distance() {
    let mut schedule = at_rest(600_000);
    schedule.looked(Some(without(1445)), ms(600_010));
    assert_eq!(poll_due(&schedule), 600_040);
}

#[test]
fn a_port_that_changes_during_a_poll_causes_another() {
    let mut schedule = at_rest(600_000);
    schedule.looked(Some(without(1445)), ms(610_000));
    schedule.poll_begins();
    schedule.looked(Some(open()), ms(610_020));
    schedule.polled(rest(), ms(610_020));
    assert_eq!(poll_due(&schedule), 610_060);
}

#[test]
fn after_a_port_has_changed_there_is_motion_for_five_seconds() {
    for (polled_at, due) in [(610_000, 610_500), (614_999, 615_499), (615_000, 645_000)] {
        let mut schedule = at_rest(600_000);
        schedule.looked(Some(without(1445)), ms(610_000));
        schedule.poll_begins();
        schedule.polled(rest(), ms(polled_at));
        assert_eq!(poll_due(&schedule), due, "polled at {polled_at}");
    }
}

#[test]
fn in_motion_polls_become_rarer_with_the_time_that_nothing_changes() {
    for (now, due) in [
        (0, 500),
        (15_000, 15_500),
        (60_000, 62_000),
        (300_000, 310_000),
        (900_000, 930_000),
        (86_400_000, 86_430_000),
    ] {
        let mut schedule = at_rest(0);
        schedule.polled(motion(), ms(now));
        assert_eq!(poll_due(&schedule), due, "{now}");
    }
}

#[test]
fn something_new_is_followed_at_once_again() {
    let mut schedule = at_rest(0);
    let moves = Finding {
        in_motion: true,
        ..new()
    };
    schedule.polled(moves, ms(900_000));
    assert_eq!(poll_due(&schedule), 900_500);
}

#[test]
fn the_interval_in_motion_is_two_seconds_at_most_and_never_above_the_one_at_rest() {
    let second = Duration::from_secs(1);
    for (polling, resync, due) in [(30, 30, 2), (3600, 3600, 2), (1, 30, 1), (2, 1, 1)] {
        let mut schedule = at_rest(0);
        schedule.polled(motion(), ms(0));
        let pace = Pace {
            polling: second * polling,
            resync: second * resync,
        };
        assert_eq!(schedule.poll_due(pace), second * due, "{pace:?}");
    }
}

#[test]
fn ports_that_open_and_close_for_ever_are_followed_less_and_less() {
    let mut schedule = at_rest(600_000);
    let (mut polls, mut now) = (0, 600_000);
    for round in 0..36_000 {
        now += 100;
        let ports = if round % 2 == 0 {
            without(1445)
        } else {
            open()
        };
        schedule.looked(Some(ports), ms(now));
        if ms(now) >= schedule.poll_due(PACE) {
            schedule.poll_begins();
            schedule.polled(rest(), ms(now));
            polls += 1;
        }
    }
    // In an hour: thirty of 40 ms, some 170 until they are 30 s apart, and 90 from then on.
    assert!((200..350).contains(&polls), "{polls}");
}

#[test]
fn a_port_that_changes_after_a_lull_is_followed_at_once_again() {
    let mut schedule = at_rest(600_000);
    for (now, due) in [(610_000, 600_040), (690_000, 600_040)] {
        let ports = if now == 610_000 {
            without(1445)
        } else {
            open()
        };
        schedule.looked(Some(ports), ms(now));
        assert_eq!(poll_due(&schedule), due, "{now}");
    }
}

#[test]
fn the_moment_when_something_is_decided_is_not_missed() {
    for (next, due) in [
        (610_000, 610_000),
        (600_010, 600_040),
        (599_000, 620_000),
        (700_000, 620_000),
    ] {
        let mut schedule = at_rest(600_000);
        let hold = Finding {
            next: Some(ms(next)),
            ..motion()
        };
        schedule.polled(hold, ms(600_000));
        assert_eq!(poll_due(&schedule), due, "{next}");
    }
}

#[test]
fn any_other_reason_to_poll_counts_at_once_and_once() {
    let mut schedule = at_rest(600_000);
    schedule.poll_at_once();
    assert_eq!(schedule.poll_due(PACE), Duration::ZERO);
    schedule.poll_begins();
    schedule.polled(rest(), ms(600_040));
    assert_eq!(poll_due(&schedule), 630_040);
}

#[test]
fn where_no_port_can_be_read_the_server_is_polled_every_two_seconds() {
    let mut schedule = at_rest(600_000);
    schedule.looked(None, ms(600_000));
    assert_eq!(poll_due(&schedule), 602_000);
    schedule.looked(Some(open()), ms(601_000));
    assert_eq!(poll_due(&schedule), 630_000);
}
