//! The lines of the list.

use serde::Deserialize;
use serde_json::Value;

use crate::replay::ReplayError;

/// In the order in which they are played: later ones need what earlier ones have made.
const LISTS: [&str; 9] = [
    include_str!("callers.jsonl"),
    include_str!("stores.jsonl"),
    include_str!("remotes.jsonl"),
    include_str!("shares.jsonl"),
    include_str!("permissions.jsonl"),
    include_str!("quotas.jsonl"),
    include_str!("identities.jsonl"),
    include_str!("providers.jsonl"),
    include_str!("corners.jsonl"),
];
const FIRST_ADMIN: &str = "admin";
const NOBODY: &str = "nobody";

/// One request.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Exchange {
    /// Its place in all lists together, from 1.
    #[serde(skip)]
    pub(super) line: usize,
    pub(super) case: String,
    #[serde(rename = "do")]
    pub(super) request: String,
    #[serde(rename = "as")]
    caller: Option<String>,
    body: Option<Value>,
    /// What the real server was seen to answer with, version 0.29.0.
    pub(super) status: u16,
    pub(super) keep: Option<String>,
    #[serde(default)]
    pub(super) ignore: Vec<String>,
    #[serde(default)]
    pub(super) any_order: bool,
}

impl Exchange {
    /// One that is in no list.
    pub(super) fn unnamed(request: &str, caller: &str, body: String) -> Self {
        Self {
            line: 0,
            case: request.to_owned(),
            request: request.to_owned(),
            caller: Some(caller.to_owned()),
            body: Some(body.into()),
            status: 200,
            keep: None,
            ignore: Vec::new(),
            any_order: false,
        }
    }

    /// Whose token is sent, if one is sent.
    pub(super) fn caller(&self) -> Option<&str> {
        let caller = self.caller.as_deref().unwrap_or(FIRST_ADMIN);
        (caller != NOBODY).then_some(caller)
    }

    /// The body as it is sent, before words are filled in.
    pub(super) fn sent(&self) -> String {
        match &self.body {
            None => String::new(),
            Some(Value::String(text)) => text.clone(),
            Some(body) => body.to_string(),
        }
    }
}

/// All lines.
pub(super) fn all() -> Result<Vec<Exchange>, ReplayError> {
    let lines = LISTS.iter().flat_map(|list| list.lines());
    let lines = lines.filter(|line| !line.trim().is_empty());
    lines
        .enumerate()
        .map(|(index, text)| {
            let line = index + 1;
            let exchange: Exchange = serde_json::from_str(text)
                .map_err(|source| ReplayError::Malformed { line, source })?;
            Ok(Exchange { line, ..exchange })
        })
        .collect()
}
