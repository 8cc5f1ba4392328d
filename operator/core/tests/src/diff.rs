//! Differences that a person can read.

use std::fmt::Write as _;

/// Lines around a difference.
const CONTEXT: usize = 3;

/// The lines that differ, with some around them.
pub fn lines(old: &str, new: &str) -> String {
    render(old, new, |_| "…".to_owned())
}

/// The same of two YAML documents. Where lines are left out, it says which field the next ones are in.
pub fn of_yaml(old: &str, new: &str) -> String {
    render(old, new, |before| format!("@ {}", path(before)))
}

/// `gap`: what stands for lines that are left out, by all lines up to the next one that is shown.
fn render(old: &str, new: &str, gap: impl Fn(&[&str]) -> String) -> String {
    let old: Vec<_> = old.lines().collect();
    let new: Vec<_> = new.lines().collect();
    let all = edits(&old, &new);
    let changed: Vec<_> = (0..all.len()).filter(|at| all[*at].0 != ' ').collect();
    let near = |at: usize| changed.iter().any(|change| change.abs_diff(at) <= CONTEXT);
    let mut text = String::new();
    let mut left_out = false;
    for (at, (sign, line)) in all.iter().enumerate() {
        if !near(at) {
            left_out = true;
            continue;
        }
        if left_out {
            let before: Vec<_> = all[..=at].iter().map(|(_, line)| *line).collect();
            let _ = writeln!(text, "{}", gap(&before));
            left_out = false;
        }
        let _ = writeln!(text, "{}", format!("{sign} {line}").trim_end());
    }
    text
}

/// The fields that enclose the last of some lines of YAML.
fn path(lines: &[&str]) -> String {
    let mut fields: Vec<(usize, &str)> = Vec::new();
    for line in lines {
        let bare = line.trim_start_matches([' ', '-']);
        let depth = line.len() - bare.len();
        fields.retain(|(above, _)| *above < depth);
        if let Some((field, _)) = bare.split_once(':') {
            fields.push((depth, field));
        }
    }
    fields.pop();
    let fields: Vec<_> = fields.into_iter().map(|(_, field)| field).collect();
    fields.join(".")
}

/// Every line with its sign, by the longest common subsequence.
fn edits<'a>(old: &[&'a str], new: &[&'a str]) -> Vec<(char, &'a str)> {
    let mut common = vec![vec![0_usize; new.len() + 1]; old.len() + 1];
    for i in (0..old.len()).rev() {
        for j in (0..new.len()).rev() {
            common[i][j] = if old[i] == new[j] {
                common[i + 1][j + 1] + 1
            } else {
                common[i + 1][j].max(common[i][j + 1])
            };
        }
    }
    let (mut i, mut j) = (0, 0);
    let mut all = Vec::new();
    while i < old.len() || j < new.len() {
        if i < old.len() && j < new.len() && old[i] == new[j] {
            all.push((' ', old[i]));
            (i, j) = (i + 1, j + 1);
        } else if j == new.len() || (i < old.len() && common[i + 1][j] >= common[i][j + 1]) {
            all.push(('-', old[i]));
            i += 1;
        } else {
            all.push(('+', new[j]));
            j += 1;
        }
    }
    all
}
