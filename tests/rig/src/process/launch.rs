//! Starts the programs of one cluster, each with a PID file before it can do anything.

use crate::cluster::state::StateDir;
use crate::files::{self, FileError};
use crate::process::cgroup::Group;
use crate::process::namespaces::{self, Namespaces};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{Id, WaitPidFlag, waitid};
use nix::unistd::Pid;
use std::fs::File;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;

/// The shell writes its PID file, joins the control group, and becomes the program: at no moment
/// does the program run without a PID file, even if the rig is killed just then.
/// `$0` the PID file to write, `$1` the control group's file or nothing, then the command line.
const WRITE_PID_JOIN_EXEC: &str = r#"
set -e
IFS= read -r stat < "/proc/$$/stat"
printf '%s\n' "$stat" > "$0"
if [ -n "$1" ]; then echo "$$" > "$1"; fi
shift
exec "$@"
"#;

const LOG_LINES_IN_ERRORS: usize = 12;

/// A program could not be started.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// `sh` did not start.
    #[error("cannot start {program}: {source}")]
    NotStarted {
        /// Which program.
        program: &'static str,
        /// Why.
        source: std::io::Error,
    },
    /// The log file.
    #[error(transparent)]
    File(#[from] FileError),
    /// The namespaces could not be entered.
    #[error(transparent)]
    Namespaces(#[from] namespaces::Error),
}

/// What to start.
#[derive(Clone, Debug)]
pub(crate) struct Program {
    pub(crate) name: &'static str,
    pub(crate) executable: PathBuf,
    pub(crate) arguments: Vec<String>,
}

/// Starts programs in the places of one cluster.
#[derive(Debug)]
pub(crate) struct Launcher {
    pub(crate) state: StateDir,
    pub(crate) group: Option<Group>,
    pub(crate) namespaces: Option<Arc<Namespaces>>,
    /// PATH of the programs.
    pub(crate) path: String,
}

impl Launcher {
    /// Starts a program; its output goes to its log in the state folder.
    pub(crate) fn start(&self, program: &Program) -> Result<Running, Error> {
        let mut command = self.command(program)?;
        let spawned = match &self.namespaces {
            Some(namespaces) => namespaces.run(|| command.spawn())?,
            None => command.spawn(),
        };
        let child = spawned.map_err(|source| Error::NotStarted {
            program: program.name,
            source,
        })?;
        Ok(Running {
            name: program.name,
            log: self.state.log(program.name),
            child,
        })
    }

    fn command(&self, program: &Program) -> Result<Command, Error> {
        let log = self.state.log(program.name);
        let open = || {
            File::options()
                .create(true)
                .append(true)
                .open(&log)
                .map_err(|e| FileError::new("open the log", &log, e))
        };
        let mut command = Command::new("/bin/sh");
        command
            .args(["-c", WRITE_PID_JOIN_EXEC])
            .arg(self.state.pid_files().join(program.name))
            .arg(
                self.group
                    .as_ref()
                    .map_or_else(PathBuf::new, Group::joining_file),
            )
            .arg(&program.executable)
            .args(&program.arguments)
            .current_dir(self.state.path())
            // Proxies, kubeconfigs and the like of the caller are not for the cluster.
            .env_clear()
            .env("PATH", &self.path)
            .env("HOME", self.state.path())
            // Ctrl-C at a terminal goes to the foreground group only: the end is the reaper's job.
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(open()?)
            .stderr(open()?);
        Ok(command)
    }
}

/// A started program.
#[derive(Debug)]
pub(crate) struct Running {
    name: &'static str,
    child: Child,
    log: PathBuf,
}

impl Running {
    /// Its process id, the same before and after the shell became the program.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Complains if the program has ended by itself.
    pub(crate) fn check(&mut self) -> Result<(), String> {
        match self.child.try_wait() {
            Ok(Some(status)) => Err(self.died(status)),
            _ => Ok(()),
        }
    }

    /// The end of the program's log, for error messages.
    pub(crate) fn log_tail(&self) -> String {
        log_tail(self.name, &self.log)
    }

    fn died(&self, status: ExitStatus) -> String {
        format!(
            "{} ended by itself ({status}); {}",
            self.name,
            self.log_tail()
        )
    }

    /// Signals the program. Its id stays its own as long as nobody has waited for it.
    pub(crate) fn signal(&mut self, signal: Signal) {
        if let (Ok(None), Ok(pid)) = (self.child.try_wait(), i32::try_from(self.child.id())) {
            // It may just have ended, and then there is nothing to signal.
            let _ = kill(Pid::from_raw(pid), signal);
        }
    }

    /// Stops all its threads. Returns when they have stopped: on a busy machine that takes a while.
    pub(crate) fn pause(&mut self) {
        self.signal(Signal::SIGSTOP);
        if let Ok(pid) = i32::try_from(self.child.id()) {
            // It is only looked at: what ends here is reaped as ever.
            let flags = WaitPidFlag::WSTOPPED | WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT;
            let _ = waitid(Id::Pid(Pid::from_raw(pid)), flags);
        }
    }

    /// Kills the program and waits until it is gone.
    pub(crate) fn kill(mut self) {
        // Both fail only for a program that has already been waited for.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Takes note of the end of a program that somebody else ended.
    pub(crate) fn reap(mut self) {
        let _ = self.child.try_wait();
    }
}

fn log_tail(name: &str, log: &Path) -> String {
    let words = files::tail(log, LOG_LINES_IN_ERRORS);
    if words.is_empty() {
        format!("{name} logged nothing")
    } else {
        format!("the end of its log:\n{words}")
    }
}
