//! `docs/performance.md`: its table is written by the bench, its words by hand.

use super::Error;
use super::report::Report;
use dittofs_rig::programs;
use std::fs;
use std::path::PathBuf;

const BEGIN: &str = "<!-- begin: cargo xtask bench -->";
const END: &str = "<!-- end: cargo xtask bench -->";

/// What a run was.
#[derive(Clone, Debug)]
pub struct Run {
    /// As it was typed.
    pub command: String,
    /// The day.
    pub date: String,
    /// What it ran on.
    pub machine: String,
}

/// The table and what it came from, as Markdown.
pub fn section(run: &Run, report: &Report) -> String {
    let Run {
        command,
        date,
        machine,
    } = run;
    format!(
        "`{command}` on {date}. Machine: {machine}, shared by etcd, the API server, the operator and the bench.\n\n{}\n",
        report.rows().join("\n")
    )
}

/// Puts the table between its marks.
///
/// # Errors
/// The page or its marks are missing.
pub fn write(section: &str) -> Result<PathBuf, Error> {
    let path = programs::workspace().join("docs/performance.md");
    let page = fs::read_to_string(&path)?;
    fs::write(&path, with_section(&page, section)?)?;
    Ok(path)
}

fn with_section(page: &str, section: &str) -> Result<String, Error> {
    let parts = page.split_once(BEGIN).and_then(|(before, rest)| {
        let (_, after) = rest.split_once(END)?;
        Some((before, after))
    });
    let (before, after) = parts.ok_or("docs/performance.md has no marks for the table")?;
    Ok(format!("{before}{BEGIN}\n\n{section}\n{END}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_between_the_marks_changes() {
        let page = format!("words\n{BEGIN}\nold\n{END}\nmore\n");
        let once = with_section(&page, "new\n").unwrap();
        assert_eq!(once, format!("words\n{BEGIN}\n\nnew\n\n{END}\nmore\n"));
        assert_eq!(with_section(&once, "new\n").unwrap(), once);
    }

    #[test]
    fn a_page_without_marks_is_an_error() {
        assert!(with_section("words", "new").is_err());
    }
}
