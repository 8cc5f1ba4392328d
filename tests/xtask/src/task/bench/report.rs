//! What was measured, beside its goals.

use super::Error;
use super::figures::{FIGURES, Figure, Goal, Key};
use std::collections::BTreeMap;

/// What is known of one figure.
#[derive(Clone, Debug)]
pub enum Measured {
    /// A number, and the floor of the same run if there is one.
    Value {
        /// In the unit of the figure.
        value: f64,
        /// The same, of a program without logic.
        floor: Option<f64>,
        /// What belongs to the number, such as how many instances there were.
        note: String,
    },
    /// None, and why.
    Not(String),
}

/// All that was measured in a run.
#[derive(Clone, Debug, Default)]
pub struct Report(BTreeMap<Key, Measured>);

impl Report {
    /// Notes a number.
    pub fn value(&mut self, key: Key, value: f64, note: impl Into<String>) {
        let note = note.into();
        self.note(
            key,
            Measured::Value {
                value,
                floor: None,
                note,
            },
        );
    }

    /// Notes why there is no number.
    pub fn not(&mut self, keys: &[Key], why: &str) {
        for key in keys {
            self.note(*key, Measured::Not(why.to_owned()));
        }
    }

    /// Adds the floor to a number that was noted.
    pub fn floor(&mut self, key: Key, of_floor: f64) {
        if let Some(Measured::Value { floor, .. }) = self.0.get_mut(&key) {
            *floor = Some(of_floor);
        }
    }

    /// Notes why numbers have no floor beside them.
    pub fn no_floor(&mut self, keys: &[Key], why: &Error) {
        let why = first_line(why);
        for key in keys {
            if let Some(Measured::Value { note, floor, .. }) = self.0.get_mut(key)
                && floor.is_none()
            {
                if !note.is_empty() {
                    note.push(' ');
                }
                note.push_str("no floor: ");
                note.push_str(&why);
            }
        }
    }

    /// Runs a part of the bench. One that fails leaves the figures that it has not measured without numbers, with the
    /// reason, and does not end the others.
    pub fn part(&mut self, keys: &[Key], part: impl FnOnce(&mut Self) -> Result<(), Error>) {
        let ran = part(self);
        self.explain(ran, keys);
    }

    /// The same for a part that has run.
    pub fn explain(&mut self, ran: Result<(), Error>, keys: &[Key]) {
        if let Err(error) = ran {
            println!("  A part of the bench has failed: {error}");
            self.not_yet(keys, &first_line(&error));
        }
    }

    fn note(&mut self, key: Key, measured: Measured) {
        if let (Some(figure), Measured::Value { value, note, .. }) = (figure(key), &measured) {
            println!(
                "  {}: {} {} {note}",
                figure.words,
                short(*value),
                figure.unit
            );
        }
        self.0.insert(key, measured);
    }

    /// The number of a figure.
    pub fn get(&self, key: Key) -> Option<f64> {
        match self.0.get(&key)? {
            Measured::Value { value, .. } => Some(*value),
            Measured::Not(_) => None,
        }
    }

    /// The same for those of which nothing is known yet.
    pub fn not_yet(&mut self, keys: &[Key], why: &str) {
        let missing = keys.iter().filter(|key| !self.0.contains_key(key));
        let missing: Vec<_> = missing.copied().collect();
        self.not(&missing, why);
    }

    /// The counts that are above their limits, for a message.
    pub fn over_limit(&self) -> Vec<String> {
        let over = FIGURES.iter().filter_map(|figure| {
            let (limit, value) = (figure.limit?, self.get(figure.key)?);
            let words = figure.words;
            (value > limit).then(|| format!("{words}: {}, at most {}", short(value), short(limit)))
        });
        over.collect()
    }

    /// The rows of the table in Markdown: figure, gate, stretch, measured, against the floor, what came of it.
    pub fn rows(&self) -> Vec<String> {
        let mut rows = vec![
            "| figure | gate | stretch | measured | floor | |".to_owned(),
            "|---|---|---|---|---|---|".to_owned(),
        ];
        rows.extend(FIGURES.iter().filter_map(|figure| self.row(figure)));
        rows
    }

    fn row(&self, figure: &Figure) -> Option<String> {
        let words = figure.words;
        let (gate, stretch) = (
            goal_words(figure.gate, figure.unit),
            goal_words(figure.stretch, figure.unit),
        );
        Some(match self.0.get(&figure.key)? {
            Measured::Not(why) => {
                format!("| {words} | {gate} | {stretch} | not measured: {why} | | |")
            }
            Measured::Value { value, floor, note } => {
                let number = with_unit(*value, figure.unit);
                let measured = [number.as_str(), note.as_str()].join(" ");
                let floor_words = floor.map_or_else(String::new, |floor| {
                    format!("{} ({:.1}×)", with_unit(floor, figure.unit), value / floor)
                });
                let verdict = verdict(figure, *value, *floor);
                format!(
                    "| {words} | {gate} | {stretch} | {} | {floor_words} | {verdict} |",
                    measured.trim_end()
                )
            }
        })
    }
}

/// For a row of the table.
fn first_line(error: &Error) -> String {
    let text = error.to_string();
    text.lines().next().unwrap_or_default().replace('|', "/")
}

fn figure(key: Key) -> Option<&'static Figure> {
    FIGURES.iter().find(|figure| figure.key == key)
}

fn goal_words(goal: Goal, unit: &str) -> String {
    match goal {
        Goal::AtMost(value) | Goal::AtLeast(value) => with_unit(value, unit),
        Goal::FloorTimes(times) => format!("{times}× the floor"),
        Goal::FloorShare(share) => format!("{share} %"),
        Goal::None => String::new(),
    }
}

fn verdict(figure: &Figure, value: f64, floor: Option<f64>) -> &'static str {
    match (
        reached(figure.gate, value, floor),
        reached(figure.stretch, value, floor),
    ) {
        (None, _) => "",
        (_, Some(true)) => "stretch",
        (Some(true), _) => "gate",
        (Some(false), _) => "**missed**",
    }
}

fn reached(goal: Goal, value: f64, floor: Option<f64>) -> Option<bool> {
    match goal {
        Goal::AtMost(most) => Some(value <= most),
        Goal::AtLeast(least) | Goal::FloorShare(least) => Some(value >= least),
        Goal::FloorTimes(times) => floor.map(|floor| value <= floor * times),
        Goal::None => None,
    }
}

fn with_unit(value: f64, unit: &str) -> String {
    format!("{} {unit}", short(value)).trim_end().to_owned()
}

/// Three digits where they matter.
fn short(value: f64) -> String {
    let decimals = match value.abs() {
        small if small < 0.1 => 3,
        small if small < 10.0 => 2,
        medium if medium < 100.0 => 1,
        _ => 0,
    };
    let text = format!("{value:.decimals$}");
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

#[cfg(test)]
mod tests;
