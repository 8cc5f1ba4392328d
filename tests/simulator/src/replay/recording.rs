//! The recording: one exchange a line.

use std::time::Duration;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use super::ReplayError;

/// One recorded exchange.
#[derive(Debug, Clone)]
pub(super) struct Case {
    pub(super) line: usize,
    pub(super) name: String,
    pub(super) request: Asked,
    pub(super) response: Answered,
}

/// What was sent.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Asked {
    pub(super) method: String,
    pub(super) path: String,
    /// Whose latest access token was sent.
    #[serde(rename = "as")]
    pub(super) caller: Option<String>,
    /// A JSON value, or a text that was sent as it is.
    pub(super) body: Option<Value>,
}

/// What came back.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Answered {
    pub(super) status: u16,
    pub(super) content_type: Option<String>,
    pub(super) json: Option<Value>,
    pub(super) text: Option<String>,
}

#[derive(Deserialize)]
struct Line {
    case: String,
    request: Asked,
    response: Answered,
}

/// Reads all exchanges.
pub(super) fn parse(text: &str) -> Result<Vec<Case>, ReplayError> {
    let lines = text
        .lines()
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty());
    lines
        .map(|(index, text)| {
            let Line {
                case,
                request,
                response,
            } = serde_json::from_str(text).map_err(|source| ReplayError::Malformed {
                line: index + 1,
                source,
            })?;
            Ok(Case {
                line: index + 1,
                name: case,
                request,
                response,
            })
        })
        .collect()
}

impl Case {
    /// Why this case is not replayed, or `None` if it is.
    pub(super) fn not_replayed(&self) -> Option<&'static str> {
        let Asked { method, path, .. } = &self.request;
        let played = [
            "/health",
            "/api/v1/auth/",
            "/api/v1/users",
            "/api/v1/adapters",
        ];
        if played.iter().any(|prefix| path.starts_with(prefix)) {
            return None;
        }
        // That there are no shares yet is all that is played of them.
        let no_shares = self
            .response
            .json
            .as_ref()
            .is_none_or(|json| json == &Value::Array(vec![]));
        if method == "GET" && path == "/api/v1/shares" && no_shares {
            return None;
        }
        Some(
            "shares and stores are compared by the script; snapshots and uploads are not simulated",
        )
    }

    /// The latest moment that the answer knows of, which is about when it was sent.
    pub(super) fn time(&self) -> Option<Timestamp> {
        times(self.response.json.as_ref()?, &|_| true).max()
    }

    /// The moments at which the server checked the health of something.
    pub(super) fn check_time(&self) -> Option<Timestamp> {
        times(self.response.json.as_ref()?, &|key| key == "checked_at").max()
    }

    /// The pause before the request, where the name of the case says `3 s after`.
    pub(super) fn pause(&self) -> Option<Duration> {
        let words: Vec<&str> = self.name.split_whitespace().collect();
        let found = words
            .windows(3)
            .find(|three| three[1..] == ["s", "after"])?;
        found[0].parse().ok().map(Duration::from_secs)
    }
}

/// All moments in a value that lie in its past, under keys that are wanted.
fn times<'a>(
    value: &'a Value,
    wanted: &'a dyn Fn(&str) -> bool,
) -> Box<dyn Iterator<Item = Timestamp> + 'a> {
    match value {
        Value::Array(items) => Box::new(items.iter().flat_map(move |item| times(item, wanted))),
        Value::Object(fields) => Box::new(fields.iter().flat_map(move |(key, value)| {
            let moment = value
                .as_str()
                .filter(|_| key != "expires_at" && wanted(key));
            let moment = moment.and_then(|text| text.parse().ok());
            moment.into_iter().chain(times(value, wanted))
        })),
        _ => Box::new(std::iter::empty()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn case(name: &str, path: &str, json: &Value) -> Case {
        let line = json!({
            "case": name,
            "request": {"method": "GET", "path": path, "as": null, "body": null},
            "response": {"status": 200, "content_type": null, "json": json, "text": null},
        });
        parse(&line.to_string()).unwrap().remove(0)
    }

    #[test]
    fn only_what_is_simulated_is_replayed() {
        for (path, replayed) in [
            ("/health/ready", true),
            ("/api/v1/users/me/password", true),
            ("/api/v1/adapters", true),
            ("/api/v1/shares", true),
            ("/api/v1/shares/export", false),
            ("/api/v1/store/metadata", false),
        ] {
            assert_eq!(
                case("x", path, &json!([])).not_replayed().is_none(),
                replayed,
                "{path}"
            );
        }
        assert!(
            case("x", "/api/v1/shares", &json!([{}]))
                .not_replayed()
                .is_some()
        );
    }

    #[test]
    fn times_and_pauses_are_found() {
        let answer = json!([{"updated_at": "2026-01-01T00:00:07Z", "expires_at": "2026-01-02T00:00:00Z",
            "status": {"checked_at": "2026-01-01T00:00:05Z"}}]);
        let case = case("ports 3 s after", "/health", &answer);
        assert_eq!(case.time(), "2026-01-01T00:00:07Z".parse().ok());
        assert_eq!(case.check_time(), "2026-01-01T00:00:05Z".parse().ok());
        assert_eq!(case.pause(), Some(Duration::from_secs(3)));
    }

    #[test]
    fn a_bad_line_is_named() {
        let error = parse("\n{}\n").unwrap_err().to_string();
        assert!(error.contains("line 2"), "{error}");
    }
}
