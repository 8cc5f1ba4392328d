//! The adapters' real listeners. A client gets the line `dittofs-simulator <type>` and then every
//! line back, so that a probe can tell who answers. The line `work <milliseconds>` comes back only
//! after that time, and stopping waits for it: so a test can keep a drain busy.

use std::{collections::BTreeMap, io, sync::Arc, time::Duration};

use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    task::{JoinHandle, JoinSet},
    time::{Instant, sleep, sleep_until, timeout},
};
use tracing::{info, warn};

use crate::{
    clients::ClientCounts,
    simulator,
    stop::{self, Stopped, Stopper},
};

/// How long an idle client is kept when its adapter stops.
const IDLE_GRACE: Duration = Duration::from_millis(100);

/// The open listeners, by adapter type.
pub(crate) struct Listeners {
    open: BTreeMap<String, Open>,
    drain_limit: Duration,
    clients: Arc<ClientCounts>,
}

struct Open {
    stop: Stopper,
    task: JoinHandle<()>,
}

impl Listeners {
    /// No listeners yet; each will wait at most `drain_limit` for work in flight.
    pub(crate) fn new(drain_limit: Duration, clients: Arc<ClientCounts>) -> Self {
        Self {
            open: BTreeMap::new(),
            drain_limit,
            clients,
        }
    }

    /// Listens for clients of an adapter on all addresses.
    pub(crate) async fn open(&mut self, kind: &str, port: u16) -> io::Result<()> {
        let listener = simulator::bind("0.0.0.0", port).await?;
        let (stop, stopped) = stop::channel();
        let clients = Arc::clone(&self.clients);
        let serving = serve(
            listener,
            kind.to_owned(),
            stopped,
            self.drain_limit,
            clients,
        );
        let task = tokio::spawn(serving);
        self.open.insert(kind.to_owned(), Open { stop, task });
        info!(adapter = kind, port, "adapter listens");
        Ok(())
    }

    /// Stops an adapter's listener, if it has one, and waits for its clients.
    pub(crate) async fn close(&mut self, kind: &str) {
        if let Some(open) = self.open.remove(kind) {
            open.stop.stop();
            if open.task.await.is_err() {
                warn!(adapter = kind, "the listener ended on its own");
            }
            info!(adapter = kind, "adapter stopped");
        }
    }

    /// Stops all listeners, one after the other, each with its own time to wait for clients.
    pub(crate) async fn close_all(&mut self) {
        let kinds: Vec<String> = self.open.keys().cloned().collect();
        for kind in kinds {
            self.close(&kind).await;
        }
    }
}

async fn serve(
    listener: TcpListener,
    kind: String,
    stopped: Stopped,
    limit: Duration,
    counts: Arc<ClientCounts>,
) {
    let mut clients = JoinSet::new();
    let mut stop = stopped.clone();
    loop {
        tokio::select! {
            () = stop.requested() => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    let guard = counts.enter(&kind);
                    let talk = talk(stream, kind.clone(), stopped.clone());
                    clients.spawn(async move {
                        let _guard = guard;
                        talk.await
                    });
                }
                Err(error) => {
                    // Out of descriptors, for example; trying again at once would spin.
                    warn!(adapter = kind, %error, "cannot accept a client");
                    sleep(IDLE_GRACE).await;
                }
            },
            Some(_) = clients.join_next() => {}
        }
    }
    drop(listener);
    drain(clients, limit).await;
}

/// Waits for clients, but not forever; never shorter than the grace, so that a port change can be
/// seen from outside as `running: false`.
async fn drain(mut clients: JoinSet<io::Result<()>>, limit: Duration) {
    let end = Instant::now() + IDLE_GRACE;
    let all = async { while clients.join_next().await.is_some() {} };
    if timeout(limit.max(IDLE_GRACE), all).await.is_err() {
        warn!(
            clients = clients.len(),
            "clients cut off: the drain took too long"
        );
        clients.shutdown().await;
    }
    sleep_until(end).await;
}

async fn talk(stream: TcpStream, kind: String, mut stop: Stopped) -> io::Result<()> {
    let (reader, mut writer) = stream.into_split();
    writer
        .write_all(format!("dittofs-simulator {kind}\n").as_bytes())
        .await?;
    let mut lines = BufReader::new(reader).lines();
    let cut = async {
        stop.requested().await;
        sleep(IDLE_GRACE).await;
    };
    tokio::pin!(cut);
    loop {
        let line = tokio::select! {
            () = &mut cut => return Ok(()),
            line = lines.next_line() => line?,
        };
        let Some(line) = line else { return Ok(()) };
        sleep(work_in(&line)).await;
        writer.write_all(format!("{line}\n").as_bytes()).await?;
    }
}

fn work_in(line: &str) -> Duration {
    let asked = line
        .strip_prefix("work ")
        .and_then(|ms| ms.trim().parse().ok());
    Duration::from_millis(asked.unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::free_ports;

    async fn client(port: u16) -> BufReader<TcpStream> {
        BufReader::new(TcpStream::connect(("127.0.0.1", port)).await.unwrap())
    }

    async fn line(client: &mut BufReader<TcpStream>) -> String {
        let mut line = String::new();
        client.read_line(&mut line).await.unwrap();
        line
    }

    #[tokio::test]
    async fn clients_are_greeted_and_echoed_and_idle_ones_cut() {
        let port = free_ports(1).unwrap()[0];
        let mut listeners = Listeners::new(Duration::from_secs(5), Arc::default());
        listeners.open("nfs", port).await.unwrap();
        let mut client = client(port).await;
        assert_eq!(line(&mut client).await, "dittofs-simulator nfs\n");
        client.write_all(b"ping\n").await.unwrap();
        assert_eq!(line(&mut client).await, "ping\n");
        let began = Instant::now();
        listeners.close("nfs").await;
        assert!(began.elapsed() >= IDLE_GRACE && began.elapsed() < Duration::from_secs(4));
        assert_eq!(line(&mut client).await, "", "cut off");
        assert!(TcpStream::connect(("127.0.0.1", port)).await.is_err());
    }

    #[tokio::test]
    async fn work_in_flight_is_waited_for_up_to_the_limit() {
        for (work, answered) in [("work 300\n", true), ("work 60000\n", false)] {
            let port = free_ports(1).unwrap()[0];
            let mut listeners = Listeners::new(Duration::from_secs(1), Arc::default());
            listeners.open("smb", port).await.unwrap();
            let mut client = client(port).await;
            line(&mut client).await;
            client.write_all(work.as_bytes()).await.unwrap();
            // Let the line arrive before the stop does.
            sleep(Duration::from_millis(50)).await;
            listeners.close_all().await;
            assert_eq!(line(&mut client).await == work, answered, "{work}");
        }
    }

    #[tokio::test]
    async fn a_port_has_one_listener() {
        let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = taken.local_addr().unwrap().port();
        let mut listeners = Listeners::new(Duration::ZERO, Arc::default());
        assert!(listeners.open("smb", port).await.is_err());
    }
}
