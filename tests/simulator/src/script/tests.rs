use super::*;

#[tokio::test]
async fn the_simulator_answers_with_the_statuses_of_the_real_server() {
    let answers = play_simulator().await.unwrap();
    let wrong: Vec<_> = answers
        .iter()
        .filter(|answer| answer.status != answer.expected)
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(answers.len() > 500);
}

#[tokio::test]
async fn two_plays_are_the_same_and_a_lie_is_found() {
    let first = play_simulator().await.unwrap();
    let mut second = play_simulator().await.unwrap();
    let found = compare(&first, &second);
    assert!(found.is_empty(), "{found:#?}");
    second[7].body = json!("another");
    second[9].apply = Some("never".to_owned());
    let lines: Vec<usize> = compare(&first, &second)
        .iter()
        .map(|mismatch| mismatch.line)
        .collect();
    assert_eq!(lines, [8, 10]);
    let mut third = second.clone();
    third[11].status = 418;
    second[11].status = 418;
    let found = compare(&third, &second);
    assert_eq!(found.len(), 1, "both are not as the list says: {found:?}");
}

#[tokio::test]
async fn a_server_that_is_not_there_is_an_error() {
    let error = play("http://127.0.0.1:1", "x", Path::new("/nowhere")).await;
    assert!(
        matches!(error, Err(ReplayError::NoAnswer { .. })),
        "{error:?}"
    );
}
