//! What an expected file shows: some cases whole, the others by how they differ from case `minimal`.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::case::Case;
use super::diff;
use super::render::{self, Document};
use super::trial::Error;

/// The case that others are compared with.
const BASE: &str = "minimal";
/// Cases that are shown whole.
const WHOLE: [&str; 6] = [
    BASE,
    "gateway",
    "own-secrets",
    "percona",
    "shared-mode",
    "tls",
];
/// Longest line of titles, in bytes.
const LONGEST: usize = 120;

/// Name and text of the expected file of a case.
pub fn expected(case: &Case) -> Result<(&'static str, String), Error> {
    let documents = render::all(case)?;
    if WHOLE.contains(&case.name.as_str()) {
        let texts: Vec<_> = documents
            .into_iter()
            .map(|document| document.text)
            .collect();
        return Ok(("out.yaml", texts.join("---\n")));
    }
    let base = Case {
        name: BASE.to_owned(),
        folder: case.folder.with_file_name(BASE),
    };
    let text = differences(&render::all(&base)?, &documents);
    Ok(("out.diff", text))
}

fn differences(base: &[Document], documents: &[Document]) -> String {
    let mut rest: BTreeMap<_, _> = base.iter().map(|known| (key(known), known)).collect();
    let mut text =
        format!("# Compared with case {BASE}: = the same, ~ differs, + only here, - only there\n");
    let mut same = Vec::new();
    for document in documents {
        let known = rest.remove(key(document));
        if known == Some(document) {
            same.push(document.title.as_str());
            continue;
        }
        list(&mut text, '=', &std::mem::take(&mut same));
        if let Some(known) = known {
            let _ = writeln!(text, "~ {}", document.title);
            indent(&mut text, &diff::of_yaml(&known.text, &document.text));
        } else {
            let _ = writeln!(text, "+ {}", document.title);
            indent(&mut text, &document.text);
        }
    }
    list(&mut text, '=', &same);
    let gone: Vec<_> = rest.values().map(|known| known.title.as_str()).collect();
    list(&mut text, '-', &gone);
    text
}

/// The title, but for the hash at the end of the name of a ConfigMap with the configuration.
fn key(document: &Document) -> &str {
    const CONFIG: &str = "-config-";
    let title = document.title.as_str();
    title
        .find(CONFIG)
        .map_or(title, |at| &title[..at + CONFIG.len()])
}

fn list(text: &mut String, sign: char, titles: &[&str]) {
    let mut line = String::new();
    for title in titles {
        if !line.is_empty() && line.len() + title.len() > LONGEST {
            let _ = writeln!(text, "{sign} {line}");
            line.clear();
        }
        if !line.is_empty() {
            line.push_str(", ");
        }
        line.push_str(title);
    }
    if !line.is_empty() {
        let _ = writeln!(text, "{sign} {line}");
    }
}

fn indent(text: &mut String, lines: &str) {
    for line in lines.lines() {
        let _ = writeln!(text, "{}", format!("    {line}").trim_end());
    }
}
