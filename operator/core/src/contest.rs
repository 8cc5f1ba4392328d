//! Others that change the same object again and again: it is put back less and less often, and a condition names them.
//!
//! Two controllers that insist on different values would otherwise write as fast as the API server answers.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::brake::NamespacedName;

/// How often an object is put back at once.
const AT_ONCE: u32 = 10;
/// Shortest and longest time between two repairs after that.
const MIN_DELAY: Duration = Duration::from_secs(1);
const MAX_DELAY: Duration = Duration::from_mins(1);
/// An object that needed no repair for this long is no longer contested.
const CALM: Duration = MAX_DELAY.saturating_mul(2);

/// What has been put back lately. It may be lost: then the count begins anew.
#[derive(Debug, Default)]
pub struct Contests(BTreeMap<NamespacedName, BTreeMap<String, Contest>>);

#[derive(Debug)]
struct Contest {
    repairs: u32,
    /// When it was put back last.
    last: Instant,
    /// Whether it was to be put back again since.
    is_put_off: bool,
    opponent: Option<Opponent>,
}

/// Who changes an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opponent {
    /// Field manager, if the API server tells it.
    pub manager: Option<String>,
    /// The field that is changed.
    pub field: String,
}

/// Whether an object is put back now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// It is. Whoever has done it calls [`Contests::repaired`].
    Now,
    /// Not yet. Who the others are is known.
    Later,
    /// Not yet, and it is time to find out who the others are: see [`Contests::name`].
    LaterUnnamed,
}

/// An object that others change again and again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contested {
    /// Kind and name.
    pub object: String,
    /// Who changes it.
    pub opponent: Opponent,
}

impl Contest {
    fn delay(&self) -> Duration {
        let Some(doublings) = self.repairs.checked_sub(AT_ONCE) else {
            return Duration::ZERO;
        };
        let delay = MIN_DELAY.saturating_mul(2_u32.saturating_pow(doublings));
        delay.min(MAX_DELAY)
    }

    fn next(&self) -> Instant {
        self.last + self.delay()
    }

    fn end(&self) -> Instant {
        self.last + CALM
    }
}

impl Contests {
    /// Asks whether an object of an instance is put back now that others have changed it.
    pub fn ask(&mut self, instance: &NamespacedName, object: &str, now: Instant) -> Turn {
        let known = self.0.get_mut(instance);
        let known = known.and_then(|known| known.get_mut(object));
        let Some(contest) = known.filter(|contest| now < contest.next()) else {
            return Turn::Now;
        };
        contest.is_put_off = true;
        match contest.opponent {
            Some(_) => Turn::Later,
            None => Turn::LaterUnnamed,
        }
    }

    /// An object was put back.
    pub fn repaired(&mut self, instance: &NamespacedName, object: &str, now: Instant) {
        let known = self.0.entry(instance.clone()).or_default();
        known.retain(|_, contest| now < contest.end());
        let contest = known.entry(object.to_owned()).or_insert(Contest {
            repairs: 0,
            last: now,
            is_put_off: false,
            opponent: None,
        });
        contest.repairs = contest.repairs.saturating_add(1);
        contest.last = now;
        contest.is_put_off = false;
    }

    /// Remembers who changes an object that is not put back yet.
    pub fn name(&mut self, instance: &NamespacedName, object: &str, opponent: Opponent) {
        let known = self.0.get_mut(instance);
        if let Some(contest) = known.and_then(|known| known.get_mut(object)) {
            contest.opponent = Some(opponent);
        }
    }

    /// The contested objects of an instance, sorted, and when that changes or one of them is put back at the latest.
    pub fn of(
        &self,
        instance: &NamespacedName,
        now: Instant,
    ) -> (Vec<Contested>, Option<Duration>) {
        let known = self.0.get(instance).into_iter().flatten();
        let lasting = known.filter(|(_, contest)| now < contest.end());
        let contested = lasting.filter_map(|(object, contest)| {
            let opponent = contest.opponent.clone()?;
            let due = if contest.is_put_off {
                contest.next()
            } else {
                contest.end()
            };
            let found = Contested {
                object: object.clone(),
                opponent,
            };
            Some((found, due.saturating_duration_since(now)))
        });
        let (contested, due): (Vec<_>, Vec<_>) = contested.unzip();
        (contested, due.into_iter().min())
    }

