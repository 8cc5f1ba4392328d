//! What Go's standard library makes of texts, where the server hands its words on to clients.

use std::{fmt::Write as _, iter::Peekable, str::Chars};

use serde_json::{Map, Value};

/// A text in quotes, as `%q` writes it.
pub(crate) fn quoted(text: &str) -> String {
    format!("{text:?}")
}

/// A JSON object out of a text that may be empty.
pub(crate) fn object(text: &str) -> Result<Map<String, Value>, String> {
    if text.is_empty() {
        return Ok(Map::new());
    }
    match serde_json::from_str(text) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(Value::Null) => Ok(Map::new()),
        Ok(other) => Err(format!(
            "json: cannot unmarshal {} into Go value of type map[string]interface {{}}",
            kind(&other)
        )),
        Err(error) => Err(syntax(text, &error)),
    }
}

/// A type of Go's that a body is read into, with the types of its fields.
pub(crate) struct Struct {
    pub(crate) package: &'static str,
    pub(crate) name: &'static str,
    pub(crate) fields: &'static [(&'static str, &'static str)],
}

impl Struct {
    /// The object in a body, which may be empty, if its fields are of these types.
    pub(crate) fn read(&self, text: &str) -> Result<Map<String, Value>, String> {
        let Self { package, name, .. } = self;
        let mut values = serde_json::Deserializer::from_str(text).into_iter::<Value>();
        let given = match values.next() {
            None => return Ok(Map::new()),
            Some(Ok(Value::Object(given))) => given,
            Some(Ok(Value::Null)) => Map::new(),
            Some(Ok(other)) => {
                let kind = kind(&other);
                return Err(format!(
                    "json: cannot unmarshal {kind} into Go value of type {package}.{name}"
                ));
            }
            Some(Err(error)) => return Err(syntax(text, &error)),
        };
        for (field, value) in &given {
            let field = field.to_lowercase();
            let known = self.fields.iter().find(|(known, _)| *known == field);
            if let Some((_, wanted)) = known
                && let Some(got) = misfit(value, wanted)
            {
                return Err(format!(
                    "json: cannot unmarshal {got} into Go struct field {name}.{field} of type {wanted}"
                ));
            }
        }
        Ok(given)
    }
}

/// What a value is, if it does not do for a type.
fn misfit(value: &Value, wanted: &str) -> Option<String> {
    match (value, wanted) {
        (Value::Null, _) | (Value::String(_), "string") | (Value::Bool(_), "bool") => None,
        (Value::Number(number), "int") if number.is_i64() => None,
        (Value::Number(number), "int") => Some(format!("number {number}")),
        _ => Some(kind(value).to_owned()),
    }
}

/// Why a text is no JSON. Beyond the first character, Go has finer words than these.
fn syntax(text: &str, error: &serde_json::Error) -> String {
    if error.is_eof() {
        return "unexpected end of JSON input".to_owned();
    }
    let line = text.lines().nth(error.line().saturating_sub(1));
    let place = line.and_then(|line| line.chars().nth(error.column().saturating_sub(1)));
    let first = text.chars().find(|c| !c.is_whitespace());
    let found = place.or(first).unwrap_or_default();
    format!("invalid character '{found}' looking for beginning of value")
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// The Go type that a decoded value has.
pub(crate) fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "<nil>",
        Value::Bool(_) => "bool",
        Value::Number(_) => "float64",
        Value::String(_) => "string",
        Value::Array(_) => "[]interface {}",
        Value::Object(_) => "map[string]interface {}",
    }
}

/// Takes the escapes out of a part of a path, or `None` if one of them is broken.
pub(crate) fn unescaped(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        if *first != b'%' {
            bytes.push(*first);
            rest = after;
            continue;
        }
        let digits = after
            .get(..2)
            .filter(|digits| digits.iter().all(u8::is_ascii_hexdigit))
            .and_then(|digits| std::str::from_utf8(digits).ok())?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        rest = &after[2..];
    }
    String::from_utf8(bytes).ok()
}

/// The path by which Go's router looks for a route: without its escapes, unless they are not those
/// that Go itself would write.
pub(crate) fn routed(path: &str) -> String {
    match unescaped(path) {
        Some(plain) if with_escapes(&plain, b"/,;") == path => plain,
        _ => path.to_owned(),
    }
}

