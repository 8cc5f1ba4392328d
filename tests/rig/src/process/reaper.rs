//! The process that ends a cluster, whatever happens to the process that started it.
//!
//! ```text
//! test or xtask ──pipe── reaper        The pipe says nothing. It ends when the left side closes it,
//!       │                   │          returns, panics, is interrupted or is killed: then the reaper
//!       └── etcd, kubelet … ┘          ends everything that has a PID file and removes the state folder.
//! ```
//!
//! There is no other way a cluster ends, so this one is well tried.

use crate::cluster::state::StateDir;
use crate::files::{self, FileError};
use crate::process::cleanup;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};

/// Set for the reaper only: the state folder of the cluster it is to end.
const STATE: &str = "DITTOFS_RIG_REAPER";
/// Set by users who want to look at the logs afterwards.
pub const KEEP_STATE: &str = "DITTOFS_RIG_KEEP_STATE";
const GREETING: &str = "the reaper waits";

/// The reaper could not be started, or could not end everything.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The executable could not be started again.
    #[error("cannot start this program again as the reaper: {0}")]
    NotStarted(#[source] std::io::Error),
    /// Nobody knows how it ended.
    #[error("cannot wait for the reaper: {0}")]
    Lost(#[source] std::io::Error),
    /// Somebody forgot a line.
    #[error(
        "this program starts clusters, so its main must call `dittofs_rig::reaper::main_if_requested()` first"
    )]
    NotCalled,
    /// A reaper wants a cluster.
    #[error("a reaper does not start clusters: the variable {STATE} is set")]
    Nested,
    /// Its log.
    #[error(transparent)]
    File(#[from] FileError),
    /// Something is left over.
    #[error("the cluster did not end cleanly; {state} is left for you to look at:\n{report}", state = state.display())]
    Leftovers {
        /// The state folder.
        state: PathBuf,
        /// What the reaper wrote.
        report: String,
    },
}

/// Becomes the reaper if this process was started as one, and then never returns.
///
/// Call it first in the `main` of every program that starts clusters.
pub fn main_if_requested() {
    let Some(path) = std::env::var_os(STATE) else {
        return;
    };
    let state = StateDir::at(path.into());
    println!("{GREETING}");
    // Only the end of the pipe matters, not what comes or fails on the way there.
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
    let keep = std::env::var_os(KEEP_STATE).is_some_and(|value| !value.is_empty());
    match cleanup::clean_up(&state, keep) {
        Ok(()) => std::process::exit(0),
        Err(leftovers) => {
            eprintln!("{leftovers}");
            std::process::exit(1);
        }
    }
}

/// The hold on a reaper. Letting go of it ends the cluster and waits until it is gone.
#[derive(Debug)]
pub(crate) struct Reaper {
    state: StateDir,
    child: Child,
    pipe: Option<ChildStdin>,
}

impl Reaper {
    /// Starts this very executable once more, as the reaper of that state folder.
    pub(crate) fn start(state: &StateDir, keep: bool) -> Result<Self, Error> {
        if std::env::var_os(STATE).is_some() {
            return Err(Error::Nested);
        }
        let log = log(state);
        let stderr = File::create(&log).map_err(|e| FileError::new("create", &log, e))?;
        let mut command = Command::new("/proc/self/exe");
        command
            .arg0("rig-reaper")
            .env(STATE, state.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(stderr)
            .current_dir("/")
            .process_group(0);
        if keep {
            command.env(KEEP_STATE, OsStr::new("1"));
        }
        let mut child = command.spawn().map_err(Error::NotStarted)?;
        let pipe = child.stdin.take();
        let mut reaper = Self {
            state: state.clone(),
            child,
            pipe,
        };
        reaper.await_greeting()?;
        Ok(reaper)
    }

    /// A program that does not know about reapers would do here what it always does, perhaps start
    /// clusters; it must not get away with it.
    fn await_greeting(&mut self) -> Result<(), Error> {
        let mut line = String::new();
        if let Some(stdout) = self.child.stdout.take() {
            // An unreadable greeting is a wrong greeting.
            let _ = BufReader::new(stdout).read_line(&mut line);
        }
        if line.trim_end() == GREETING {
            return Ok(());
        }
        // Not a reaper, so nothing it could have begun to end.
        let _ = self.child.kill();
        Err(Error::NotCalled)
    }

    /// Ends the cluster and waits for it.
    pub(crate) fn finish(&mut self) -> Result<(), Error> {
        let Some(pipe) = self.pipe.take() else {
            return Ok(());
        };
        drop(pipe);
        let status = self.child.wait().map_err(Error::Lost)?;
        if status.success() {
            return Ok(());
        }
        Err(Error::Leftovers {
            state: self.state.path().to_owned(),
            report: files::tail(&log(&self.state), 20),
        })
    }
}

impl Drop for Reaper {
    fn drop(&mut self) {
        if let Err(error) = self.finish() {
            eprintln!("rig: {error}");
        }
    }
}

fn log(state: &StateDir) -> PathBuf {
    state.log("reaper")
}
