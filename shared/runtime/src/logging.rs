//! The log: JSON in a pod, text on a terminal.
//!
//! [`LogFormat`] is the format of a program's own log. That of the DittoFS server is another one, in the CRD.

use clap::ValueEnum;
use std::io::{self, IsTerminal as _};
use tracing::Subscriber;
use tracing::subscriber::{SetGlobalDefaultError, set_global_default};
use tracing_subscriber::filter::ParseError;
use tracing_subscriber::fmt::{self, MakeWriter};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::{EnvFilter, Layer, Registry, reload};

pub use tracing_subscriber::filter::{LevelFilter, Targets};

/// Format of a program's log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// Text on a terminal, JSON elsewhere.
    Auto,
    /// One JSON object per line.
    Json,
    /// Text for people.
    Text,
}

impl LogFormat {
    fn is_json(self, terminal: bool) -> bool {
        match self {
            Self::Auto => !terminal,
            Self::Json => true,
            Self::Text => false,
        }
    }
}

/// Why nothing can be logged.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The filter does not parse.
    #[error("{filter:?} is not a log filter: {source}")]
    Filter {
        /// What was given.
        filter: String,
        /// What is wrong with it.
        source: ParseError,
    },
    /// This process has another logger.
    #[error("logging has already been set up: {0}")]
    Started(#[from] SetGlobalDefaultError),
}

/// Logs to standard output. `filter` is a level, or directives such as `info,kube=debug`.
///
/// # Errors
/// The filter does not parse, or this process has a logger already.
pub fn start(format: LogFormat, filter: &str) -> Result<(), LogError> {
    let filter: EnvFilter = filter.parse().map_err(|source| LogError::Filter {
        filter: filter.to_owned(),
        source,
    })?;
    Ok(set_global_default(to_stdout(format, filter))?)
}

/// Changes what is logged.
pub struct FilterHandle(reload::Handle<Targets, Registry>);

impl FilterHandle {
    /// From now on.
    ///
    /// # Errors
    /// The logger does not exist any more.
    pub fn set(&self, targets: Targets) -> Result<(), reload::Error> {
        self.0.reload(targets)
    }
}

/// Logs to standard output with a filter that can be changed.
///
/// # Errors
/// This process has a logger already.
pub fn start_adjustable(format: LogFormat, targets: Targets) -> Result<FilterHandle, LogError> {
    let (filter, handle) = reload::Layer::new(targets);
    set_global_default(to_stdout(format, filter))?;
    Ok(FilterHandle(handle))
}

fn to_stdout(
    format: LogFormat,
    filter: impl Layer<Registry> + Send + Sync,
) -> impl Subscriber + Send + Sync {
    let json = format.is_json(io::stdout().is_terminal());
    subscriber(json, filter, io::stdout)
}

fn subscriber(
    json: bool,
    filter: impl Layer<Registry> + Send + Sync,
    writer: impl for<'a> MakeWriter<'a> + Send + Sync + 'static,
) -> impl Subscriber + Send + Sync {
    let lines = fmt::layer().with_target(false).with_writer(writer);
    let lines = if json {
        lines
            .json()
            .flatten_event(true)
            .with_current_span(false)
            .with_span_list(false)
            .boxed()
    } else {
        lines.boxed()
    };
    Registry::default().with(filter).with(lines)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};
    use tracing::subscriber::with_default;

    #[derive(Clone, Default)]
    struct Buffer(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Buffer {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Buffer {
        fn writer(&self) -> impl for<'a> MakeWriter<'a> + Send + Sync + 'static {
            let buffer = self.clone();
            move || buffer.clone()
        }

        fn take(&self) -> String {
            String::from_utf8(std::mem::take(&mut self.0.lock().unwrap())).unwrap()
        }
    }

    #[test]
    fn a_terminal_gets_text_and_a_pod_json() {
        assert!(LogFormat::Auto.is_json(false) && !LogFormat::Auto.is_json(true));
        assert!(LogFormat::Json.is_json(true) && !LogFormat::Text.is_json(false));
    }

    #[test]
    fn a_filter_that_does_not_parse_is_named() {
        let error = start(LogFormat::Json, "a=b=c").unwrap_err().to_string();
        assert!(
            error.starts_with("\"a=b=c\" is not a log filter"),
            "{error}"
        );
    }

    #[test]
    fn json_has_the_fields_at_its_top() {
        let buffer = Buffer::default();
        let log = subscriber(true, LevelFilter::INFO, buffer.writer());
        with_default(log, || tracing::info!(answer = 42, "hello"));
        let line = buffer.take();
        assert!(line.starts_with('{') && line.ends_with("}\n"), "{line}");
        assert!(
            line.contains(r#""message":"hello","answer":42"#) && !line.contains("target"),
            "{line}"
        );
    }

    #[test]
    fn a_filter_can_be_changed() {
        let buffer = Buffer::default();
        let targets = |level| Targets::new().with_target("dittofs_runtime", level);
        let (filter, handle) = reload::Layer::new(targets(LevelFilter::INFO));
        let handle = FilterHandle(handle);
        with_default(subscriber(false, filter, buffer.writer()), || {
            for message in ["first", "second"] {
                tracing::debug!("{message}");
                handle.set(targets(LevelFilter::DEBUG)).unwrap();
            }
        });
        let text = buffer.take();
        assert!(
            text.contains("second") && !text.contains("first"),
            "{text:?}"
        );
    }
}
