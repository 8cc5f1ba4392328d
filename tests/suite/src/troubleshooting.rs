//! The tables of `docs/troubleshooting.md`: what a user sees of a failure. Tests compare it with what the programs say, so that
//! the page cannot be out of date.

use dittofs_rig::wait_for;
use std::fs;
use std::path::Path;

use crate::Outcome;
use crate::instance::{Instance, POD_DEADLINE};

type Error = Box<dyn std::error::Error + Send + Sync>;

/// Stands for anything in a message of the page.
const ANYTHING: &str = "…";
/// The namespace in the page.
const NAMESPACE: &str = "team-a";

/// One row: a failure, and the message that names it.
#[derive(Clone, Debug)]
pub struct Row {
    /// The first column.
    pub failure: String,
    message: String,
}

impl Row {
    /// Whether a text has the message.
    pub fn fits(&self, text: &str) -> bool {
        let message = self.message.replace(NAMESPACE, ANYTHING);
        let mut rest = text;
        message.split(ANYTHING).all(|part| {
            let Some(at) = rest.find(part) else {
                return false;
            };
            rest = &rest[at + part.len()..];
            true
        })
    }
}

/// Every row of the page.
///
/// # Errors
/// The page is not there.
pub fn rows() -> Result<Vec<Row>, Error> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/troubleshooting.md");
    let page = fs::read_to_string(page)?;
    let rows = page.lines().filter_map(|line| {
        let cells: Vec<_> = line.strip_prefix('|')?.split('|').map(str::trim).collect();
        let [failure, message, ..] = cells.as_slice() else {
            return None;
        };
        let message = message.strip_prefix('`')?;
        Some(Row {
            failure: (*failure).to_owned(),
            message: message.trim_matches(['`', ' ']).to_owned(),
        })
    });
    Ok(rows.collect())
}

/// The row of a failure.
///
/// # Errors
/// The page has none.
pub fn row(failure: &str) -> Result<Row, Error> {
    let found = rows()?.into_iter().find(|row| row.failure == failure);
    found.ok_or_else(|| format!("docs/troubleshooting.md has no row {failure:?}").into())
}

fn kubectl(instance: &Instance, words: &[&str]) -> Result<String, Error> {
    let output = instance.scene.kubectl(words).output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into());
    }
    Ok(String::from_utf8(output.stdout)?)
}

/// Waits until `kubectl get dittoserver -o wide` shows what the page says of a failure.
///
/// # Errors
/// It does not in time.
pub async fn shows(instance: &Instance, failure: &str) -> Outcome {
    let row = row(failure)?;
    let what = format!("Ready of {} to say: {}", instance.name, row.message);
    instance
        .wait_status(&what, POD_DEADLINE, |server| {
            let conditions = server.status.clone().unwrap_or_default().conditions;
            let message = conditions
                .first()
                .map_or("", |ready| ready.message.as_str());
            if row.fits(message) {
                Ok(())
            } else {
                Err(message.to_owned())
            }
        })
        .await?;
    // The next look may find something else, and the one after that this again.
    wait_for(&what, POD_DEADLINE, || async {
        let words = ["get", "dittoserver", &instance.name, "-o", "wide"];
        let table = kubectl(instance, &words).map_err(|error| error.to_string())?;
        row.fits(&table).then_some(()).ok_or(table)
    })
    .await?;
    Ok(())
}

/// The same of `kubectl describe dittoserver`, for what does not concern `Ready`.
///
/// # Errors
/// It does not in time.
pub async fn describes(instance: &Instance, failure: &str) -> Outcome {
    let row = row(failure)?;
    let what = format!("describe of {} to say: {}", instance.name, row.message);
    wait_for(&what, POD_DEADLINE, || async {
        let text = kubectl(instance, &["describe", "dittoserver", &instance.name]);
        let text = text.map_err(|error| error.to_string())?;
        if row.fits(&text) { Ok(()) } else { Err(text) }
    })
    .await?;
    Ok(())
}
