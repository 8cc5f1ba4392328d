//! What is read that others have written, one function and one folder of `tests/fuzz/corpus` each. Whatever the bytes are, none of them may panic, and what it says of itself
//! must hold.
//!
//! `cargo xtask fuzz` looks for bytes with which it does not. Those that it found once are tried by the unit tests.

use dittofs_operator_core::secrets::connection_string;
use dittofs_operator_core::warnings::Warning;
use dittofs_shared::crd::{DittoServer, DittoServerSpec};
use dittofs_shared::published_state::PublishedState;
use dittofs_shared::quantity::Quantity;
use dittofs_shared::settings::Settings;
use dittofs_sidecar::http::Answer;
use dittofs_sidecar::ports;
use hyper::StatusCode;
use jiff::Timestamp;
use k8s_openapi::api::events::v1::Event;
use std::collections::BTreeMap;
use std::sync::LazyLock;

use crate::ground::Ground;
use crate::hostile::Judge;

/// Reads some bytes. `Err`: what does not hold.
type Target = fn(&[u8]) -> Result<(), String>;

/// All of them, by name.
pub const TARGETS: [(&str, Target); 8] = [
    ("adapters", adapters),
    ("answer", answer),
    ("connection", connection),
    ("event", event),
    ("published", published),
    ("quantity", quantity),
    ("server", server),
    ("settings", settings),
];

/// Made once: it takes as long as what it judges.
static JUDGE: LazyLock<Result<Judge, String>> =
    LazyLock::new(|| Judge::new().map_err(|error| error.to_string()));
/// Most bytes of a text that is shown to users.
const LONGEST: usize = 1024;

/// What the server answers when it is asked for its adapters.
fn adapters(bytes: &[u8]) -> Result<(), String> {
    match ports::parse(bytes) {
        Ok(seen) if seen.iter().any(|one| one.r#type.is_empty()) => {
            Err("a type without a name".to_owned())
        }
        Ok(_) => Ok(()),
        Err(failure) => is_short(&failure.message),
    }
}

/// An error of the server, as problem+json or as text. The first two bytes are the status.
fn answer(bytes: &[u8]) -> Result<(), String> {
    let Some((status, body)) = bytes.split_first_chunk() else {
        return Ok(());
    };
    let Ok(status) = StatusCode::from_u16(u16::from_be_bytes(*status)) else {
        return Ok(());
    };
    let answer = Answer {
        status,
        body: body.to_vec().into(),
    };
    answer.is_problem();
    is_short(&answer.detail())?;
    is_short(&answer.unexpected("the question").message)
}

/// A connection string in a Secret of the user.
fn connection(bytes: &[u8]) -> Result<(), String> {
    match connection_string::parse(bytes) {
        Ok(_) => Ok(()),
        Err(problem) => is_short(&problem.to_string()),
    }
}

/// An Event of another controller.
fn event(bytes: &[u8]) -> Result<(), String> {
    let Ok(event) = serde_json::from_slice::<Event>(bytes) else {
        return Ok(());
    };
    match Warning::of(&event, Timestamp::UNIX_EPOCH) {
        Some(warning) => is_short(&warning.said()),
        None => Ok(()),
    }
}

/// What a sidecar has published.
fn published(bytes: &[u8]) -> Result<(), String> {
    let Ok(data) = serde_json::from_slice::<BTreeMap<String, String>>(bytes) else {
        return Ok(());
    };
    if let Ok(state) = PublishedState::decode(&data) {
        let again = PublishedState::decode(&state.encode());
        if again.as_ref().ok() != Some(&state) {
            return Err(format!("{state:?} is read as {again:?}"));
        }
    }
    let judge = JUDGE.as_ref().map_err(Clone::clone)?;
    judge.of(&data).map(drop)
}

/// A quantity that a user has written.
fn quantity(bytes: &[u8]) -> Result<(), String> {
    let text = String::from_utf8_lossy(bytes);
    let Some(quantity) = Quantity::parse(&text) else {
        return Ok(());
    };
    // Spaces around it are not part of a quantity.
    if Quantity::parse(&format!("{text} ")).is_some() {
        return Err(format!("{quantity:?} may end with a space"));
    }
    Ok(())
}

/// The spec of a `DittoServer`, with everything that is made of it.
fn server(bytes: &[u8]) -> Result<(), String> {
    let Ok(spec) = serde_json::from_slice::<DittoServerSpec>(bytes) else {
        return Ok(());
    };
    let mut server = DittoServer::new("files", spec);
    server.metadata.namespace = Some("storage".to_owned());
    server.metadata.uid = Some("u".to_owned());
    let ground = Ground::of(server);
    let text = |error: crate::Error| error.to_string();
    let once = ground.desired(None, Vec::new()).map_err(text)?;
    let twice = ground.desired(None, Vec::new()).map_err(text)?;
    if format!("{once:?}") != format!("{twice:?}") {
        return Err("the same spec leads to other objects".to_owned());
    }
    Ok(())
}

/// The settings of a sidecar, which are those of another version after an upgrade.
fn settings(bytes: &[u8]) -> Result<(), String> {
    let Ok(data) = serde_json::from_slice::<BTreeMap<String, String>>(bytes) else {
        return Ok(());
    };
    match Settings::decode(&data) {
        Ok(_) => Ok(()),
        Err(error) => is_short(&error.to_string()),
    }
}

fn is_short(text: &str) -> Result<(), String> {
    if text.len() <= LONGEST {
        return Ok(());
    }
    Err(format!("a text of {} bytes: {text}", text.len()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::path::Path;

    #[test]
    fn what_was_found_once_is_found_no_more() {
        for (name, target) in TARGETS {
            let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus");
            let files: Vec<_> = fs::read_dir(corpus.join(name)).unwrap().collect();
            assert!(!files.is_empty(), "{name}");
            for file in files {
                let path = file.unwrap().path();
                let found = target(&fs::read(&path).unwrap());
                assert_eq!(found, Ok(()), "{name}: {}", path.display());
            }
        }
    }
}
