//! Lays what was read over each other, and remembers where each value stands.
//!
//! 1. Files come in their order, then the variables `PORTCULLIS__SECTION__KEY`; what comes later
//!    overrides.
//! 2. Tables are merged, anything else is replaced.
//! 3. How variables are read stands in `variable.rs`.

use config::{Config, File, FileFormat};
use serde_json::Value;
use toml::Spanned;
use toml::de::{DeTable, DeValue};
use zeroize::Zeroizing;

use super::fault::{Fault, Place, Severity};
use super::load::Sources;
use super::place::{Part, Places};
use super::variable::{self, Variable};

/// What mends a text that is not TOML, by what its reader says.
const MENDS: [(&str, &str); 9] = [
    (
        "cannot extend value",
        "a line above sets this name to something else: remove that line, or write all of the table in one place",
    ),
    ("duplicate key", "this name is set twice in its table: remove one of the two, or lay them together"),
    ("values must be quoted", "put the text in quotes: \"…\""),
    ("key with no value", "write NAME = VALUE, or [NAME] for a section"),
    ("missing value", "write the value behind the sign"),
    ("missing comma", "put a comma between two entries, or ] where the list ends above"),
    ("unclosed", "close what was opened: a section's name and a list with ], a table within a line with }"),
    (
        "string",
        "a text ends in its line, with the quote that it begins with; write \\\\ for a backslash in it",
    ),
    ("key", "a name with other signs than letters, digits, - and _ stands in quotes"),
];

/// The layers laid over each other.
pub(super) struct Layered {
    pub(super) value: Value,
    pub(super) places: Places,
    pub(super) digest: String,
    /// Mistakes that stop the load, and lints.
    pub(super) faults: Vec<Fault>,
}

/// Reads everything and lays it over each other.
pub(super) fn layered(sources: &Sources) -> Layered {
    let mut faults = Vec::new();
    let texts = sources.texts(&mut faults);
    let settings = sources.settings();
    let mut places = Places::default();
    for (name, text) in &texts {
        add_text(name, text, &mut places, &mut faults);
    }
    let mut variables = Vec::new();
    for (name, text) in &settings {
        variables.extend(add_variable(name, text, &mut places, &mut faults));
    }
    let digest = digest(&texts, &settings);
    let broken = faults.iter().any(|fault| fault.severity == Severity::Error);
    let value = if broken { Ok(Value::Null) } else { merged(&texts, variables) };
    let value = value.unwrap_or_else(|error| {
        let mend = "write the value as the example configuration does";
        faults.push(Fault::new(Severity::Error, "", None, &error.to_string(), mend));
        Value::Null
    });
    Layered { value, places, digest, faults }
}

fn add_text(name: &str, text: &str, places: &mut Places, faults: &mut Vec<Fault>) {
    let number = places.add_text(name, text);
    let mut wrong = |place: Option<Place>, what: &str, mend: &str| {
        faults.push(Fault::new(Severity::Error, "", place, what, mend));
    };
    let table = match DeTable::parse(text) {
        Ok(table) => table.into_inner(),
        Err(error) => {
            let place = error.span().and_then(|span| places.at(number, &span));
            let message = error.message().lines().collect::<Vec<_>>().join(", ");
            let mend = MENDS.iter().find(|(part, _)| message.contains(part)).map(|(_, mend)| *mend);
            wrong(place, &format!("this is not TOML: {message}"), mend.unwrap_or("mend the line's syntax"));
            return;
        }
    };
    for key in table.keys() {
        let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
        if key.get_ref().is_empty() || !key.get_ref().bytes().all(plain) {
            let place = places.at(number, &key.span());
            wrong(
                place,
                "there is no section of this name",
                "the sections are [server], [admin], [log], [store], [upstreams.NAME], [models.NAME], [prices.\"NAME/MODEL\"], [projects.NAME] and [[expect]]",
            );
        }
    }
    table.values().for_each(|value| {
        numbers(value, &mut |span| {
            let place = places.at(number, span);
            wrong(
                place,
                "this is not a number that a setting can have",
                "write a number between -2^63 and 2^63-1",
            );
        });
    });
    for path in places.add_table(number, "", &table) {
        let what = format!("this list takes the place of the whole {path} in an earlier file");
        let mend = "lists are not merged: write all its entries in one file";
        faults.push(Fault::new(Severity::Lint, &path, places.place(&path, Part::Key), &what, mend));
    }
}

/// Finds numbers that would be lost on the way.
fn numbers(value: &Spanned<DeValue<'_>>, lost: &mut dyn FnMut(&std::ops::Range<usize>)) {
    match value.get_ref() {
        DeValue::Integer(number) if i64::from_str_radix(number.as_str(), number.radix()).is_err() => {
            lost(&value.span());
        }
        DeValue::Float(number) if !number.as_str().parse().is_ok_and(f64::is_finite) => lost(&value.span()),
        DeValue::Array(entries) => entries.iter().for_each(|entry| numbers(entry, lost)),
        DeValue::Table(table) => table.values().for_each(|entry| numbers(entry, lost)),
        DeValue::String(_)
        | DeValue::Integer(_)
        | DeValue::Float(_)
        | DeValue::Boolean(_)
        | DeValue::Datetime(_) => {}
    }
}

fn add_variable(name: &str, text: &str, places: &mut Places, faults: &mut Vec<Fault>) -> Option<Variable> {
    let mut wrong = |path: &str, place: Option<Place>, what: &str, mend: &str| {
        faults.push(Fault::new(Severity::Error, path, place, what, mend));
    };
    let Some(path) = variable::path(name) else {
        let place = Some(Place::Variable { variable: name.to_owned() });
        let mend = "write PORTCULLIS__SECTION__KEY with letters, digits, - and _, such as PORTCULLIS__SERVER__LISTEN";
        wrong("", place, "this variable names no setting", mend);
        return None;
    };
    let twin = places.twin(&path);
    places.add_variable(&path, name);
    let place = places.place(&path, Part::Key);
    if let Some(twin) = twin {
        let what = format!("this variable sets {path}, not {twin}: variables reach lower-case names only");
        wrong(&path, place, &what, "set it in a file, or name it in lower case");
        return None;
    }
    let read = Variable::read(path.clone(), text);
    read.map_err(|what| wrong(&path, place, what, "write a,b or [\"a\", \"b\"]")).ok()
}

fn merged(texts: &[(String, String)], variables: Vec<Variable>) -> Result<Value, config::ConfigError> {
    let mut builder = Config::builder();
    for (_, text) in texts {
        builder = builder.add_source(File::from_str(text, FileFormat::Toml));
    }
    // One source for each variable, so that their order is theirs and not a hash map's.
    for variable in variables {
        builder = builder.add_source(variable);
    }
    builder.build()?.try_deserialize()
}

fn digest(texts: &[(String, String)], settings: &[(String, String)]) -> String {
    let mut all = Zeroizing::new(Vec::new());
    for (name, text) in
        texts.iter().map(|(_, text)| (None, text)).chain(settings.iter().map(|(n, v)| (Some(n), v)))
    {
        let name = name.map_or("", String::as_str);
        for part in [name, text] {
            all.extend_from_slice(&part.len().to_le_bytes());
            all.extend_from_slice(part.as_bytes());
        }
    }
    let sum = crate::project_key::digest(&all);
    sum.iter().fold("sha256:".to_owned(), |out, byte| format!("{out}{byte:02x}"))
}
