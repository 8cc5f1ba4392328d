//! Clients of both protocols that ask again and again, and count: each 100 ms a new connection on which a question is asked and
//! answered, and one connection that is held open all the while.
//!
//! The real server is asked an NFS NULL call and an SMB2 NEGOTIATE. The simulator speaks neither: it greets, and sends every line
//! back.

use std::io::{Error, Result};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

const INTERVAL: Duration = Duration::from_millis(100);
/// A connection that is refused or cut counts at once.
const PATIENCE: Duration = Duration::from_secs(10);
const LONGEST_ANSWER: usize = 1 << 16;

/// What a client says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Question {
    /// A line, to the simulator.
    Line,
    /// The NULL procedure of NFSv3.
    NfsNull,
    /// The first word of an SMB client.
    SmbNegotiate,
}

impl Question {
    async fn ask(self, stream: &mut TcpStream) -> Result<()> {
        let right = match self {
            Self::Line => line(stream).await?,
            Self::NfsNull => nfs_null(stream).await?,
            Self::SmbNegotiate => smb_negotiate(stream).await?,
        };
        if right {
            Ok(())
        } else {
            Err(Error::other(format!("another answer than to {self:?}")))
        }
    }
}

/// Clients that ask until they are told to stop.
#[must_use]
pub struct Traffic {
    stop: Arc<AtomicBool>,
    tasks: Vec<(String, JoinHandle<Tally>)>,
}

#[derive(Debug, Default)]
struct Tally {
    answered: usize,
    failed: Vec<String>,
}

impl Traffic {
    /// Nobody asks yet.
    pub fn new() -> Self {
        Self {
            stop: Arc::default(),
            tasks: Vec::new(),
        }
    }

    /// A client that connects for each question.
    pub fn connecting(mut self, address: SocketAddr, question: Question) -> Self {
        let stop = Arc::clone(&self.stop);
        let task = tokio::spawn(repeat(stop, async move || {
            let mut stream = TcpStream::connect(address).await?;
            question.ask(&mut stream).await
        }));
        self.tasks
            .push((format!("new connections, {question:?}"), task));
        self
    }

    /// A client that asks all questions on one connection.
    ///
    /// # Errors
    /// The first connection cannot be made.
    pub async fn holding(mut self, address: SocketAddr, question: Question) -> Result<Self> {
        let stream = TcpStream::connect(address).await?;
        let stream = Arc::new(tokio::sync::Mutex::new(stream));
        let stop = Arc::clone(&self.stop);
        let task = tokio::spawn(repeat(stop, async move || {
            question.ask(&mut *stream.lock().await).await
        }));
        self.tasks
            .push((format!("one connection, {question:?}"), task));
        Ok(self)
    }

    /// Ends, and says what the clients met.
    ///
    /// # Errors
    /// A client got no answer at all, or one question was not answered.
    pub async fn finish(self) -> std::result::Result<(), Box<dyn std::error::Error + Send + Sync>> {
        self.stop.store(true, Ordering::Relaxed);
        let mut wrong = Vec::new();
        for (what, task) in self.tasks {
            let tally = task.await?;
            println!(
                "{what}: {} answered, {} not",
                tally.answered,
                tally.failed.len()
            );
            if tally.answered == 0 || !tally.failed.is_empty() {
                wrong.push(format!("{what}: {tally:?}"));
            }
        }
        if wrong.is_empty() {
            Ok(())
        } else {
            Err(wrong.join("\n").into())
        }
    }
}

impl Default for Traffic {
    fn default() -> Self {
        Self::new()
    }
}

async fn repeat(stop: Arc<AtomicBool>, mut once: impl AsyncFnMut() -> Result<()>) -> Tally {
    let mut tally = Tally::default();
    let began = Instant::now();
    let mut ticks = tokio::time::interval(INTERVAL);
    while !stop.load(Ordering::Relaxed) {
        ticks.tick().await;
        let at = began.elapsed();
        match tokio::time::timeout(PATIENCE, once()).await {
            Ok(Ok(())) => tally.answered += 1,
            Ok(Err(error)) => tally.failed.push(format!("{at:.1?}: {error}")),
            Err(_) => tally.failed.push(format!("{at:.1?}: no answer")),
        }
    }
    tally
}

/// The greeting comes before the first line that is sent back.
async fn line(stream: &mut TcpStream) -> Result<bool> {
    stream.write_all(b"ping\n").await?;
    let mut text = Vec::new();
    while !text.ends_with(b"ping\n") {
        if text.len() > LONGEST_ANSWER {
            return Ok(false);
        }
        text.push(stream.read_u8().await?);
    }
    Ok(true)
}

/// RFC 5531 and RFC 1813: a call of procedure 0 of program 100003, version 3, without credentials, as one record.
async fn nfs_null(stream: &mut TcpStream) -> Result<bool> {
    const XID: u32 = 0x0d17_70f5;
    const LAST_FRAGMENT: u32 = 1 << 31;
    let call = [XID, 0, 2, 100_003, 3, 0, 0, 0, 0, 0];
    let mut record = (LAST_FRAGMENT | 0x28).to_be_bytes().to_vec();
    record.extend(call.iter().flat_map(|word| word.to_be_bytes()));
    stream.write_all(&record).await?;
    let length = stream.read_u32().await? & !LAST_FRAGMENT;
    let mut reply = Vec::new();
    for _ in 0..length / 4 {
        reply.push(stream.read_u32().await?);
    }
    // A reply, accepted, without a verifier, that went well.
    Ok(reply == [XID, 1, 0, 0, 0, 0])
}

/// MS-SMB2: a NEGOTIATE request with the dialects 2.0.2, 2.1, 3.0 and 3.0.2.
async fn smb_negotiate(stream: &mut TcpStream) -> Result<bool> {
    const DIALECTS: [u16; 4] = [0x0202, 0x0210, 0x0300, 0x0302];
    let mut request = b"\xfeSMB".to_vec();
    request.extend(64_u16.to_le_bytes());
    request.resize(64, 0);
    for word in [36_u16, 4, 1, 0] {
        request.extend(word.to_le_bytes());
    }
    request.extend([0; 4]);
    request.extend([7; 16]);
    request.extend([0; 8]);
    request.extend(DIALECTS.iter().flat_map(|dialect| dialect.to_le_bytes()));
    let length = u32::try_from(request.len()).map_err(Error::other)?;
    stream.write_all(&length.to_be_bytes()).await?;
    stream.write_all(&request).await?;
    let length = usize::try_from(stream.read_u32().await?).map_err(Error::other)?;
    let mut answer = vec![0; length.min(LONGEST_ANSWER)];
    stream.read_exact(&mut answer).await?;
    // Protocol, and a status of zero.
    Ok(answer.starts_with(b"\xfeSMB") && answer.get(8..12) == Some(&[0; 4]))
}
