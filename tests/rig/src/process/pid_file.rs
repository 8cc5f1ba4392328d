//! PID files of running programs, so that the reaper ends exactly those and no others.
//!
//! A PID file holds the program's own line of `/proc/PID/stat`: its id and its start time together name a
//! process for all times, an id alone may have been given to another process since.

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::path::Path;

/// One process, even if its id is used again later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PidFile {
    pid: i32,
    start_time: u64,
}

impl PidFile {
    /// Reads the file.
    pub fn read(path: &Path) -> Option<Self> {
        parse(&std::fs::read_to_string(path).ok()?).map(|(process, _)| process)
    }

    /// The process id.
    pub fn pid(self) -> i32 {
        self.pid
    }

    /// Whether the process still runs. A zombie has ended: only its parent has not looked yet.
    pub fn is_running(self) -> bool {
        let now = std::fs::read_to_string(format!("/proc/{}/stat", self.pid));
        let now = now.ok().and_then(|line| parse(&line));
        matches!(now, Some((process, state)) if process == self && !matches!(state, 'Z' | 'X'))
    }

    /// Signals the process, unless it has ended.
    pub fn signal(self, signal: Signal) {
        if self.is_running() {
            // It may have ended in between, and then there is nothing left to do.
            let _ = kill(Pid::from_raw(self.pid), signal);
        }
    }
}

/// The process and the state letter. The second field is a name in brackets that may contain both
/// brackets and spaces, so the fields are counted from the last bracket.
fn parse(line: &str) -> Option<(PidFile, char)> {
    let (pid, rest) = line.split_once(' ')?;
    let (_, fields) = rest.rsplit_once(") ")?;
    let mut fields = fields.split_whitespace();
    let state = fields.next()?.chars().next()?;
    // The start time is field 22 of the line, the state is field 3.
    let start_time = fields.nth(22 - 3 - 1)?.parse().ok()?;
    let pid = pid.parse().ok()?;
    Some((PidFile { pid, start_time }, state))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = "4711 (a ) b (c) S 1 4711 4711 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 998877 \
                        1 2 3";

    #[test]
    fn reads_id_state_and_start_time_past_any_name() {
        let process = PidFile {
            pid: 4711,
            start_time: 998_877,
        };
        assert_eq!(parse(LINE), Some((process, 'S')));
        assert_eq!(parse("4711 (cut off) S 1"), None);
        assert_eq!(parse(""), None);
    }

    #[test]
    fn this_test_runs_and_a_namesake_with_another_start_time_does_not() {
        let path = format!("/proc/{}/stat", std::process::id());
        let own = PidFile::read(Path::new(&path)).unwrap();
        assert!(own.is_running());
        let later = PidFile {
            start_time: own.start_time + 1,
            ..own
        };
        assert!(!later.is_running());
    }
}
