//! How often a failure that lasts is told.

use std::time::Duration;

const EVERY: Duration = Duration::from_mins(1);

/// Lets the first of equal complaints through, then one a minute with the number of all of them.
#[derive(Debug, Default)]
pub struct Complaints {
    lasting: Option<Lasting>,
}

#[derive(Debug)]
struct Lasting {
    what: String,
    told_at: Duration,
    times: u64,
}

impl Complaints {
    /// It failed, at `now` on the steady clock. How often it has failed like that, if it is to be told now.
    pub fn again(&mut self, what: &str, now: Duration) -> Option<u64> {
        match &mut self.lasting {
            Some(lasting) if lasting.what == what => {
                lasting.times += 1;
                let due = now.saturating_sub(lasting.told_at) >= EVERY;
                due.then(|| {
                    lasting.told_at = now;
                    lasting.times
                })
            }
            _ => {
                self.lasting = Some(Lasting {
                    what: what.to_owned(),
                    told_at: now,
                    times: 1,
                });
                Some(1)
            }
        }
    }

    /// It works. How often it had failed, if it had.
    pub fn over(&mut self) -> Option<u64> {
        self.lasting.take().map(|lasting| lasting.times)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_complaints_are_told_once_a_minute_with_their_number() {
        let mut complaints = Complaints::default();
        let seconds = Duration::from_secs;
        assert_eq!(complaints.again("a", seconds(0)), Some(1));
        assert_eq!(complaints.again("a", seconds(30)), None);
        assert_eq!(complaints.again("a", seconds(60)), Some(3));
        assert_eq!(complaints.again("a", seconds(61)), None);
        assert_eq!(complaints.again("b", seconds(62)), Some(1));
        assert_eq!(complaints.over(), Some(1));
        assert_eq!(complaints.over(), None);
        assert_eq!(complaints.again("b", seconds(63)), Some(1));
    }
}
