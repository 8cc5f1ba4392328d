//! Pure parser of `GET /api/v1/adapters/ports`.

use crate::outcome::{Failure, Seen};
use dittofs_shared::published_state::shorten;
use serde::Deserialize;
use std::collections::BTreeSet;

/// Most adapters a list may have. Whether so many are sensible is for the operator to judge.
const MOST_ADAPTERS: usize = 64;
/// Most characters of a type.
const MOST_CHARACTERS: usize = 64;

/// A field that a later server adds is left alone; one that is missing, or of another type, makes the list invalid.
#[derive(Deserialize)]
struct Entry {
    r#type: String,
    port: i64,
    enabled: bool,
    running: bool,
}

/// Reads the list.
///
/// # Errors
/// Whatever is not a list of adapters through and through. It never becomes an empty list.
pub fn parse(body: &[u8]) -> Result<Vec<Seen>, Failure> {
    let entries: Vec<Entry> = serde_json::from_slice(body).map_err(|error| {
        let why = shorten(&error.to_string());
        Failure::invalid(format!("the list of adapters cannot be read: {why}"))
    })?;
    if entries.len() > MOST_ADAPTERS {
        let message = format!("the list of adapters has more than {MOST_ADAPTERS} entries");
        return Err(Failure::invalid(message));
    }
    let mut types = BTreeSet::new();
    for entry in &entries {
        let length = entry.r#type.chars().count();
        if length == 0 || length > MOST_CHARACTERS {
            let message = format!("an adapter's type has not 1 to {MOST_CHARACTERS} characters");
            return Err(Failure::invalid(message));
        }
        if !types.insert(entry.r#type.as_str()) {
            let r#type = shorten(&entry.r#type);
            let message = format!("the list of adapters names \"{type}\" twice");
            return Err(Failure::invalid(message));
        }
    }
    Ok(entries.into_iter().map(Entry::seen).collect())
}

impl Entry {
    fn seen(self) -> Seen {
        Seen {
            r#type: self.r#type,
            port: self.port,
            enabled: self.enabled,
            running: self.running,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::FailureKind;
    use proptest::prelude::*;

    fn entry(r#type: &str) -> String {
        format!(r#"{{"type":"{type}","port":1,"enabled":true,"running":true}}"#)
    }

    fn list(types: impl IntoIterator<Item = String>) -> String {
        let entries: Vec<_> = types.into_iter().map(|name| entry(&name)).collect();
        format!("[{}]", entries.join(","))
    }

    #[test]
    fn what_the_server_says_is_read() {
        let body = br#"[{"type":"nfs","port":12049,"enabled":true,"running":true},
                        {"type":"smb","port":70000,"enabled":false,"running":false,"later":{}}]"#;
        let seen = parse(body).unwrap();
        assert_eq!(seen.len(), 2);
        assert_eq!(
            seen[1],
            Seen {
                r#type: "smb".into(),
                port: 70000,
                enabled: false,
                running: false
            }
        );
        assert_eq!(parse(b"[]").unwrap(), []);
        assert_eq!(
            parse(list((0..64).map(|n| n.to_string())).as_bytes())
                .unwrap()
                .len(),
            64
        );
        assert!(parse(list(["x".repeat(64)]).as_bytes()).is_ok());
    }

    #[test]
    fn anything_else_is_invalid_and_never_an_empty_list() {
        let bodies = [
            String::new(),
            "null".into(),
            "{}".into(),
            "{\"adapters\":[]}".into(),
            "[1]".into(),
            "[{}]".into(),
            "[] []".into(),
            r#"[{"type":"nfs","port":"1","enabled":true,"running":true}]"#.into(),
            r#"[{"type":"nfs","port":1.5,"enabled":true,"running":true}]"#.into(),
            r#"[{"type":"nfs","port":1,"enabled":1,"running":true}]"#.into(),
            r#"[{"type":"nfs","port":1,"enabled":true}]"#.into(),
            r#"[{"type":"nfs","type":"smb","port":1,"enabled":true,"running":true}]"#.into(),
            "<html>a proxy</html>".into(),
            list(["nfs".into(), "nfs".into()]),
            list([String::new()]),
            list(["x".repeat(65)]),
            list((0..65).map(|n| n.to_string())),
        ];
        for body in bodies {
            let failure = parse(body.as_bytes()).unwrap_err();
            assert_eq!(failure.kind, FailureKind::Invalid, "{body}");
        }
    }

    proptest! {
        #[test]
        fn no_body_panics_and_messages_are_short(body in proptest::collection::vec(any::<u8>(), 0..200)) {
            if let Err(failure) = parse(&body) {
                prop_assert!(failure.message.chars().count() < 200);
            }
        }
    }
}
