//! What both programs need in order to run. Nothing in here knows DittoFS or a `DittoServer`.
//!
//! * [`logging`]: format and filter of the log.
//! * [`listen`]: addresses to listen on, of both families.
//! * [`probe_server`]: the HTTP server for probes and metrics.
//! * [`client`]: a client for the Kubernetes API.
//! * [`follow`]: the objects of a kind, from lists and watches.
//! * [`api_error`]: errors of the Kubernetes API as text.
//! * [`backoff`]: growing delays between retries.
//! * [`shutdown`]: SIGTERM and SIGINT.
#![cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::string_slice))]
#![cfg_attr(
    test,
    allow(
        clippy::disallowed_methods,
        clippy::disallowed_types,
        clippy::expect_used,
        clippy::panic,
        clippy::too_many_lines,
        clippy::unwrap_used
    )
)]

pub mod api_error;
pub mod backoff;
pub mod client;
pub mod follow;
pub mod listen;
pub mod logging;
pub mod probe_server;
pub mod shutdown;

/// Runs `future` to its end on this thread. DNS lookups that still hang then do not delay the return.
///
/// It runs as a task: what `block_on` of tokio is given itself takes a system call more whenever it wakes.
///
/// # Errors
/// The operating system refuses what the runtime needs.
pub fn block_on<F>(future: F) -> std::io::Result<F::Output>
where
    F: Future<Output: Send> + Send + 'static,
{
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let output = runtime.block_on(async { tokio::spawn(future).await });
    runtime.shutdown_background();
    Ok(output?)
}