/// A text as one part of a path.
pub(crate) fn escaped(plain: &str) -> String {
    with_escapes(plain, b"")
}

fn with_escapes(plain: &str, but: &[u8]) -> String {
    let mut text = String::with_capacity(plain.len());
    for byte in plain.bytes() {
        let stays = b"-_.~$&+:=@".contains(&byte) || but.contains(&byte);
        if byte.is_ascii_alphanumeric() || stays {
            text.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(text, "%{byte:02X}");
        }
    }
    text
}

/// Whether a text is a glob that Go's `path.Match` takes.
pub(crate) fn is_glob(pattern: &str) -> bool {
    let mut rest = pattern.chars().peekable();
    while let Some(next) = rest.next() {
        match next {
            '\\' if rest.next().is_none() => return false,
            '[' if class(&mut rest).is_none() => return false,
            _ => {}
        }
    }
    true
}

/// What follows `[`, to its `]`.
fn class(rest: &mut Peekable<Chars<'_>>) -> Option<()> {
    rest.next_if_eq(&'^');
    let mut ranges = 0;
    loop {
        if ranges > 0 && rest.next_if_eq(&']').is_some() {
            return Some(());
        }
        member(rest)?;
        if rest.next_if_eq(&'-').is_some() {
            member(rest)?;
        }
        ranges += 1;
    }
}

fn member(rest: &mut Peekable<Chars<'_>>) -> Option<()> {
    match rest.next()? {
        '-' | ']' => return None,
        '\\' => drop(rest.next()?),
        _ => {}
    }
    rest.peek().map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn configurations_are_objects() {
        for (text, want) in [
            (
                "wizard",
                "invalid character 'w' looking for beginning of value",
            ),
            ("{\"a\":", "unexpected end of JSON input"),
            (
                "[]",
                "json: cannot unmarshal array into Go value of type map[string]interface {}",
            ),
        ] {
            assert_eq!(object(text).unwrap_err(), want, "{text}");
        }
        assert!(object("").unwrap().is_empty() && object("null").unwrap().is_empty());
    }

    #[test]
    fn bodies_are_of_a_type() {
        let wanted = Struct {
            package: "dto",
            name: "Request",
            fields: &[("name", "string"), ("count", "int")],
        };
        for (text, want) in [
            ("", None),
            ("null", None),
            (r#"{"NAME": "x", "count": 1, "other": []}"#, None),
            (
                "7",
                Some("json: cannot unmarshal number into Go value of type dto.Request"),
            ),
            (
                r#"{"name": 7}"#,
                Some(
                    "json: cannot unmarshal number into Go struct field Request.name of type string",
                ),
            ),
            (
                r#"{"count": 7.5}"#,
                Some(
                    "json: cannot unmarshal number 7.5 into Go struct field Request.count of type int",
                ),
            ),
            (
                "x",
                Some("invalid character 'x' looking for beginning of value"),
            ),
        ] {
            assert_eq!(wanted.read(text).err().as_deref(), want, "{text}");
        }
    }

    #[test]
    fn paths_are_routed_as_go_does() {
        for (path, want) in [
            ("/users/a%20b", "/users/a b"),
            ("/users/a%20b%2520", "/users/a b%20"),
            ("/users/%61dmin", "/users/%61dmin"),
            ("/shares/a%2Fb%20c", "/shares/a%2Fb%20c"),
            ("/shares/x:y", "/shares/x:y"),
            ("/shares/%", "/shares/%"),
            ("/shares/%+1", "/shares/%+1"),
            ("/shares/a,b;c%20", "/shares/a,b;c "),
        ] {
            assert_eq!(routed(path), want);
        }
    }

    #[test]
    fn parts_of_paths_are_escaped_as_go_does() {
        assert_eq!(escaped("c,d;e f/g+&=@$:"), "c%2Cd%3Be%20f%2Fg+&=@$:");
    }

    #[test]
    fn globs_are_judged() {
        for (pattern, want) in [
            ("*.tmp", true),
            ("[a-c]?\\*", true),
            ("[^x]", true),
            ("", true),
            ("[", false),
            ("[a", false),
            ("[]", false),
            ("[-]", false),
            ("[a-]", false),
            ("a\\", false),
        ] {
            assert_eq!(is_glob(pattern), want, "{pattern:?}");
        }
    }
}
