//! The API server's audit log: who asked for what, when. It counts requests and tells the time
//! independently of the programs under test.

mod entry;

use crate::cluster::audit::entry::parse;
use crate::files::FileError;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::PathBuf;

pub use crate::cluster::audit::entry::{Entry, Stage};

/// The log cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file.
    #[error(transparent)]
    File(#[from] FileError),
    /// A line is no audit event.
    #[error("not an audit event: {line}: {source}")]
    Line {
        /// The line.
        line: String,
        /// What is wrong with it.
        source: serde_json::Error,
    },
}

/// A place in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mark(u64);

impl Mark {
    /// Before the first entry.
    pub const BEGINNING: Self = Self(0);
}

/// The log of one cluster.
#[derive(Clone, Debug)]
pub struct AuditLog {
    path: PathBuf,
}

impl AuditLog {
    /// The log in that file.
    pub fn at(path: PathBuf) -> Self {
        Self { path }
    }

    /// The present end of the log.
    pub fn mark(&self) -> Result<Mark, Error> {
        let about = std::fs::metadata(&self.path)
            .map_err(|e| FileError::new("look at the audit log", &self.path, e))?;
        Ok(Mark(about.len()))
    }

    /// All entries written since the mark. A line that is just being written is left for later.
    pub fn since(&self, mark: Mark) -> Result<Vec<Entry>, Error> {
        self.read(mark, |line| !line.is_empty())
    }

    /// The requests about objects in a namespace since the mark. Of the other lines, which may be a hundred times as many, none is
    /// parsed: who waits for something looks often.
    pub fn requests_in(&self, namespace: &str, mark: Mark) -> Result<Vec<Entry>, Error> {
        let named = format!("\"namespace\":\"{namespace}\"");
        let mut entries = self.read(mark, |line| line.contains(&named))?;
        entries.retain(|entry| entry.is_request() && entry.namespace == namespace);
        Ok(entries)
    }

    fn read(&self, mark: Mark, is_asked: impl Fn(&&str) -> bool) -> Result<Vec<Entry>, Error> {
        // From the byte before: a mark may be in the middle of a line that was just being written, which is no entry since then.
        let before = Mark(mark.0.saturating_sub(1));
        let text = self
            .read_from(before)
            .map_err(|e| FileError::new("read the audit log", &self.path, e))?;
        let text = match text.split_once('\n') {
            _ if mark == Mark(0) => text.as_str(),
            Some((_, since)) => since,
            None => return Ok(Vec::new()),
        };
        let Some((whole, _)) = text.rsplit_once('\n') else {
            return Ok(Vec::new());
        };
        whole
            .lines()
            .filter(is_asked)
            .map(|line| {
                parse(line).map_err(|source| Error::Line {
                    line: line.to_owned(),
                    source,
                })
            })
            .collect()
    }

    /// The requests made since the mark.
    pub fn requests_since(&self, mark: Mark) -> Result<Vec<Entry>, Error> {
        let mut entries = self.since(mark)?;
        entries.retain(Entry::is_request);
        Ok(entries)
    }

    /// The writes made since the mark.
    pub fn writes_since(&self, mark: Mark) -> Result<Vec<Entry>, Error> {
        let mut entries = self.since(mark)?;
        entries.retain(Entry::is_write);
        Ok(entries)
    }

    fn read_from(&self, mark: Mark) -> std::io::Result<String> {
        let mut file = File::open(&self.path)?;
        file.seek(SeekFrom::Start(mark.0))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::audit::entry::tests::line;

    #[test]
    fn since_gives_whole_new_lines_only() {
        let path = std::env::temp_dir().join(format!("rig-audit-{}", std::process::id()));
        let old = line("ResponseComplete", "get", 200);
        let new = line("ResponseComplete", "create", 201);
        std::fs::write(&path, format!("{old}\n")).unwrap();
        let log = AuditLog::at(path.clone());
        let mark = log.mark().unwrap();
        std::fs::write(&path, format!("{old}\n{new}\n{{\"auditID\":\"hal")).unwrap();
        let verbs: Vec<_> = log
            .since(mark)
            .unwrap()
            .into_iter()
            .map(|e| e.verb)
            .collect();
        assert_eq!(verbs, ["create"]);
        assert_eq!(log.since(Mark(0)).unwrap().len(), 2);
        // A mark in the middle of the first line.
        assert_eq!(log.since(Mark(mark.0 - 9)).unwrap().len(), 1);
        assert_eq!(log.writes_since(Mark(0)).unwrap().len(), 1);
        std::fs::remove_file(path).unwrap();
    }
}
