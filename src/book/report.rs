//! What was used, summed up by what is asked for: as a table, CSV or JSON.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use super::batch::QUARTER_MS;
use super::read::{Filter, Reader, Row, Unreadable};
use super::sums::{NUMBERS, Sums, TOLD};
use crate::money::Money;
use crate::printable::in_a_line;

/// What is summed up by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// The project.
    Project,
    /// The key's public id.
    Key,
    /// The upstream.
    Upstream,
    /// The model that was asked for.
    Model,
    /// The hour in UTC; the day, where only days are kept.
    Hour,
    /// The day in UTC.
    Day,
    /// The month in UTC.
    Month,
}

impl By {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::Project, Self::Key, Self::Upstream, Self::Model, Self::Hour, Self::Day, Self::Month];

    /// Its word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Project => "project",
            Self::Key => "key",
            Self::Upstream => "upstream",
            Self::Model => "model",
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Month => "month",
        }
    }

    /// The one with this word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|by| by.word() == word)
    }

    /// Those of a list such as `project,model`.
    #[must_use]
    pub fn list(words: &str) -> Option<Vec<Self>> {
        let mut list = Vec::new();
        for word in words.split(',') {
            let by = Self::from_word(word.trim())?;
            if !list.contains(&by) {
                list.push(by);
            }
        }
        Some(list)
    }

    fn value(self, row: &Row<'_>) -> String {
        match self {
            Self::Project => row.project.to_owned(),
            Self::Key => row.key.to_owned(),
            Self::Upstream => row.upstream.to_owned(),
            Self::Model => row.model.to_owned(),
            Self::Hour if row.day => time(row.from_ms, "%Y-%m-%d"),
            Self::Hour => time(row.from_ms, "%Y-%m-%d %H:00"),
            Self::Day => time(row.from_ms, "%Y-%m-%d"),
            Self::Month => time(row.from_ms, "%Y-%m"),
        }
    }

    const fn is_time(self) -> bool {
        match self {
            Self::Hour | Self::Day | Self::Month => true,
            Self::Project | Self::Key | Self::Upstream | Self::Model => false,
        }
    }
}

fn time(ms: i64, form: &str) -> String {
    let at = jiff::Timestamp::from_millisecond(ms).unwrap_or_default();
    at.to_zoned(jiff::tz::TimeZone::UTC).strftime(form).to_string()
}

/// What was used.
#[derive(Clone, Debug)]
pub struct Report {
    by: Vec<By>,
    since_ms: Option<i64>,
    until_ms: Option<i64>,
    /// The values that it was summed up by, and the sums.
    lines: Vec<(Vec<String>, Sums)>,
    total: Sums,
    reserved: Sums,
}

