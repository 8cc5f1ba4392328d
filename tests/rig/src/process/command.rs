//! Runs a program to its end; a failure carries what the program said.

use std::process::{Command, Output, Stdio};

/// A program could not be run, or said no.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// The program was never started.
    #[error("cannot start `{command}`: {source}; is it installed and in PATH?")]
    NotStarted {
        /// The command line.
        command: String,
        /// Why.
        source: std::io::Error,
    },
    /// The program ended with an error.
    #[error("`{command}` failed ({status}): {output}")]
    Failed {
        /// The command line.
        command: String,
        /// How it ended.
        status: std::process::ExitStatus,
        /// What it wrote to its standard error, or else to its standard output.
        output: String,
    },
}

/// Runs a command without input and gives back its standard output.
pub fn run(command: &mut Command) -> Result<String, CommandError> {
    let line = command_line(command);
    let output =
        command
            .stdin(Stdio::null())
            .output()
            .map_err(|source| CommandError::NotStarted {
                command: line.clone(),
                source,
            })?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(CommandError::Failed {
        command: line,
        status: output.status,
        output: complaint(&output),
    })
}

fn complaint(output: &Output) -> String {
    let stream = if output.stderr.is_empty() {
        &output.stdout
    } else {
        &output.stderr
    };
    String::from_utf8_lossy(stream).trim().to_owned()
}

/// The command as a person would type it, without quoting.
pub fn command_line(command: &Command) -> String {
    std::iter::once(command.get_program())
        .chain(command.get_args())
        .map(|word| word.to_string_lossy())
        .collect::<Vec<_>>()
        .join(" ")
}
