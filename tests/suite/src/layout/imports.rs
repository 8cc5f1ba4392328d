//! Modules that lie beside each other use each other one way only, at every level of a crate.
//!
//! What a module names is followed through re-exports to the module that it comes from. That parents and children use each
//! other is no circle.

use dittofs_suite::{Outcome, ensure};
use std::collections::{BTreeMap, BTreeSet};

use super::source::sources;

const CRATES: [&str; 5] = [
    "shared/src/",
    "shared/runtime/src/",
    "operator/core/src/",
    "operator/src/",
    "sidecar/src/",
];

type Path = Vec<String>;

/// What a module names.
#[derive(Default)]
struct Module {
    /// Absolute paths inside the crate.
    used: BTreeSet<Path>,
    /// Names that `use` brings into it, and where they come from.
    names: BTreeMap<String, Path>,
}

pub fn imports_have_no_circles() -> Outcome {
    let sample = [
        ("a", "use crate::b::{self, X};"),
        ("b", "pub struct X; fn y() { super::a::z() }"),
    ];
    let sample = sample.map(|(name, code)| (vec![name.to_owned()], code.to_owned()));
    ensure!(
        circles(sample).len() == 2,
        "no circle is found where there is one"
    );
    let mut found = Vec::new();
    for root in CRATES {
        let circles = circles(modules_of(root));
        found.extend(
            circles
                .into_iter()
                .map(|circle| format!("{root}: {circle}")),
        );
    }
    ensure!(
        found.is_empty(),
        "modules beside each other use each other one way\n{}",
        found.join("\n")
    );
    Ok(())
}

/// Path and code of each module of a crate.
fn modules_of(root: &str) -> BTreeMap<Path, String> {
    let sources = sources().into_iter().filter(|source| !source.is_test);
    let modules = sources.filter_map(|source| {
        let file = source.path.strip_prefix(root)?.strip_suffix(".rs")?;
        let path = match file {
            "main" => return None,
            "lib" => Path::new(),
            file => file.split('/').map(str::to_owned).collect(),
        };
        let lines = source.code.into_iter().map(|(_, line)| line);
        Some((path, lines.collect::<Vec<_>>().join("\n")))
    });
    modules.collect()
}

/// Every use that is part of a circle.
fn circles(code: impl IntoIterator<Item = (Path, String)>) -> Vec<String> {
    let code: BTreeMap<_, _> = code.into_iter().collect();
    let known = code.keys().cloned().collect();
    let modules = code.iter();
    let modules: BTreeMap<_, _> = modules
        .map(|(path, code)| (path.clone(), read(path, code, &known)))
        .collect();
    let mut levels: BTreeMap<Path, BTreeMap<(String, String), String>> = BTreeMap::new();
    for (from, module) in &modules {
        for used in &module.used {
            let to = origin(used, &modules, 0);
            let same = from.iter().zip(&to).take_while(|(a, b)| a == b).count();
            if same < from.len() && same < to.len() {
                let edge = (from[same].clone(), to[same].clone());
                let names = format!("{} uses {}", from.join("::"), to.join("::"));
                let level = levels.entry(from[..same].to_vec()).or_default();
                level.entry(edge).or_insert(names);
            }
        }
    }
    levels.values().flat_map(in_circles).collect()
}

fn in_circles(edges: &BTreeMap<(String, String), String>) -> Vec<String> {
    let reaches = |from: &str, to: &str| {
        let mut seen = BTreeSet::from([from]);
        let mut open = vec![from];
        while let Some(at) = open.pop() {
            let next = edges.keys().filter(|(a, _)| a == at);
            open.extend(next.map(|(_, b)| b.as_str()).filter(|b| seen.insert(*b)));
        }
        seen.contains(to)
    };
    let edges = edges.iter().filter(|((from, to), _)| reaches(to, from));
    edges.map(|(_, names)| names.clone()).collect()
}

