//! Pure: when the listening ports are read, and when the REST API is polled.
//!
//! ```text
//! ports     every 50 ms for two minutes after a change, then every 200 ms; every 2 s where a look is costly
//! poll      at once        when a port has opened or closed that can matter, 40 ms after the last poll at the earliest
//!           soon           while something is in motion: every `pollingInterval`, and 2 s at most
//!           at a moment    when a removal hold ends, or what was seen is due to be confirmed
//!           otherwise      every `resyncInterval`
//! ```
//!
//! A port that opens or closes is only a reason to poll. What is published is what the server says.
//!
//! # Why polls become rarer
//! Motion can last for ever: an adapter that cannot bind never listens, a hold may be a day, a server may be down for a
//! week. Each poll is a line in the server's log, and no poll can help there. So the time between two polls is at least one
//! thirtieth of the time since the last change, up to `resyncInterval`. With the defaults polls come every 500 ms for 15 s,
//! every 2 s after a minute and every 30 s after a quarter of an hour: what the sidecar does not see by a port, it sees late
//! by a thirtieth of the time that the user has waited anyway. The same bound holds for ports that open and close for ever.

use crate::listening::Ports;
use std::time::Duration;

/// How long a change is followed closely.
const CLOSE_WATCH: Duration = Duration::from_mins(2);
/// Between two looks at the ports while a change is followed closely, and otherwise.
const CLOSE_LOOK: Duration = Duration::from_millis(50);
const LOOK: Duration = Duration::from_millis(200);
/// Between two looks that are costly.
const COSTLY_LOOK: Duration = Duration::from_secs(2);
/// Between the end of a poll and one that a port causes.
const LEAST_GAP: Duration = Duration::from_millis(40);
/// The longest interval in motion. Objects of the Go operator have a `pollingInterval` of 30 s, which was meant for rest.
const MOST_IN_MOTION: Duration = Duration::from_secs(2);
/// How long there is motion after a port has opened or closed: the server may list the change later.
const AFTERSHOCK: Duration = Duration::from_secs(5);
/// The interval between polls is at least this part of the time since the last change.
const PART: u32 = 30;
/// Without a change of the ports for so long, the next one begins anew. Ports that change more often are one long change.
const LULL: Duration = Duration::from_mins(1);
/// From here on the kernel gives ports to whoever does not ask for one. Those matter only if the server lists them.
const FIRST_EPHEMERAL: u16 = 32768;

/// The settings that matter here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// Between two polls in motion.
    pub polling: Duration,
    /// Between two polls at rest.
    pub resync: Duration,
}

/// What a poll has shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Finding {
    /// Whether it differs from the poll before.
    pub is_new: bool,
    /// Whether something is in motion.
    pub in_motion: bool,
    /// The moment after which a poll may decide something, if one is known. On the steady clock, like all times here.
    pub next: Option<Duration>,
    /// The ports of the adapters that the server lists. `None` leaves those of the poll before.
    pub listed: Option<Ports>,
}

/// What asks for a poll before it is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Asked {
    No,
    /// A port has opened or closed.
    ByPort,
    /// Anything else, which does not wait.
    AtOnce,
}

/// What is known of the past.
#[derive(Clone, Debug)]
pub struct Schedule {
    api_port: u16,
    /// The ports that the server lists.
    listed: Ports,
    /// The ports that were listened on at the last look. `None` before the first.
    ports: Option<Ports>,
    looked_at: Option<Duration>,
    /// Whether the last look has failed, so that no port can cause a poll.
    is_blind: bool,
    /// When a port last opened or closed.
    port_changed_at: Option<Duration>,
    /// Since when nothing has changed. Ports that change for ever do not move it.
    unchanged_since: Duration,
    /// When the last poll ended. `None` before the first.
    polled_at: Option<Duration>,
    /// What has asked for a poll since the last one began.
    asked: Asked,
    in_motion: bool,
    next: Option<Duration>,
}

