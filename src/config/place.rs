//! Where each value of the layered configuration was written.
//!
//! Paths are dotted as in TOML: `projects.search.keys[0].id`, with quotes round a name that TOML
//! would want quoted. A later file overrides an earlier one as the values do: tables are merged,
//! anything else is replaced with all that was below it.

use std::collections::BTreeMap;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::fault::Place;
use super::mask::masked;
use super::sheet::Standing;

/// The place of every value.
#[derive(Clone, Debug, Default)]
pub(super) struct Places {
    texts: Vec<Source>,
    spots: BTreeMap<String, Spot>,
}

/// A file's text.
#[derive(Clone, Debug)]
struct Source {
    name: String,
    text: String,
    /// Where each line begins.
    lines: Vec<usize>,
}

#[derive(Clone, Debug)]
enum Spot {
    Text { text: usize, key: Option<Range<usize>>, value: Range<usize>, is_table: bool },
    Variable(String),
}

/// What of a value is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// Its name.
    Key,
    /// What it is set to.
    Value,
}

/// The path of a named value below another.
pub(super) fn child(path: &str, key: &str) -> String {
    let bare = !key.is_empty() && key.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
    let dot = if path.is_empty() { "" } else { "." };
    if bare { format!("{path}{dot}{key}") } else { format!("{path}{dot}\"{key}\"") }
}

/// The path of a list's entry.
pub(super) fn item(path: &str, at: usize) -> String {
    format!("{path}[{at}]")
}

/// The path of the value that holds this one.
fn parent(path: &str) -> Option<&str> {
    let cut = if path.ends_with(']') {
        path.rfind('[')
    } else if path.ends_with('"') {
        path.rfind(".\"")
    } else {
        path.rfind('.')
    };
    path.get(..cut?)
}

/// Whether a path is another, or stands below it.
pub(super) fn is_within(path: &str, outer: &str) -> bool {
    path.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}

impl Places {
    /// Adds a file's text; its values are added with [`Places::add_table`].
    pub(super) fn add_text(&mut self, name: &str, text: &str) -> usize {
        let starts = text.match_indices('\n').map(|(at, _)| at + 1);
        let lines = std::iter::once(0).chain(starts).collect();
        self.texts.push(Source { name: name.to_owned(), text: text.to_owned(), lines });
        self.texts.len() - 1
    }

    /// Adds what stands in a table of a file. Gives the lists of tables that were replaced.
    pub(super) fn add_table(&mut self, text: usize, path: &str, table: &DeTable<'_>) -> Vec<String> {
        let mut replaced = Vec::new();
        for (key, value) in table {
            let here = child(path, key.get_ref());
            replaced.extend(self.add_value(text, &here, Some(key.span()), value));
        }
        replaced
    }

    fn add_value(
        &mut self,
        text: usize,
        path: &str,
        key: Option<Range<usize>>,
        value: &Spanned<DeValue<'_>>,
    ) -> Vec<String> {
        let is_table = value.get_ref().is_table();
        let spot = Spot::Text { text, key, value: value.span(), is_table };
        let mut replaced = Vec::new();
        let merges = is_table && matches!(self.spots.get(path), Some(Spot::Text { is_table: true, .. }));
        if !merges {
            if ["id", "request"].iter().any(|name| self.spots.contains_key(&format!("{path}[0].{name}"))) {
                replaced.push(path.to_owned());
            }
            self.set(path, spot);
        }
        match value.get_ref() {
            DeValue::Table(table) => replaced.extend(self.add_table(text, path, table)),
            DeValue::Array(list) => {
                for (at, entry) in list.iter().enumerate() {
                    self.add_value(text, &item(path, at), None, entry);
                }
            }
            DeValue::String(_)
            | DeValue::Integer(_)
            | DeValue::Float(_)
            | DeValue::Boolean(_)
            | DeValue::Datetime(_) => {}
        }
        replaced
    }

    /// Adds a value of the environment. Where something else than a table stands above it, that is gone.
    pub(super) fn add_variable(&mut self, path: &str, variable: &str) {
        let spot = || Spot::Variable(variable.to_owned());
        for above in std::iter::successors(parent(path), |path| parent(path)) {
            if self.knows(above) && !self.is_table(above) {
                self.set(above, spot());
            }
        }
        self.set(path, spot());
    }

    fn set(&mut self, path: &str, spot: Spot) {
        if self.spots.insert(path.to_owned(), spot).is_some() {
            self.spots.retain(|other, _| other == path || !is_within(other, path));
        }
    }

