//! Pure: parses the response to `GET /api/v1/adapters/ports`.

use crate::outcome::{Failure, Seen};
use dittofs_shared::published_state::shorten;
use serde::Deserialize;
use std::collections::BTreeSet;

/// The most adapters that a list may have. The operator has a lower limit of its own.
const MAX_ADAPTERS: usize = 64;
/// The longest adapter type in characters.
const MAX_TYPE_LENGTH: usize = 64;

/// Unknown fields are ignored, so that a later server may add some. A missing field, or one of another type, makes the
/// list invalid.
#[derive(Deserialize)]
struct Entry {
    r#type: String,
    port: i64,
    enabled: bool,
    running: bool,
}

/// Parses the list of adapters.
///
/// # Errors
/// Anything that is not a complete list of adapters. It never becomes an empty list.
pub fn parse(body: &[u8]) -> Result<Vec<Seen>, Failure> {
    let entries: Vec<Entry> = serde_json::from_slice(body).map_err(|error| {
        let why = shorten(&error.to_string());
        Failure::invalid(format!("cannot parse the list of adapters: {why}"))
    })?;
    if entries.len() > MAX_ADAPTERS {
        let message = format!("the list of adapters has more than {MAX_ADAPTERS} entries");
        return Err(Failure::invalid(message));
    }
    let mut types = BTreeSet::new();
    for entry in &entries {
        let length = entry.r#type.chars().count();
        if length == 0 || length > MAX_TYPE_LENGTH {
            let message = format!("an adapter type must be 1 to {MAX_TYPE_LENGTH} characters long");
            return Err(Failure::invalid(message));
        }
        if !types.insert(entry.r#type.as_str()) {
            let r#type = shorten(&entry.r#type);
            let message = format!("the list of adapters contains \"{type}\" twice");
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
    fn a_list_is_parsed() {
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