impl Schedule {
    /// At the start of the sidecar: a look and a poll are due.
    pub fn new(api_port: u16) -> Self {
        Self {
            api_port,
            listed: Ports::new(),
            ports: None,
            looked_at: None,
            is_blind: false,
            port_changed_at: None,
            unchanged_since: Duration::ZERO,
            polled_at: None,
            asked: Asked::No,
            in_motion: true,
            next: None,
        }
    }

    /// A look at the ports; `None` when they cannot be known.
    pub fn looked(&mut self, ports: Option<Ports>, now: Duration) {
        self.looked_at = Some(now);
        self.is_blind = ports.is_none();
        let Some(ports) = ports else { return };
        let changed = self.ports.as_ref().is_some_and(|before| {
            let mut changes = before.symmetric_difference(&ports);
            changes.any(|port| self.matters(*port))
        });
        self.ports = Some(ports);
        if changed {
            let is_first = self.port_changed_at.is_none_or(|last| now > last + LULL);
            if is_first {
                self.unchanged_since = now;
            }
            self.port_changed_at = Some(now);
            self.asked = self.asked.max(Asked::ByPort);
        }
    }

    /// A poll begins: it will show whatever has asked for it.
    pub fn poll_begins(&mut self) {
        self.asked = Asked::No;
    }

    /// A poll has ended.
    pub fn polled(&mut self, finding: Finding, now: Duration) {
        self.polled_at = Some(now);
        if finding.is_new {
            self.unchanged_since = now;
        }
        self.in_motion = finding.in_motion;
        self.next = finding.next;
        if let Some(listed) = finding.listed {
            self.listed = listed;
        }
    }

    /// There is a reason to poll that is not a port.
    pub fn poll_at_once(&mut self) {
        self.asked = Asked::AtOnce;
    }

    /// When the next look at the ports is due.
    pub fn look_due(&self, is_costly: bool) -> Duration {
        let Some(looked_at) = self.looked_at else {
            return Duration::ZERO;
        };
        let changed_at = self.port_changed_at.unwrap_or_default();
        let quiet = looked_at.saturating_sub(changed_at.max(self.unchanged_since));
        looked_at
            + match (is_costly, quiet < CLOSE_WATCH) {
                (true, _) => COSTLY_LOOK,
                (false, true) => CLOSE_LOOK,
                (false, false) => LOOK,
            }
    }

    /// When the next poll is due.
    pub fn poll_due(&self, pace: Pace) -> Duration {
        let Some(last) = self.polled_at.filter(|_| self.asked < Asked::AtOnce) else {
            return Duration::ZERO;
        };
        let mut due = last + self.interval(last, pace);
        if self.asked == Asked::ByPort {
            due = due.min(last + self.part_of_the_wait(last, LEAST_GAP, pace));
        }
        match self.next.filter(|next| *next > last) {
            Some(next) => due.min(next.max(last + LEAST_GAP)),
            None => due,
        }
    }

    /// From the poll that ended at `last` to the next one, if no port changes.
    fn interval(&self, last: Duration, pace: Pace) -> Duration {
        let changed_at = self.port_changed_at;
        let shakes = changed_at.is_some_and(|changed| last.saturating_sub(changed) < AFTERSHOCK);
        let in_motion = pace.polling.min(MOST_IN_MOTION);
        if self.in_motion || shakes {
            self.part_of_the_wait(last, in_motion, pace)
        } else if self.is_blind {
            MOST_IN_MOTION.min(pace.resync)
        } else {
            pace.resync
        }
    }

    /// At least `shortest`, and more after a long time without a change.
    fn part_of_the_wait(&self, last: Duration, shortest: Duration, pace: Pace) -> Duration {
        let part = last.saturating_sub(self.unchanged_since) / PART;
        part.max(shortest).min(pace.resync)
    }

    /// Whether a port may be one of the server.
    fn matters(&self, port: u16) -> bool {
        port < FIRST_EPHEMERAL || port == self.api_port || self.listed.contains(&port)
    }
}

#[cfg(test)]
mod tests;
