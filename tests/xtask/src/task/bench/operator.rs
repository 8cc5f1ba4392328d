//! An operator beside the API server, and its metrics.

use super::ground::Ground;
use super::{Error, process};
use dittofs_rig::{beside, wait_for};
use std::net::{Ipv4Addr, TcpListener};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const DEADLINE: Duration = Duration::from_mins(5);

/// A running operator. It ends when this is dropped.
pub struct Operator {
    /// The process.
    pub process: beside::Operator,
    port: u16,
}

impl Operator {
    /// Starts one. `name` is that of its log.
    ///
    /// # Errors
    /// It does not start.
    pub fn start(ground: &Ground<'_>, name: &'static str) -> Result<Self, Error> {
        let port = free_port()?;
        let environment = [
            format!("DITTOFS_OPERATOR_LISTEN={}:{port}", Ipv4Addr::LOCALHOST),
            "DITTOFS_OPERATOR_MAX_RESTARTS=100%".to_owned(),
        ];
        let process = beside::Operator::start(ground.cluster, ground.programs, name, &environment)?;
        Ok(Self { process, port })
    }

    /// Starts one and waits until it leads and its caches have synced.
    ///
    /// # Errors
    /// It does not become ready.
    pub async fn start_leading(ground: &Ground<'_>) -> Result<Self, Error> {
        let operator = Self::start(ground, "dittofs-operator")?;
        operator.wait_leading().await?;
        Ok(operator)
    }

    /// Waits until it leads and its caches have synced.
    ///
    /// # Errors
    /// It does not within minutes.
    pub async fn wait_leading(&self) -> Result<(), Error> {
        wait_for("the operator to lead", DEADLINE, || async {
            let leads = self.metric("dittofs_operator_leader").await;
            if leads.map_err(|error| error.to_string())? < 1.0 {
                return Err("it does not lead".to_owned());
            }
            let answer = self.get("/readyz").await;
            let answer = answer.map_err(|error| error.to_string())?;
            if answer.starts_with("HTTP/1.1 200") {
                Ok(())
            } else {
                Err("its caches have not synced".to_owned())
            }
        })
        .await?;
        Ok(())
    }

    /// Ends it with SIGTERM and waits until it is gone.
    ///
    /// # Errors
    /// It does not end.
    pub async fn stop(mut self) -> Result<(), Error> {
        self.process.terminate();
        let process = std::sync::Mutex::new(&mut self.process);
        wait_for("the operator to end", DEADLINE, || async {
            let mut process = process.lock().map_err(|error| error.to_string())?;
            if process.is_running() {
                Err("it runs".to_owned())
            } else {
                Ok(())
            }
        })
        .await?;
        Ok(())
    }

    /// How often it has reconciled.
    ///
    /// # Errors
    /// It does not answer.
    pub async fn reconciles(&self) -> Result<f64, Error> {
        self.metric("dittofs_operator_reconcile_total").await
    }

    /// Resident memory in MiB.
    ///
    /// # Errors
    /// It has ended.
    pub fn resident(&self) -> Result<f64, Error> {
        Ok(process::memory(self.process.id())?.resident)
    }

    /// The sum over all labels of a metric.
    async fn metric(&self, name: &str) -> Result<f64, Error> {
        let text = self.get("/metrics").await?;
        let lines = text.lines().filter_map(|line| line.strip_prefix(name));
        let values = lines.filter(|rest| rest.starts_with(['{', ' ']));
        let values = values.filter_map(|rest| rest.rsplit_once(' ')?.1.parse::<f64>().ok());
        Ok(values.sum())
    }

    async fn get(&self, path: &str) -> Result<String, Error> {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).await?;
        let request = format!("GET {path} HTTP/1.1\r\nhost: bench\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        Ok(answer)
    }
}

/// A port that was free a moment ago.
fn free_port() -> std::io::Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    Ok(listener.local_addr()?.port())
}
