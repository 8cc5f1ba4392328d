//! The end of a container's log, which the kubelet puts into the status when the container has failed.

use serde_json::{Map, Value};

/// The last line, which says why the container has ended, without its time: that is another one each time.
pub(super) fn last(log: &str) -> Option<String> {
    let line = log.lines().rfind(|line| !line.trim().is_empty())?;
    let fields = serde_json::from_str::<Map<String, Value>>(line).ok();
    let text = fields.and_then(|fields| of_fields(&fields));
    Some(text.unwrap_or_else(|| without_time(line).to_owned()))
}

/// Of a log in JSON: the message, and the error that it is about.
fn of_fields(fields: &Map<String, Value>) -> Option<String> {
    let text = |names: &[&str]| {
        let mut values = names.iter().filter_map(|name| fields.get(*name)?.as_str());
        values.find(|value| !value.is_empty())
    };
    let parts = [text(&["msg", "message"]), text(&["error", "err"])];
    let parts: Vec<_> = parts.into_iter().flatten().collect();
    (!parts.is_empty()).then(|| parts.join(": "))
}

fn without_time(line: &str) -> &str {
    let is_time = |word: &str| {
        word.starts_with(|c: char| c.is_ascii_digit()) && word.contains([':', '-', '/'])
    };
    let mut rest = line.trim_start();
    while let Some((word, after)) = rest.split_once(' ')
        && is_time(word)
    {
        rest = after.trim_start();
    }
    rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_is_the_same_with_each_attempt() {
        for (log, expected) in [
            ("", None),
            ("one\n\ntwo\n  \n", Some("two")),
            ("2026-01-02 03:04:05 no space left", Some("no space left")),
            ("2026-01-02T03:04:05Z no space left", Some("no space left")),
            (
                r#"{"time":"2026-01-02T03:04:05Z","level":"ERROR","msg":"cannot open","error":"no space left"}"#,
                Some("cannot open: no space left"),
            ),
            (r#"{"message":"cannot open","err":""}"#, Some("cannot open")),
            (r#"{"level":"ERROR"}"#, Some(r#"{"level":"ERROR"}"#)),
        ] {
            assert_eq!(last(log).as_deref(), expected, "{log}");
        }
    }
}
