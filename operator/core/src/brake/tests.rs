use super::*;

const TWO: Limit = Limit::Count(2);

fn place(name: &str) -> NamespacedName {
    NamespacedName {
        namespace: "team".to_owned(),
        name: name.to_owned(),
    }
}

/// An instance that serves, with a pod of this uid.
fn serves(name: &str, pod: &str) -> InstanceState {
    InstanceState {
        place: place(name),
        pod: Some(pod.to_owned()),
        is_out: false,
    }
}

fn is_out(name: &str) -> InstanceState {
    InstanceState {
        place: place(name),
        pod: None,
        is_out: true,
    }
}

fn names(places: &[NamespacedName]) -> Vec<&str> {
    places.iter().map(|place| place.name.as_str()).collect()
}

#[test]
fn no_more_turns_are_given_than_allowed_before_the_copies_show_them() {
    let mut brake = Brake::new(TWO);
    let now = Instant::now();
    let seen = ["a", "b", "c"].map(|name| serves(name, name));
    assert_eq!(brake.ask(&place("a"), "a", &seen, now), Ok(Granted::Now));
    assert_eq!(brake.ask(&place("b"), "b", &seen, now), Ok(Granted::Now));
    let queue = brake.ask(&place("c"), "c", &seen, now).unwrap_err();
    assert_eq!(names(&queue.out_of_service), ["a", "b"]);
    assert_eq!(queue.allowed, 2);
    // Whoever has a turn may try again. What was begun before is not theirs to take back.
    let again = brake.ask(&place("a"), "a", &seen, now);
    assert_eq!(again, Ok(Granted::Before));
    assert!(brake.next(&seen, now).is_empty());
}

#[test]
fn a_turn_is_free_when_the_new_pod_serves() {
    let mut brake = Brake::new(TWO);
    let now = Instant::now();
    let before = ["a", "b", "c"].map(|name| serves(name, name));
    for name in ["a", "b"] {
        assert!(brake.ask(&place(name), name, &before, now).is_ok());
    }
    assert!(brake.ask(&place("c"), "c", &before, now).is_err());
    let during = [is_out("a"), serves("b", "b"), serves("c", "c")];
    assert!(brake.next(&during, now).is_empty());
    let after = [serves("a", "a2"), serves("b", "b"), serves("c", "c")];
    assert_eq!(names(&brake.next(&after, now)), ["c"]);
    assert!(!brake.has_queue());
    assert!(brake.ask(&place("c"), "c", &after, now).is_ok());
}

#[test]
fn what_another_operator_has_begun_counts_as_well() {
    let mut brake = Brake::new(TWO);
    let seen = [is_out("a"), is_out("b"), serves("c", "c")];
    let queue = brake
        .ask(&place("c"), "c", &seen, Instant::now())
        .unwrap_err();
    assert_eq!(names(&queue.out_of_service), ["a", "b"]);
}

#[test]
fn as_many_are_woken_as_there_are_turns_in_the_order_of_their_names() {
    let mut brake = Brake::new(TWO);
    let now = Instant::now();
    let out = [is_out("a"), is_out("b")];
    for name in ["e", "c", "d", "f"] {
        assert!(brake.ask(&place(name), name, &out, now).is_err());
    }
    brake.leave(&place("c"));
    let back = [serves("a", "a"), serves("b", "b")];
    assert_eq!(names(&brake.next(&back, now)), ["d", "e"]);
    assert_eq!(names(&brake.next(&back, now)), ["f"]);
}

#[test]
fn a_turn_that_came_to_nothing_is_free_again() {
    let mut brake = Brake::new(Limit::Count(1));
    let now = Instant::now();
    let seen = ["a", "b"].map(|name| serves(name, name));
    assert!(brake.ask(&place("a"), "a", &seen, now).is_ok());
    brake.give_back(&place("a"));
    assert!(brake.ask(&place("b"), "b", &seen, now).is_ok());
    assert!(brake.ask(&place("a"), "a", &seen, now).is_err());
    assert!(brake.ask(&place("a"), "a", &seen, now + MAX_LAG).is_ok());
}
