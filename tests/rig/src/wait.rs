//! Waiting for something to become true, with a time-out that says what was last seen.

use std::time::{Duration, Instant};

const PAUSE: Duration = Duration::from_millis(50);

/// The wait is over and nothing came of it.
#[derive(Debug, thiserror::Error)]
#[error("waited {:.1} s in vain for {what}; last seen: {last_seen}", waited.as_secs_f64())]
pub struct TimedOut {
    /// What was waited for.
    pub what: String,
    /// How long.
    pub waited: Duration,
    /// What the last attempt found instead.
    pub last_seen: String,
}

/// Calls `attempt` until it gives `Ok`, with a short pause in between.
///
/// An attempt that hangs is cut off at the deadline: then the last thing seen is that of the attempt
/// before it.
///
/// # Errors
/// [`TimedOut`] after `deadline`, with the text of the last failed attempt.
pub async fn wait_for<T, Attempt, Fut>(
    what: &str,
    deadline: Duration,
    mut attempt: Attempt,
) -> Result<T, TimedOut>
where
    Attempt: FnMut() -> Fut,
    Fut: Future<Output = Result<T, String>>,
{
    let began = Instant::now();
    let mut last_seen = "nothing (the first look did not come back)".to_owned();
    loop {
        let left = deadline.saturating_sub(began.elapsed());
        match tokio::time::timeout(left, attempt()).await {
            Ok(Ok(found)) => return Ok(found),
            Ok(Err(seen)) => last_seen = seen,
            Err(_) => {}
        }
        if began.elapsed() >= deadline {
            return Err(TimedOut {
                what: what.to_owned(),
                waited: began.elapsed(),
                last_seen,
            });
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// The same for places without a runtime.
pub(crate) fn wait_blocking<T>(
    what: &str,
    deadline: Duration,
    mut attempt: impl FnMut() -> Result<T, String>,
) -> Result<T, TimedOut> {
    let began = Instant::now();
    loop {
        let last_seen = match attempt() {
            Ok(found) => return Ok(found),
            Err(seen) => seen,
        };
        if began.elapsed() >= deadline {
            return Err(TimedOut {
                what: what.to_owned(),
                waited: began.elapsed(),
                last_seen,
            });
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block_on<T>(future: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap()
            .block_on(future)
    }

    #[test]
    fn gives_what_the_first_good_attempt_gave() {
        let mut attempts = 0;
        let found = block_on(wait_for("the third look", Duration::from_secs(5), || {
            attempts += 1;
            let seen = attempts;
            async move {
                if seen == 3 {
                    Ok(seen)
                } else {
                    Err(format!("look {seen}"))
                }
            }
        }));
        assert_eq!(found.unwrap(), 3);
    }

    #[test]
    fn a_time_out_says_what_was_waited_for_and_last_seen() {
        let error = block_on(wait_for::<(), _, _>(
            "a blue moon",
            Duration::from_millis(1),
            || async { Err("a white one".to_owned()) },
        ))
        .unwrap_err();
        let text = error.to_string();
        assert!(
            text.contains("a blue moon") && text.contains("a white one"),
            "{text}"
        );
    }

    #[test]
    fn an_attempt_that_hangs_is_cut_off() {
        let error = block_on(wait_for::<(), _, _>(
            "an answer",
            Duration::from_millis(5),
            std::future::pending,
        ));
        assert!(error.is_err());
    }
}
