//! Which requests and events of a program meet a fault, by their number. What was met is written down.

use http::StatusCode;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// What meets a request that changes something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The program is killed before the API server has heard of it.
    KillBefore,
    /// The API server does it, and the program is killed before it hears of that.
    KillAfter,
    /// The API server never hears of it, and the program gets this answer.
    Refuse(StatusCode),
    /// The API server does it, and the program gets this answer.
    Conceal(StatusCode),
    /// The connection is cut before the API server has heard of it.
    Cut,
    /// The API server does it, and the connection is cut.
    CutAfter,
    /// It is passed on later.
    Delay(Duration),
}

/// What meets an event of a watch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventFault {
    /// This one and those after it do not arrive, until the watch ends.
    Deaf,
    /// It arrives twice.
    Twice,
    /// It arrives after the next one of the watch, unless that one is about the same object.
    Swapped,
    /// Half of it arrives, and the connection ends.
    Half,
    /// It does not arrive: the watch ends because its version is too old.
    Expired,
}

/// The faults of one run. Numbers begin with 0 when the plan begins.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// By the number of the request, of those that change something.
    pub writes: BTreeMap<usize, Fault>,
    /// By the number of the event, of all watches together.
    pub events: BTreeMap<usize, EventFault>,
}

/// A request that changes something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// `PATCH`, `POST`, `DELETE` …
    pub method: String,
    /// Path and query.
    pub target: String,
    /// What was sent.
    pub body: String,
    /// What it met.
    pub fault: Option<Fault>,
    /// When it came.
    pub at: Instant,
}

impl Written {
    /// Whether it only reports: Events change nothing of an instance.
    pub fn is_report(&self) -> bool {
        self.target.contains("/events")
    }
}

/// The plan, and how far it has come.
#[derive(Debug, Default)]
pub(super) struct Script {
    plan: Plan,
    writes: Vec<Written>,
    events: usize,
    met: usize,
    victim: Option<u32>,
}

impl Script {
    /// Begins to count anew.
    pub(super) fn arm(&mut self, plan: Plan) {
        *self = Self {
            plan,
            victim: self.victim,
            ..Self::default()
        };
    }

    pub(super) fn set_victim(&mut self, process: u32) {
        self.victim = Some(process);
    }

    pub(super) fn write(&mut self, method: &str, target: &str, body: &[u8]) -> Option<Fault> {
        let fault = self.plan.writes.get(&self.writes.len()).copied();
        let kills = matches!(fault, Some(Fault::KillBefore | Fault::KillAfter));
        self.met += usize::from(fault.is_some() && !kills);
        self.writes.push(Written {
            method: method.to_owned(),
            target: target.to_owned(),
            body: String::from_utf8_lossy(body).into_owned(),
            fault,
            at: Instant::now(),
        });
        fault
    }

    pub(super) fn event(&mut self) -> Option<EventFault> {
        let fault = self.plan.events.get(&self.events).copied();
        self.events += 1;
        self.met += usize::from(fault.is_some());
        fault
    }

    /// Kills the program. Its id is its own until its end has been waited for, so it is only used once.
    pub(super) fn kill(&mut self) {
        let victim = self.victim.take().and_then(|id| i32::try_from(id).ok());
        if let Some(id) = victim {
            // It may have ended by itself.
            let killed = kill(Pid::from_raw(id), Signal::SIGKILL);
            self.met += usize::from(killed.is_ok());
        }
    }

    pub(super) fn writes(&self) -> &[Written] {
        &self.writes
    }

    pub(super) fn events(&self) -> usize {
        self.events
    }

    pub(super) fn met(&self) -> usize {
        self.met
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_meet_the_requests_of_their_numbers_and_are_counted() {
        let mut script = Script::default();
        script.write("PATCH", "/early", b"");
        script.arm(Plan {
            writes: BTreeMap::from([(1, Fault::Cut)]),
            events: BTreeMap::from([(0, EventFault::Twice)]),
        });
        assert_eq!(script.write("PATCH", "/a", b"{}"), None);
        assert_eq!(script.write("DELETE", "/b", b"{}"), Some(Fault::Cut));
        assert_eq!(script.event(), Some(EventFault::Twice));
        assert_eq!(script.event(), None);
        assert_eq!((script.met(), script.events()), (2, 2));
        let targets: Vec<_> = script
            .writes()
            .iter()
            .map(|one| one.target.as_str())
            .collect();
        assert_eq!(targets, ["/a", "/b"]);
    }
}
