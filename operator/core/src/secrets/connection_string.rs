//! Pure: parses connection strings of PostgreSQL. The server has a setting for each part, but none for the whole
//! string.
//!
//! Both forms of libpq are read (PostgreSQL documentation, "Connection Strings"):
//! `postgresql://user:password@host:5432/database` and `host=… dbname=…`.

use percent_encoding::percent_decode_str;
use std::collections::BTreeMap;

use super::references::CONNECTION;

/// Longest connection string that is read, in bytes.
const MAX_LENGTH: usize = 4096;
/// Longest name of a parameter that is told. The longest of PostgreSQL has 22 characters.
const LONGEST_NAME: usize = 32;
/// Parameters by the names that libpq and the server have for them.
const PARAMETERS: [(&str, &str); 6] = [
    ("host", "host"),
    ("port", "port"),
    ("dbname", "database"),
    ("user", "user"),
    ("password", "password"),
    ("sslmode", "sslmode"),
];

/// Parts by the names of the server's settings.
pub type Parts = BTreeMap<&'static str, String>;

/// What is wrong with a connection string. None of these shows a part of it that may be secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConnectionProblem {
    /// It has neither of the two forms.
    #[error("is not a connection string")]
    Form,
    /// A part is missing.
    #[error("has no {0}")]
    Lacks(&'static str),
    /// The server does not support a parameter.
    #[error("has parameter {0:?}, which the server does not support: remove it")]
    Unknown(String),
    /// The same, and its name is none that PostgreSQL has: it may be a piece of a password.
    #[error(
        "has a parameter that the server does not support: remove it, or percent-encode `?`, `&` and `/` in the password (%3F, %26, %2F)"
    )]
    Strange,
    /// The server supports one host only.
    #[error("names several hosts, but the server supports only one")]
    SeveralHosts,
    /// The port is not a number from 1 to 65535.
    #[error("has an invalid port")]
    Port,
}

/// Parses a connection string.
///
/// # Errors
/// It is not a connection string, or the server does not support all of it.
pub fn parse(bytes: &[u8]) -> Result<Parts, ConnectionProblem> {
    let text = std::str::from_utf8(bytes).map_err(|_| ConnectionProblem::Form)?;
    let text = text.trim();
    if text.len() > MAX_LENGTH {
        return Err(ConnectionProblem::Form);
    }
    let schemes = ["postgresql://", "postgres://"];
    let pairs = match schemes.iter().find_map(|scheme| text.strip_prefix(scheme)) {
        Some(rest) => of_url(rest)?,
        None => of_words(text)?,
    };
    let mut parts = Parts::new();
    let mut unknown = None;
    for (name, value) in pairs {
        match PARAMETERS.iter().find(|(parameter, _)| *parameter == name) {
            Some((_, setting)) if !value.is_empty() => drop(parts.insert(setting, value)),
            Some(_) => {}
            None => unknown = unknown.or(Some(name)),
        }
    }
    if let Some(part) = CONNECTION.iter().find(|part| !parts.contains_key(*part)) {
        return Err(ConnectionProblem::Lacks(part));
    }
    // Only now: text that is not a whole connection may be another secret, and its "parameter" a piece of that.
    if let Some(name) = unknown {
        let is_word = name.len() <= LONGEST_NAME
            && name
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte == b'_');
        return Err(match name {
            name if is_word => ConnectionProblem::Unknown(name),
            _ => ConnectionProblem::Strange,
        });
    }
    if parts.get("host").is_some_and(|host| host.contains(',')) {
        return Err(ConnectionProblem::SeveralHosts);
    }
    match parts.get("port").map(|port| port.parse::<u16>()) {
        Some(Err(_) | Ok(0)) => Err(ConnectionProblem::Port),
        _ => Ok(parts),
    }
}

type Pairs = Vec<(String, String)>;

fn of_url(rest: &str) -> Result<Pairs, ConnectionProblem> {
    let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (authority, database) = place.split_once('/').unwrap_or((place, ""));
    let (account, place) = authority.rsplit_once('@').unwrap_or(("", authority));
    let (user, password) = account.split_once(':').unwrap_or((account, ""));
    let (host, port) = split_port(place);
    let mut pairs: Vec<_> = [
        ("host", host),
        ("port", port),
        ("dbname", database),
        ("user", user),
        ("password", password),
    ]
    .map(|(name, value)| (name, value.to_owned()))
    .into();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').ok_or(ConnectionProblem::Form)?;
        pairs.push((name, value.to_owned()));
    }
    let decoded = |text: &str| {
        let text = percent_decode_str(text).decode_utf8();
        text.map(String::from).map_err(|_| ConnectionProblem::Form)
    };
    let pairs = pairs.iter();
    pairs
        .map(|(name, value)| Ok((decoded(name)?, decoded(value)?)))
        .collect()
}