/// The module that a path comes from.
fn origin(path: &[String], modules: &BTreeMap<Path, Module>, depth: usize) -> Path {
    let lengths = (0..=path.len()).rev();
    let mut holders = lengths.map(|length| path.split_at(length));
    let holder = holders.find(|(holder, _)| modules.contains_key(*holder));
    let (holder, rest) = holder.unwrap_or((&[], path));
    let renamed = rest
        .first()
        .and_then(|name| modules.get(holder)?.names.get(name));
    match renamed {
        // No chain of re-exports is longer, unless it is a circle.
        Some(target) if depth < 8 && target != path => {
            let target: Path = target.iter().chain(&rest[1..]).cloned().collect();
            origin(&target, modules, depth + 1)
        }
        _ => holder.to_vec(),
    }
}

fn read(path: &[String], code: &str, known: &BTreeSet<Path>) -> Module {
    let tokens = tokens(code);
    let mut module = Module::default();
    for at in 0..tokens.len() {
        let is_use = tokens[at] == "use";
        let is_path = ["crate", "self", "super"].contains(&tokens[at])
            && tokens.get(at + 1) == Some(&"::")
            && (at == 0 || tokens[at - 1] != "::");
        if !is_use && !is_path {
            continue;
        }
        let mut found = Vec::new();
        tree(&tokens, at + usize::from(is_use), &[], &mut found);
        for (mut named, alias) in found {
            if named.len() > 1 && named.last() == Some(&"self") {
                named.pop();
            }
            let Some(absolute) = absolute(path, &named, known) else {
                continue;
            };
            if is_use && let Some(name) = alias.or(named.last().copied()) {
                module.names.insert(name.to_owned(), absolute.clone());
            }
            module.used.insert(absolute);
        }
    }
    module
}

/// `None`: it names something outside of the crate, or is no path.
fn absolute(module: &[String], named: &[&str], known: &BTreeSet<Path>) -> Option<Path> {
    let supers = named.iter().take_while(|word| **word == "super").count();
    let (base, rest) = match named.first()? {
        &"crate" => (&module[..0], &named[1..]),
        &"self" => (module, &named[1..]),
        &"super" => (
            &module[..module.len().checked_sub(supers)?],
            &named[supers..],
        ),
        child => {
            let child = [module, &[(*child).to_owned()]].concat();
            known.contains(&child).then_some((module, named))?
        }
    };
    let rest = rest.iter().map(|word| (*word).to_owned());
    Some(base.iter().cloned().chain(rest).collect())
}

/// Paths in a tree like `a::{b, c::d as e}`, with their aliases. Returns where the tree ends.
fn tree<'a>(
    tokens: &[&'a str],
    mut at: usize,
    prefix: &[&'a str],
    found: &mut Vec<(Vec<&'a str>, Option<&'a str>)>,
) -> usize {
    let mut path = prefix.to_vec();
    loop {
        match tokens.get(at) {
            Some(&"{") => {
                at += 1;
                while let Some(token) = tokens.get(at) {
                    match *token {
                        "}" => return at + 1,
                        "," => at += 1,
                        _ => at = tree(tokens, at, &path, found).max(at + 1),
                    }
                }
                return at;
            }
            Some(word) if is_word(word) => {
                path.push(word);
                at += 1;
            }
            _ => {
                found.push((path, None));
                return at;
            }
        }
        if tokens.get(at) == Some(&"::") {
            at += 1;
            continue;
        }
        let alias = tokens.get(at + 1).filter(|_| tokens.get(at) == Some(&"as"));
        found.push((path, alias.copied()));
        return at + if alias.is_some() { 2 } else { 0 };
    }
}

fn is_word(token: &str) -> bool {
    token == "*" || token.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

/// Words, `::` and single characters.
fn tokens(code: &str) -> Vec<&str> {
    let mut tokens = Vec::new();
    let mut rest = code.trim_start();
    while let Some(first) = rest.chars().next() {
        let is_part = |c: char| c.is_alphanumeric() || c == '_';
        let length = if rest.starts_with("::") {
            2
        } else if is_part(first) {
            rest.find(|c| !is_part(c)).unwrap_or(rest.len())
        } else {
            first.len_utf8()
        };
        tokens.push(&rest[..length]);
        rest = rest[length..].trim_start();
    }
    tokens
}