    /// Forgets an instance that is gone.
    pub fn forget(&mut self, instance: &NamespacedName) {
        self.0.remove(instance);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OBJECT: &str = "Service files-smb";

    fn files() -> NamespacedName {
        NamespacedName {
            namespace: "team-a".to_owned(),
            name: "files".to_owned(),
        }
    }

    fn opponent() -> Opponent {
        Opponent {
            manager: Some("somebody".to_owned()),
            field: "spec.selector".to_owned(),
        }
    }

    /// Somebody changes the object every 100 ms. Returns the seconds at which it is put back.
    fn fight(contests: &mut Contests, from: Instant, seconds: u64) -> Vec<u64> {
        let moments = (0..seconds * 10).map(|tick| Duration::from_millis(tick * 100));
        let repairs = moments.filter(|after| {
            let turn = contests.ask(&files(), OBJECT, from + *after);
            if turn == Turn::LaterUnnamed {
                contests.name(&files(), OBJECT, opponent());
            }
            if turn == Turn::Now {
                contests.repaired(&files(), OBJECT, from + *after);
            }
            turn == Turn::Now
        });
        repairs.map(|after| after.as_secs()).collect()
    }

    #[test]
    fn a_fight_that_goes_on_costs_a_write_a_minute() {
        let (mut contests, from) = (Contests::default(), Instant::now());
        let repairs = fight(&mut contests, from, 600);
        let (at_once, slow) = repairs.split_at(AT_ONCE as usize);
        assert_eq!(at_once, [0; AT_ONCE as usize]);
        let pauses: Vec<_> = slow.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert_eq!(pauses[..7], [2, 4, 8, 16, 32, 60, 60]);
        assert!(pauses[5..].iter().all(|pause| *pause == 60));
    }

    #[test]
    fn changes_now_and_then_are_put_back_at_once_and_contest_nothing() {
        let (mut contests, from) = (Contests::default(), Instant::now());
        for number in 0..100 {
            let now = from + CALM * number;
            assert_eq!(contests.ask(&files(), OBJECT, now), Turn::Now, "{number}");
            contests.repaired(&files(), OBJECT, now);
            assert_eq!(contests.of(&files(), now), (Vec::new(), None));
        }
    }

    #[test]
    fn an_object_is_contested_until_it_has_needed_no_repair_for_two_minutes() {
        let (mut contests, from) = (Contests::default(), Instant::now());
        fight(&mut contests, from, 3);
        let expected = Contested {
            object: OBJECT.to_owned(),
            opponent: opponent(),
        };
        // One that is put off is due when it may be put back, also if that is over by now.
        for (after, most) in [(3, 2), (10, 0)] {
            let (contested, due) = contests.of(&files(), from + Duration::from_secs(after));
            assert_eq!(contested, std::slice::from_ref(&expected));
            assert!(
                due.is_some_and(|due| due <= Duration::from_secs(most)),
                "{due:?}"
            );
        }
        let at = from + Duration::from_secs(10);
        assert_eq!(contests.ask(&files(), OBJECT, at), Turn::Now);
        contests.repaired(&files(), OBJECT, at);
        let (contested, due) = contests.of(&files(), at);
        assert_eq!(contested, [expected]);
        assert_eq!(due, Some(CALM));
        assert_eq!(contests.of(&files(), at + CALM), (Vec::new(), None));
        assert_eq!(contests.ask(&files(), OBJECT, at + CALM), Turn::Now);
    }

    #[test]
    fn objects_and_instances_are_counted_apart_and_forgotten_together() {
        let (mut contests, now) = (Contests::default(), Instant::now());
        fight(&mut contests, now, 2);
        assert_eq!(contests.ask(&files(), OBJECT, now), Turn::Later);
        assert_eq!(contests.ask(&files(), "Service files-nfs", now), Turn::Now);
        let other = NamespacedName {
            name: "other".to_owned(),
            ..files()
        };
        assert_eq!(contests.ask(&other, OBJECT, now), Turn::Now);
        contests.forget(&files());
        assert_eq!(contests.ask(&files(), OBJECT, now), Turn::Now);
        assert_eq!(contests.of(&files(), now), (Vec::new(), None));
    }
}
