//! What others say, as a part of a message. A message that is different with each attempt would be a write of the
//! status each time.

/// Longest text that is passed on, in bytes. PodSecurity names every field that it objects to.
const LONGEST: usize = 800;
/// So many hexadecimal digits in a row name a sandbox or a container, and each attempt has another one.
const IDENTIFIER: usize = 32;
/// Stands for what is left out.
const LEFT_OUT: &str = "…";

/// A text of Kubernetes, of a container or of a controller in one line, without what changes with each attempt.
pub fn said(text: &str) -> String {
    let text = text.trim_start_matches("(combined from similar events): ");
    let mut words: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        let is_request = words.last().is_some_and(|last| {
            let last = last.to_ascii_lowercase();
            last.ends_with("requestid:") || last == "id:"
        });
        words.push(if is_request {
            LEFT_OUT.to_owned()
        } else {
            steady(word)
        });
    }
    let line = words.join(" ");
    let line = line.trim_end_matches(['.', ',', ' ']);
    if line.len() <= LONGEST {
        return line.to_owned();
    }
    let (begin, _) = line.split_at(line.floor_char_boundary(LONGEST));
    format!("{begin}{LEFT_OUT}")
}

fn steady(word: &str) -> String {
    // `10.0.0.7:40000->10.0.0.1:53`: the first port is another one each time.
    if let Some((_, to)) = word.rsplit_once("->") {
        return to.to_owned();
    }
    if word.contains("sha256:") {
        return word.to_owned();
    }
    without_identifiers(word)
}

fn without_identifiers(word: &str) -> String {
    let mut rest = word;
    let mut kept = String::new();
    while let Some(start) = rest.find(|c: char| c.is_ascii_hexdigit()) {
        let (before, from) = rest.split_at(start);
        let end = from
            .find(|c: char| !c.is_ascii_hexdigit())
            .unwrap_or(from.len());
        let (digits, after) = from.split_at(end);
        kept.push_str(before);
        kept.push_str(if end < IDENTIFIER { digits } else { LEFT_OUT });
        rest = after;
    }
    kept + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changes_with_each_attempt_is_left_out() {
        let id = "0123456789abcdef".repeat(4);
        for (text, expected) in [
            ("exceeded quota: small.", "exceeded quota: small".to_owned()),
            (
                "(combined from similar events): one\n  two\n",
                "one two".to_owned(),
            ),
            (
                &format!("failed for sandbox \"{id}\": no network"),
                "failed for sandbox \"…\": no network".to_owned(),
            ),
            (
                "lookup r on 10.0.0.1:53: read udp 10.0.0.7:40000->10.0.0.1:53: i/o timeout",
                "lookup r on 10.0.0.1:53: read udp 10.0.0.1:53: i/o timeout".to_owned(),
            ),
            (
                "AccessDenied, status code: 403, request id: 1a2b-3c",
                "AccessDenied, status code: 403, request id: …".to_owned(),
            ),
            (
                "https response error StatusCode: 403, RequestID: 1a2b-3c, api error",
                "https response error StatusCode: 403, RequestID: … api error".to_owned(),
            ),
            (
                &format!("image a@sha256:{id}"),
                format!("image a@sha256:{id}"),
            ),
            (
                "volume \"pvc-6ba7b810-9dad-11d1-80b4-00c04fd430c8\"",
                "volume \"pvc-6ba7b810-9dad-11d1-80b4-00c04fd430c8\"".to_owned(),
            ),
        ] {
            assert_eq!(said(text), expected);
        }
    }

    #[test]
    fn a_long_text_is_cut_between_two_characters() {
        let cut = said(&"ä".repeat(LONGEST));
        assert!(cut.ends_with("ä…") && cut.len() <= LONGEST + LEFT_OUT.len());
    }
}
