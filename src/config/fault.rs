//! What is wrong in a configuration, where it stands, and how to mend it.

use std::fmt::Write as _;

use serde::Serialize;

use super::mask::masked;

/// How bad a fault is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The configuration cannot be used.
    Error,
    /// It can be used, but probably does not do what was meant.
    Lint,
}

/// Where a value was written.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(untagged)]
pub enum Place {
    /// In a file.
    Text {
        /// The file's name as it was given.
        file: String,
        /// The line, from 1.
        line: usize,
        /// The column in characters, from 1.
        column: usize,
        /// The line itself, with anything hidden that may be a secret.
        line_text: String,
        /// How many characters are meant, from the column on; at least 1.
        span_len: usize,
    },
    /// In the environment.
    Variable {
        /// The variable's name.
        variable: String,
    },
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Text { file, line, column, .. } => write!(f, "{file}:{line}:{column}"),
            Self::Variable { variable } => write!(f, "environment variable {variable}"),
        }
    }
}

/// One thing that is wrong, or probably not meant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// How bad it is.
    pub severity: Severity,
    /// The dotted name of the value, such as `projects.search.models`; empty if it is about none.
    pub path: String,
    /// Where it stands; nowhere if it is about something missing from an empty configuration.
    pub place: Option<Place>,
    /// What is wrong.
    pub what: String,
    /// How to mend it.
    pub mend: String,
}

impl Fault {
    /// A fault; whatever may be a secret in its texts is hidden.
    #[must_use]
    pub fn new(severity: Severity, path: &str, place: Option<Place>, what: &str, mend: &str) -> Self {
        Self { severity, path: masked(path), place, what: masked(what), mend: masked(mend) }
    }

    /// Which entry of a list is meant: a variable has no columns.
    fn entry(&self) -> String {
        let number = self.path.strip_suffix(']').and_then(|path| path.rsplit_once('['));
        let number = number.and_then(|(_, number)| number.parse::<usize>().ok());
        number.map_or_else(String::new, |number| format!(", entry {}", number.saturating_add(1)))
    }

    /// Appends the fault in the manner of a compiler: place, line, caret, mend.
    pub(super) fn render(&self, out: &mut String) {
        let title = match self.severity {
            Severity::Error => "error",
            Severity::Lint => "warning",
        };
        let _ = writeln!(out, "{title}: {}", self.what);
        match &self.place {
            Some(place @ Place::Text { line, column, line_text, span_len, .. }) => {
                let number = line.to_string();
                let gutter = " ".repeat(number.len());
                let before = " ".repeat(column.saturating_sub(1));
                let carets = "^".repeat((*span_len).max(1));
                let _ = writeln!(out, "{gutter}--> {place}");
                let _ = writeln!(out, "{gutter} |\n{number} | {line_text}\n{gutter} | {before}{carets}");
                let _ = writeln!(out, "{gutter} = {}", self.mend);
            }
            Some(place @ Place::Variable { .. }) => {
                let _ = writeln!(out, " --> {place}{}\n  = {}", self.entry(), self.mend);
            }
            None => {
                let _ = writeln!(out, "  = {}", self.mend);
            }
        }
    }
}

/// Every mistake of a configuration that cannot be used, and behind them the variables that set nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Faults(pub Vec<Fault>);

impl Faults {
    /// The mistakes, and what is none.
    #[must_use]
    pub fn mistakes_and_lints(&self) -> (&[Fault], &[Fault]) {
        self.0.split_at(self.0.partition_point(|fault| fault.severity == Severity::Error))
    }

    /// All of them in the manner of a compiler.
    #[must_use]
    pub fn render_text(&self) -> String {
        render_text(&self.0)
    }
}

impl std::fmt::Display for Faults {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.render_text())
    }
}

impl std::error::Error for Faults {}

/// Faults or lints in the manner of a compiler, with an empty line between two.
#[must_use]
pub fn render_text(faults: &[Fault]) -> String {
    let mut out = String::new();
    for (at, fault) in faults.iter().enumerate() {
        if at > 0 {
            out.push('\n');
        }
        fault.render(&mut out);
    }
    out
}

/// Orders faults as a reader meets them: by file and line, what stands nowhere last.
pub(super) fn sort(faults: &mut [Fault]) {
    faults.sort_by(|a, b| (a.place.is_none(), &a.place).cmp(&(b.place.is_none(), &b.place)));
}