    /// Whether a value was written under exactly this path.
    pub(super) fn knows(&self, path: &str) -> bool {
        self.spots.contains_key(path)
    }

    /// Whether a table, or anything below it, was written under exactly this path.
    pub(super) fn is_table(&self, path: &str) -> bool {
        let below = format!("{path}.");
        let within =
            || self.spots.range(below.clone()..).next().is_some_and(|(known, _)| known.starts_with(&below));
        matches!(self.spots.get(path), Some(Spot::Text { is_table: true, .. })) || within()
    }

    /// In which text a value stands, or would belong; the first text if nothing above it is written.
    pub(super) fn standing(&self, path: &str) -> Standing {
        match self.spot(path) {
            Some(Spot::Text { text, .. }) => Standing::Text(*text),
            Some(Spot::Variable(name)) => Standing::Variable(name.clone()),
            None => Standing::Text(0),
        }
    }

    /// A path that was written, differs from this one or one above it only in case, and so would
    /// be missed.
    pub(super) fn twin(&self, path: &str) -> Option<String> {
        let above = std::iter::successors(Some(path), |path| parent(path));
        let missed = above.filter(|path| !self.knows(path));
        missed.filter_map(|path| self.spots.keys().find(|known| known.to_lowercase() == path)).last().cloned()
    }

    /// Where a value stands; for one that was not written, where it would belong.
    pub(super) fn place(&self, path: &str, part: Part) -> Option<Place> {
        let spot = if self.knows(path) { None } else { self.variable_within(path) };
        match spot.or_else(|| self.spot(path))? {
            Spot::Variable(name) => Some(Place::Variable { variable: name.clone() }),
            Spot::Text { text, key, value, is_table } => {
                let of_key = part == Part::Key || *is_table || !self.knows(path);
                let span = key.as_ref().filter(|_| of_key).unwrap_or(value);
                self.at(*text, span)
            }
        }
    }

    /// File and line of a value, with the main file's bare name, and another's with its folder's; empty if it stands
    /// nowhere.
    pub(super) fn line(&self, path: &str) -> String {
        match self.spot(path) {
            Some(Spot::Text { text: number, key, value, .. }) => {
                self.texts.get(*number).map_or_else(String::new, |text| {
                    let (line, _) = text.line_at(key.as_ref().unwrap_or(value).start);
                    let parts = if *number == 0 { 1 } else { 2 };
                    let from = text.name.rmatch_indices('/').nth(parts - 1).map_or(0, |(at, _)| at + 1);
                    format!("{}:{line}", text.name.get(from..).unwrap_or(&text.name))
                })
            }
            Some(Spot::Variable(name)) => format!("environment variable {name}"),
            None => String::new(),
        }
    }

    /// The place of a span in a text.
    pub(super) fn at(&self, text: usize, span: &Range<usize>) -> Option<Place> {
        let from = self.texts.get(text)?;
        let (line, start) = from.line_at(span.start);
        let Source { name, text, .. } = from;
        let line_text = text.get(start..)?.lines().next().unwrap_or_default();
        let column = text.get(start..span.start)?.chars().count();
        let meant = text.get(span.clone()).unwrap_or_default().lines().next().unwrap_or_default();
        let left = line_text.chars().count().saturating_sub(column);
        Some(Place::Text {
            file: name.clone(),
            line,
            column: column + 1,
            line_text: masked(&line_text.replace('\t', " ")),
            span_len: meant.chars().count().clamp(1, left.max(1)),
        })
    }

    /// The variable that made this table, where no text has it.
    fn variable_within(&self, path: &str) -> Option<&Spot> {
        let below = format!("{path}.");
        let (known, spot) = self.spots.range(below.clone()..).next()?;
        (known.starts_with(&below) && matches!(spot, Spot::Variable(_))).then_some(spot)
    }

    fn spot(&self, path: &str) -> Option<&Spot> {
        let mut here = path;
        loop {
            if let Some(spot) = self.spots.get(here) {
                return Some(spot);
            }
            here = parent(here)?;
        }
    }
}

impl Source {
    /// The line that holds a byte, from 1, and where it begins.
    fn line_at(&self, byte: usize) -> (usize, usize) {
        let line = self.lines.partition_point(|start| *start <= byte);
        (line, line.checked_sub(1).and_then(|at| self.lines.get(at)).copied().unwrap_or(0))
    }
}
