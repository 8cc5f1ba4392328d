//! The thread of what a cloud would do for a cluster: volumes and load balancers.

pub mod load_balancer;
mod retry;
mod volumes;

use crate::cluster::access::{Access, Error};
use std::thread::JoinHandle;
use tokio::sync::oneshot;

/// Runs until dropped.
#[derive(Debug)]
pub(crate) struct Cloud {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Cloud {
    pub(crate) fn start(access: &Access) -> Result<Self, Error> {
        let (stop, stopped) = oneshot::channel();
        let access = access.clone();
        let thread = std::thread::Builder::new()
            .name("rig-cloud".to_owned())
            .spawn(move || {
                if let Err(error) = access.block_on(|| serve(&access, stopped)).flatten() {
                    eprintln!("rig: volumes and load balancers are not served: {error}");
                }
            })
            .map_err(Error::Runtime)?;
        Ok(Self {
            stop: Some(stop),
            thread: Some(thread),
        })
    }
}

async fn serve(access: &Access, stopped: oneshot::Receiver<()>) -> Result<(), Error> {
    let client = access.rig_client()?;
    tokio::select! {
        () = volumes::run(client.clone(), access.state.volumes()) => {}
        () = load_balancer::run(client) => {}
        // A dropped sender means the same as a message.
        _ = stopped => {}
    }
    Ok(())
}

impl Drop for Cloud {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // Its panic has been printed, and the cluster ends all the same.
            let _ = thread.join();
        }
    }
}