impl Report {
    /// Reads it.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn make(reader: &mut Reader, filter: &Filter, by: &[By]) -> Result<Self, Unreadable> {
        let mut lines: BTreeMap<Vec<String>, Sums> = BTreeMap::new();
        let (mut total, mut reserved) = (Sums::default(), Sums::default());
        reader.each(filter, |row| {
            if row.reserved {
                reserved += row.sums;
                return;
            }
            total += row.sums;
            let values = by.iter().map(|by| by.value(row)).collect();
            *lines.entry(values).or_default() += row.sums;
        })?;
        let mut lines: Vec<_> = lines.into_iter().collect();
        // Times in their order, and among what is of one time the dearest first.
        let times = |values: &[String]| -> Vec<String> {
            by.iter().zip(values).filter(|(by, _)| by.is_time()).map(|(_, value)| value.clone()).collect()
        };
        lines.sort_by_cached_key(|(values, sums)| {
            let dearest = std::cmp::Reverse((sums.cost, sums.usage.tokens(), sums.requests));
            (times(values), dearest, values.clone())
        });
        let since_ms = filter.since_ms.map(|since| since.div_euclid(QUARTER_MS) * QUARTER_MS);
        Ok(Self { by: by.to_vec(), since_ms, until_ms: filter.until_ms, lines, total, reserved })
    }

    /// Whether there is nothing to tell.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.total.is_empty() && self.reserved.is_empty()
    }

    /// A table for people; columns that are zero throughout are left out.
    #[must_use]
    pub fn text(&self) -> String {
        let told = self.total.numbers();
        let seldom = |name: &str| !["input_tokens", "output_tokens", "cost_usd"].contains(&name);
        let columns: Vec<usize> = (0..NUMBERS)
            .filter(|at| {
                told.get(*at).is_some_and(|sum| *sum > 0) || !TOLD.get(*at).copied().is_some_and(seldom)
            })
            .collect();
        let estimated = self.total.estimated > 0;
        let mut table: Vec<Vec<String>> = Vec::new();
        let mut heads: Vec<String> = self.by.iter().map(|by| by.word().to_owned()).collect();
        heads.push("requests".to_owned());
        heads.extend(estimated.then(|| "estimated".to_owned()));
        heads.extend(columns.iter().filter_map(|at| TOLD.get(*at)).map(|name| name.replace("_tokens", "")));
        table.push(heads);
        let line = |values: Vec<String>, sums: &Sums| {
            let mut cells = values;
            cells.push(sums.requests.to_string());
            cells.extend(estimated.then(|| sums.estimated.to_string()));
            let told = told_numbers(sums);
            cells.extend(columns.iter().filter_map(|at| told.get(*at).cloned()));
            cells
        };
        for (values, sums) in &self.lines {
            table.push(line(values.iter().map(|value| shown(value)).collect(), sums));
        }
        if self.lines.len() != 1 && !self.by.is_empty() {
            let mut values = vec![String::new(); self.by.len()];
            if let Some(first) = values.first_mut() {
                "in all".clone_into(first);
            }
            table.push(line(values, &self.total));
        }
        let mut out = aligned(&table, self.by.len());
        if !self.reserved.is_empty() {
            let Sums { requests, usage, cost, .. } = self.reserved;
            let tokens = usage.tokens();
            let _ =
                writeln!(out, "under way: {requests} requests, which reserve {tokens} tokens and {cost} USD");
        }
        out
    }

    /// A line with the names of the columns, and one for each sum.
    #[must_use]
    pub fn csv(&self) -> String {
        let mut out: Vec<&str> = self.by.iter().map(|by| by.word()).collect();
        out.extend(["requests", "estimated"]);
        out.extend(TOLD);
        let mut out = out.join(",") + "\n";
        for (values, sums) in &self.lines {
            let mut cells: Vec<String> = values.iter().map(|value| quoted(value)).collect();
            cells.extend([sums.requests.to_string(), sums.estimated.to_string()]);
            cells.extend(told_numbers(sums));
            out.push_str(&cells.join(","));
            out.push('\n');
        }
        out
    }

    /// All of it; money is in texts, which are exact.
    #[must_use]
    pub fn json(&self) -> Value {
        let at = |ms: Option<i64>| ms.map(|ms| time(ms, "%Y-%m-%dT%H:%M:%SZ"));
        let lines: Vec<Value> = self
            .lines
            .iter()
            .map(|(values, sums)| {
                let mut line = Map::new();
                for (by, value) in self.by.iter().zip(values) {
                    line.insert(by.word().to_owned(), value.as_str().into());
                }
                line.extend(object(sums));
                line.into()
            })
            .collect();
        json!({
            "since": at(self.since_ms),
            "until": at(self.until_ms),
            "by": self.by.iter().map(|by| by.word()).collect::<Vec<_>>(),
            "usage": lines,
            "total": object(&self.total),
            "under_way": object(&self.reserved),
        })
    }
}

/// The numbers as they are told: money in dollars.
fn told_numbers(sums: &Sums) -> [String; NUMBERS] {
    let mut told = sums.numbers().map(|number| number.to_string());
    for (name, number) in TOLD.iter().zip(&mut told) {
        if name.ends_with("_usd") {
            *number = Money::picodollars(number.parse().unwrap_or_default()).to_string();
        }
    }
    told
}

fn object(sums: &Sums) -> Map<String, Value> {
    let mut object = Map::new();
    object.insert("requests".to_owned(), sums.requests.into());
    object.insert("estimated".to_owned(), sums.estimated.into());
    for ((name, number), told) in TOLD.iter().zip(sums.numbers()).zip(told_numbers(sums)) {
        let value = if name.ends_with("_usd") { told.into() } else { number.into() };
        object.insert((*name).to_owned(), value);
    }
    object
}

/// A name as a terminal may have it; a client may have chosen it.
fn shown(name: &str) -> String {
    if name.is_empty() {
        return "-".to_owned();
    }
    in_a_line(name).into_owned()
}

/// A value of CSV: in quotes where it could be taken for more than one, or for a formula.
fn quoted(value: &str) -> String {
    let value = &*in_a_line(value);
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.:/ ()".contains(c);
    let formula = value.starts_with(['=', '+', '-', '@', '\t', '\r']);
    if value.chars().all(plain) && !formula {
        return value.to_owned();
    }
    let apostrophe = if formula { "'" } else { "" };
    format!("\"{apostrophe}{}\"", value.replace('"', "\"\""))
}

/// The cells in columns: the first so many to the left, numbers to the right.
fn aligned(table: &[Vec<String>], left: usize) -> String {
    let columns = table.iter().map(Vec::len).max().unwrap_or_default();
    let width = |at: usize| {
        table.iter().filter_map(|row| row.get(at)).map(|cell| cell.chars().count()).max().unwrap_or_default()
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut out = String::new();
    for row in table {
        let mut line = String::new();
        for (at, (cell, width)) in row.iter().zip(&widths).enumerate() {
            let gap = if at == 0 { "" } else { "  " };
            let _ = if at < left {
                write!(line, "{gap}{cell:<width$}")
            } else {
                write!(line, "{gap}{cell:>width$}")
            };
        }
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}
