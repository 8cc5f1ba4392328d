use super::*;
use kube::core::Status;

#[test]
fn only_a_lease_without_holder_is_free() {
    for (holder, expected) in [(None, true), (Some(""), true), (Some("operator-1"), false)] {
        let spec = LeaseSpec {
            holder_identity: holder.map(str::to_owned),
            ..LeaseSpec::default()
        };
        let lease = Lease {
            spec: Some(spec),
            ..Lease::default()
        };
        assert_eq!(is_free(&lease), expected, "{holder:?}");
    }
    assert!(is_free(&Lease::default()));
}

#[test]
fn a_lease_that_another_candidate_created_or_changed_is_not_taken() {
    let answer = |reason: &str, code| {
        let status = Status::failure("no", reason).with_code(code);
        taken(Err(kube::Error::Api(status.boxed())))
    };
    assert!(answer("AlreadyExists", 409).unwrap().is_none());
    assert!(answer("Conflict", 409).unwrap().is_none());
    assert!(answer("", 409).unwrap().is_none());
    assert!(answer("Forbidden", 403).is_err());
    assert!(answer("NotFound", 404).is_err());
}

#[test]
fn a_version_that_goes_back_is_that_of_restored_data() {
    let lease = |version: Option<&str>| {
        let mut lease = Lease::default();
        lease.metadata.resource_version = version.map(str::to_owned);
        lease
    };
    for (before, now, expected) in [
        (Some("1000"), Some("999"), true),
        (Some("999"), Some("1000"), false),
        (Some("1000"), Some("1000"), false),
        (Some("x"), Some("1"), false),
        (None, Some("1"), false),
    ] {
        let found = went_back(&lease(before), &lease(now));
        assert_eq!(found, expected, "{before:?} {now:?}");
    }
}