/// An IPv6 address is in brackets.
fn split_port(place: &str) -> (&str, &str) {
    let bracketed = place
        .strip_prefix('[')
        .and_then(|rest| rest.split_once(']'));
    match bracketed {
        Some((host, port)) => (host, port.trim_start_matches(':')),
        None => place.rsplit_once(':').unwrap_or((place, "")),
    }
}

/// Words like `name=value`. A value with spaces is quoted, and a backslash escapes the next character.
fn of_words(text: &str) -> Result<Pairs, ConnectionProblem> {
    let mut pairs = Pairs::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (name, after) = rest.split_once('=').ok_or(ConnectionProblem::Form)?;
        let name = name.trim();
        let is_word = |name: &str| name.chars().all(|c| c.is_ascii_lowercase() || c == '_');
        if name.is_empty() || !is_word(name) {
            return Err(ConnectionProblem::Form);
        }
        let (value, after) = value(after.trim_start())?;
        pairs.push((name.to_owned(), value));
        rest = after.trim_start();
    }
    Ok(pairs)
}

/// A value, and what comes after it.
fn value(text: &str) -> Result<(String, &str), ConnectionProblem> {
    let quoted = text.starts_with('\'');
    let mut value = String::new();
    let mut characters = text.char_indices().skip(usize::from(quoted));
    while let Some((at, character)) = characters.next() {
        match character {
            '\\' => value.extend(characters.next().map(|(_, next)| next)),
            '\'' if quoted => return Ok((value, text.get(at + 1..).unwrap_or_default())),
            _ if !quoted && character.is_whitespace() => {
                return Ok((value, text.get(at..).unwrap_or_default()));
            }
            _ => value.push(character),
        }
    }
    if quoted {
        return Err(ConnectionProblem::Form);
    }
    Ok((value, ""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_are_parsed() {
        let whole = [
            ("host", "db.example.com"),
            ("port", "5433"),
            ("database", "files"),
            ("user", "ditto"),
            ("password", "a b@/'"),
            ("sslmode", "require"),
        ];
        for text in [
            "postgres://ditto:a%20b%40%2F'@db.example.com:5433/files?sslmode=require",
            "postgresql://ditto:a%20b%40%2F'@db.example.com:5433/files?sslmode=require\n",
            r"host=db.example.com port=5433 dbname=files user=ditto password='a b@/\'' sslmode=require",
            r"host = db.example.com  port=5433 dbname=files user=ditto password=a\ b@/\' sslmode=require",
            "postgres:///files?host=db.example.com&port=5433&user=ditto&password=a%20b%40/'&sslmode=require",
        ] {
            let parts = parse(text.as_bytes());
            let expected = whole.map(|(name, value)| (name, value.to_owned()));
            assert_eq!(parts, Ok(Parts::from(expected)), "{text}");
        }
        let short = parse(b"postgres://u:p@[2001:db8::1]/d").unwrap();
        assert_eq!(short["host"], "2001:db8::1");
        assert!(!short.contains_key("port"));
    }

    #[test]
    fn what_the_server_does_not_support_is_named() {
        let lacks = ConnectionProblem::Lacks;
        let unknown = |name: &str| ConnectionProblem::Unknown(name.to_owned());
        for (text, problem) in [
            ("", lacks("host")),
            ("secret", ConnectionProblem::Form),
            ("mysql://u:p@h/d", ConnectionProblem::Form),
            ("Host=h;Database=d", ConnectionProblem::Form),
            ("host=h password='open", ConnectionProblem::Form),
            ("postgres://u:p@/d", lacks("host")),
            ("postgres://u:p@h", lacks("database")),
            ("postgres://:p@h/d", lacks("user")),
            ("postgres://u@h/d", lacks("password")),
            ("postgres://u:pa?ss=word@h/d", lacks("database")),
            ("another=", lacks("host")),
            ("postgres://u:p@h:0/d", ConnectionProblem::Port),
            ("postgres://u:p@h:port/d", ConnectionProblem::Port),
            ("postgres://u:p@h,i/d", ConnectionProblem::SeveralHosts),
            ("postgres://u:p@h/d?pool_size=3", unknown("pool_size")),
            // The password is not encoded.
            ("postgres://u:a@b/c?D1=x@h/d", ConnectionProblem::Strange),
            (
                "host=h dbname=d user=u password=p 7ab4=x",
                ConnectionProblem::Form,
            ),
            (
                "host=h dbname=d user=u password=p channel_binding=require",
                unknown("channel_binding"),
            ),
        ] {
            assert_eq!(parse(text.as_bytes()), Err(problem), "{text}");
        }
        assert_eq!(parse(&[0xff]), Err(ConnectionProblem::Form));
    }
}
