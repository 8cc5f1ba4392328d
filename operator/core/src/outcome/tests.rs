use super::*;

#[test]
fn a_refusal_is_one_sentence_without_a_dump() {
    let answer = "admission webhook \"a\" denied the request:\n\n  - no labels\n  - no owner\n";
    let status = Status::failure(answer, "Forbidden").with_code(403);
    let failure = Failure {
        kind: "Service".to_owned(),
        name: "files-nfs".to_owned(),
        error: ApplyError::Refused(Box::new(status)),
    };
    assert_eq!(
        failure.to_string(),
        "cannot write Service files-nfs: the API server refused: admission webhook \"a\" denied the request: - no labels - no owner"
    );
}

fn refused(code: u16, message: &str) -> ApplyError {
    ApplyError::Refused(Box::new(Status::failure(message, "Reason").with_code(code)))
}

#[test]
fn what_the_next_attempt_may_mend_is_passing() {
    for (error, expected) in [
        (refused(code::FORBIDDEN, ""), false),
        (refused(code::INVALID, ""), false),
        (refused(400, ""), false),
        (ApplyError::Foreign(Holder::NoController), false),
        (refused(code::CONFLICT, ""), true),
        (refused(code::TOO_MANY, ""), true),
        (refused(500, ""), true),
        (refused(503, ""), true),
        (ApplyError::Raced, true),
        (ApplyError::Request(String::new()), true),
        (ApplyError::Deadline(Duration::from_secs(10)), true),
    ] {
        assert_eq!(error.is_passing(), expected, "{error}");
    }
}

#[test]
fn the_topic_of_a_failure_is_free_of_its_text() {
    let failure = |name: &str, error: ApplyError| Failure {
        kind: "Role".to_owned(),
        name: name.to_owned(),
        error,
    };
    let first = failure("files", refused(403, "denied at 12:00"));
    for (other, is_same) in [
        (failure("files", refused(403, "denied at 12:01")), true),
        (failure("files", refused(422, "denied at 12:00")), false),
        (failure("other", refused(403, "denied at 12:00")), false),
    ] {
        assert_eq!(first.topic() == other.topic(), is_same, "{other}");
    }
    assert!(first.to_string().starts_with(&first.subject()));
}
