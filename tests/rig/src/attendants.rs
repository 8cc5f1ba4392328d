//! The thread of what a cloud would do for a cluster: volumes and load balancers.

use crate::access::{Access, Error};
use crate::{load_balancer, volumes};
use std::thread::JoinHandle;
use tokio::sync::oneshot;

/// Runs until dropped.
#[derive(Debug)]
pub(crate) struct Attendants {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Attendants {
    pub(crate) fn start(access: &Access) -> Result<Self, Error> {
        let (stop, stopped) = oneshot::channel();
        let access = access.clone();
        let thread = std::thread::Builder::new()
            .name("rig-attendants".to_owned())
            .spawn(move || {
                if let Err(error) = access.block_on(|| attend(&access, stopped)).flatten() {
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

async fn attend(access: &Access, stopped: oneshot::Receiver<()>) -> Result<(), Error> {
    let client = access.attendant()?;
    tokio::select! {
        () = volumes::run(client.clone(), access.state.volumes()) => {}
        () = load_balancer::run(client) => {}
        // A dropped sender means the same as a message.
        _ = stopped => {}
    }
    Ok(())
}

impl Drop for Attendants {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // Its panic has been printed, and the cluster ends all the same.
            let _ = thread.join();
        }
    }
}
