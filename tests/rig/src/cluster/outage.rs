//! Outages on purpose.

use crate::cluster::{Cluster, Error};
use crate::process::command;
use nix::sys::signal::Signal;
use std::path::PathBuf;
use std::process::Command;

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

    /// Copies the data of the cluster. The API server is away meanwhile. Only in a cluster without a node.
    pub fn save_data(&self) -> Result<(), Error> {
        self.with_data_at_rest(|data, copy| {
            vec![vec!["rm", "-rf", copy], vec!["cp", "-r", data, copy]]
        })
    }

    /// Puts the copy in place of the data: all that has happened since is undone, and versions go back. The API server
    /// is away meanwhile. Only in a cluster without a node.
    pub fn restore_data(&self) -> Result<(), Error> {
        self.with_data_at_rest(|data, copy| {
            vec![vec!["rm", "-rf", data], vec!["cp", "-r", copy, data]]
        })
    }

    fn with_data_at_rest(
        &self,
        commands: impl for<'a> Fn(&'a str, &'a str) -> Vec<Vec<&'a str>>,
    ) -> Result<(), Error> {
        self.stop_api_server();
        if let Some(running) = self.lock_etcd().take() {
            running.kill();
        }
        let path = |name: &str| -> PathBuf { self.access.state.join(name) };
        let (data, copy) = (path("etcd"), path("etcd-copy"));
        for words in commands(&data.to_string_lossy(), &copy.to_string_lossy()) {
            command::run(Command::new(words[0]).args(&words[1..]))?;
        }
        *self.lock_etcd() = Some(self.launcher.start(&self.etcd)?);
        self.start_api_server()
    }
}
