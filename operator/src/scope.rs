//! The part of the cluster that this operator manages: which namespaces, and which `DittoServers` in them.
//!
//! Several operators split a cluster between them by disjoint scopes. Everything is reached through the
//! `DittoServers` that are seen, so that what belongs to others is never touched.

use sha2::{Digest as _, Sha256};
use std::collections::BTreeSet;
use std::fmt::Write as _;

/// Namespaces and labels.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scope {
    /// Empty: all.
    namespaces: BTreeSet<String>,
    /// Empty: all.
    selector: String,
}

impl Scope {
    /// No namespaces means all of them, and so does an empty selector.
    pub fn new(namespaces: impl IntoIterator<Item = String>, selector: &str) -> Self {
        Self {
            namespaces: namespaces.into_iter().collect(),
            selector: sorted(selector),
        }
    }

    /// The namespaces, sorted. Empty: all.
    pub fn namespaces(&self) -> impl ExactSizeIterator<Item = &str> {
        self.namespaces.iter().map(String::as_str)
    }

    /// The label selector, which the API server has not validated yet. Empty: all.
    pub fn selector(&self) -> &str {
        &self.selector
    }

    /// A name for what only one operator of this scope may hold: the same for equal scopes, another for others. Two
    /// spellings of one requirement count as two.
    pub fn name(&self, base: &str) -> String {
        if *self == Self::default() {
            return base.to_owned();
        }
        let mut hash = Sha256::new();
        for namespace in &self.namespaces {
            hash.update(namespace);
            hash.update(",");
        }
        hash.update("/");
        hash.update(self.selector());
        let digest = hash.finalize();
        digest
            .iter()
            .take(4)
            .fold(format!("{base}-"), |mut name, byte| {
                let _ = write!(name, "{byte:02x}");
                name
            })
    }
}

/// All requirements of a selector have to hold, in whatever order they are given: those between commas, except in
/// parentheses.
fn sorted(selector: &str) -> String {
    let mut depth = 0_i32;
    let ends = |c: char| {
        depth += i32::from(c == '(') - i32::from(c == ')');
        c == ',' && depth == 0
    };
    let requirements: BTreeSet<_> = selector.split(ends).map(str::trim).collect();
    Vec::from_iter(requirements).join(",")
}

/// A namespace's name, from the command line.
///
/// # Errors
/// No namespace can have this name.
pub fn namespace(text: &str) -> Result<String, String> {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let ends = |c: Option<char>| c.is_some_and(|c| c != '-');
    let valid = text.len() <= 63
        && text.chars().all(fits)
        && ends(text.chars().next())
        && ends(text.chars().last());
    if valid {
        Ok(text.to_owned())
    } else {
        Err("a namespace has 1 to 63 lower case letters, digits or '-', and begins and ends with a letter or digit".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope(namespaces: &[&str], selector: &str) -> Scope {
        let namespaces = namespaces.iter().map(|name| (*name).to_owned());
        Scope::new(namespaces, selector)
    }

    #[test]
    fn equal_scopes_share_a_name_and_others_do_not() {
        assert_eq!(scope(&[], "").name("operator"), "operator");
        let one = scope(&["a", "b"], "shard=1").name("operator");
        assert_eq!(scope(&["b", "a", "b"], " shard=1 ").name("operator"), one);
        let others = [
            scope(&["a", "b"], ""),
            scope(&["a", "b"], "shard=2"),
            scope(&["a"], "shard=1"),
            scope(&["ab"], "shard=1"),
            scope(&[], "shard=1"),
        ];
        let names: BTreeSet<_> = others.iter().map(|scope| scope.name("operator")).collect();
        assert_eq!(names.len(), others.len());
        assert!(!names.contains(&one) && !names.contains("operator"));
    }

    #[test]
    fn the_order_of_requirements_makes_no_difference() {
        for (text, expected) in [
            ("", ""),
            ("  ", ""),
            ("b=2 , a=1,b=2", "a=1,b=2"),
            ("shard in (b, a),!trial", "!trial,shard in (b, a)"),
            // The API server refuses these, and has to see them as they are.
            ("a=1,", ",a=1"),
            ("a),b(", "a),b("),
        ] {
            assert_eq!(scope(&[], text).selector(), expected, "{text:?}");
        }
    }

    #[test]
    fn namespaces_are_checked() {
        for (text, valid) in [
            ("storage", true),
            ("team-1", true),
            ("", false),
            ("-a", false),
            ("a-", false),
            ("A", false),
            ("a.b", false),
        ] {
            assert_eq!(namespace(text).is_ok(), valid, "{text:?}");
        }
        assert!(namespace(&"a".repeat(64)).is_err());
    }
}
