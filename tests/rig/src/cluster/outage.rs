//! Outages on purpose.

use crate::cluster::{Cluster, Error};
use nix::sys::signal::Signal;

impl Cluster {
    /// Kills the API server as a power cut would: connections break, then are refused. Its data
    /// stays. Does nothing if it is stopped already.
    pub fn stop_api_server(&self) {
        if let Some(running) = self.lock_api_server().take() {
            running.kill();
        }
    }

    /// Starts the API server again, on the same address with the same data, and waits until it is
    /// ready. Does nothing if it runs.
    ///
    /// Blocks; from async code inside [`crate::block_on_in`] it stops that thread's other tasks
    /// meanwhile.
    pub fn start_api_server(&self) -> Result<(), Error> {
        {
            let mut slot = self.lock_api_server();
            if slot.is_none() {
                *slot = Some(self.launcher.start(&self.api_server)?);
            }
        }
        self.wait_until_api_server_is_ready()
    }

    /// Freezes the API server: connections stay open and nothing answers.
    pub fn pause_api_server(&self) {
        if let Some(running) = self.lock_api_server().as_mut() {
            running.pause();
        }
    }

    /// Lets a frozen API server go on.
    pub fn resume_api_server(&self) {
        if let Some(running) = self.lock_api_server().as_mut() {
            running.signal(Signal::SIGCONT);
        }
    }
}
