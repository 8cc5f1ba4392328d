//! A label selector, as `kubectl --selector` takes it.

use std::fmt;
use std::str::FromStr;

/// A label selector that the API server will understand.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selector(String);

impl Selector {
    /// In one spelling. Empty: everything.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What is wrong with a label selector.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SelectorError {
    /// Nothing between two commas.
    #[error("there is nothing between two commas, or a comma at the end")]
    Empty,
    /// Not a key of a label.
    #[error("{0:?} is not the key of a label: such as shard or example.com/shard")]
    Key(String),
    /// Not a value of a label.
    #[error(
        "{0:?} is not the value of a label: up to 63 letters, digits, hyphens, underscores and dots"
    )]
    Value(String),
    /// A set without parentheses.
    #[error("{0:?}: the values of `in` and `notin` stand in parentheses, such as shard in (a,b)")]
    Set(String),
}

/// One of the requirements.
enum Requirement<'a> {
    Exists(&'a str),
    Missing(&'a str),
    Equal(&'a str, &'a str),
    NotEqual(&'a str, &'a str),
    In(&'a str, Vec<&'a str>),
    NotIn(&'a str, Vec<&'a str>),
}

impl fmt::Display for Requirement<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exists(key) => write!(f, "{key}"),
            Self::Missing(key) => write!(f, "!{key}"),
            Self::Equal(key, value) => write!(f, "{key}={value}"),
            Self::NotEqual(key, value) => write!(f, "{key}!={value}"),
            Self::In(key, values) => write!(f, "{key} in ({})", values.join(",")),
            Self::NotIn(key, values) => write!(f, "{key} notin ({})", values.join(",")),
        }
    }
}

impl FromStr for Selector {
    type Err = SelectorError;

    fn from_str(text: &str) -> Result<Self, SelectorError> {
        if text.trim().is_empty() {
            return Ok(Self::default());
        }
        let mut requirements = parts(text)
            .into_iter()
            .map(|part| requirement(part).map(|requirement| requirement.to_string()))
            .collect::<Result<Vec<_>, _>>()?;
        // All of them have to hold, in whatever order they are given.
        requirements.sort();
        requirements.dedup();
        Ok(Self(requirements.join(",")))
    }
}

/// Split at the commas that stand in no parentheses.
fn parts(text: &str) -> Vec<&str> {
    let mut depth = 0_i32;
    text.split(move |c| {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        c == ',' && depth == 0
    })
    .map(str::trim)
    .collect()
}

fn requirement(text: &str) -> Result<Requirement<'_>, SelectorError> {
    if text.is_empty() {
        return Err(SelectorError::Empty);
    }
    if let Some(name) = text.strip_prefix('!') {
        return Ok(Requirement::Missing(key(name)?));
    }
    if let Some((name, text)) = text.split_once("!=") {
        return Ok(Requirement::NotEqual(key(name)?, value(text)?));
    }
    if let Some((name, text)) = text.split_once("==").or_else(|| text.split_once('=')) {
        return Ok(Requirement::Equal(key(name)?, value(text)?));
    }
    let Some((name, rest)) = text.split_once(char::is_whitespace) else {
        return Ok(Requirement::Exists(key(text)?));
    };
    let rest = rest.trim_start();
    if let Some(set) = rest.strip_prefix("notin") {
        return Ok(Requirement::NotIn(key(name)?, values(text, set)?));
    }
    if let Some(set) = rest.strip_prefix("in") {
        return Ok(Requirement::In(key(name)?, values(text, set)?));
    }
    Err(SelectorError::Key(text.to_owned()))
}

fn values<'a>(whole: &str, set: &'a str) -> Result<Vec<&'a str>, SelectorError> {
    let inner = set
        .trim()
        .strip_prefix('(')
        .and_then(|set| set.strip_suffix(')'));
    let inner = inner.ok_or_else(|| SelectorError::Set(whole.to_owned()))?;
    let mut values = inner.split(',').map(value).collect::<Result<Vec<_>, _>>()?;
    values.sort_unstable();
    values.dedup();
    Ok(values)
}

fn key(text: &str) -> Result<&str, SelectorError> {
    let text = text.trim();
    let (prefix, name) = match text.split_once('/') {
        Some((prefix, name)) => (Some(prefix), name),
        None => (None, text),
    };
    if is_word(name) && !name.is_empty() && prefix.is_none_or(is_domain) {
        Ok(text)
    } else {
        Err(SelectorError::Key(text.to_owned()))
    }
}

fn value(text: &str) -> Result<&str, SelectorError> {
    let text = text.trim();
    if is_word(text) {
        Ok(text)
    } else {
        Err(SelectorError::Value(text.to_owned()))
    }
}

/// Letters, digits, hyphens, underscores and dots, with a letter or digit at both ends.
fn is_word(text: &str) -> bool {
    let inside = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let end = |c: Option<char>| c.is_none_or(|c| c.is_ascii_alphanumeric());
    text.len() <= 63
        && text.chars().all(inside)
        && end(text.chars().next())
        && end(text.chars().last())
}

fn is_domain(text: &str) -> bool {
    let label = |label: &str| {
        !label.is_empty()
            && is_word(label)
            && label
                .chars()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
    };
    text.len() <= 253 && text.split('.').all(label)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selectors_have_one_spelling() {
        for (text, expected) in [
            ("", ""),
            ("  ", ""),
            ("shard=1", "shard=1"),
            ("shard == 1", "shard=1"),
            ("b=2 , a=1", "a=1,b=2"),
            ("example.com/shard!=x", "example.com/shard!=x"),
            ("shard in (b, a)", "shard in (a,b)"),
            ("shard notin(a)", "shard notin (a)"),
            ("!shard", "!shard"),
            ("shard", "shard"),
            ("shard=", "shard="),
            ("a in (x,y),b", "a in (x,y),b"),
        ] {
            let selector: Selector = text.parse().unwrap();
            assert_eq!(selector.as_str(), expected, "{text:?}");
            assert_eq!(expected.parse(), Ok(selector), "{text:?}");
        }
    }

    #[test]
    fn what_is_no_selector_is_refused() {
        for text in [
            "a=1,",
            ",",
            "=1",
            "a b",
            "a=b c",
            "-a=1",
            "a=b=c",
            "shard in a",
            "shard in (a",
            "shard in (a b)",
            "UPPER.example.com/x=1",
            "/x=1",
            "x/=1",
            "shard>1",
        ] {
            let parsed: Result<Selector, _> = text.parse();
            assert!(parsed.is_err(), "{text:?} is {parsed:?}");
        }
    }
}
