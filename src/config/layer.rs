//! Lays what was read over each other, and remembers where each value stands.
//!
//! 1. Files come in their order, then the variables `PORTCULLIS__SECTION__KEY`; what comes later
//!    overrides.
//! 2. Tables are merged, anything else is replaced.
//! 3. Names of variables are lower-cased, so they reach only lower-case names. Numbers and booleans
//!    are read as such, and lists are separated by commas.

use config::{Config, Environment, File, FileFormat};
use serde_json::Value;
use toml::Spanned;
use toml::de::{DeTable, DeValue};
use zeroize::Zeroizing;

use super::fault::{Fault, Place, Severity};
use super::load::{PREFIX, Sources};
use super::place::{Part, Places, child};

/// Values that the environment may set to a list, separated by commas.
const LISTS: [&str; 6] = ["trusted_proxies", "allow_ips", "models", "scopes", "upstreams", "requests"];

/// No setting stands deeper.
const DEEPEST: usize = 8;

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
    for (name, _) in &settings {
        add_variable(name, &mut places, &mut faults);
    }
    let digest = digest(&texts, &settings);
    let broken = faults.iter().any(|fault| fault.severity == Severity::Error);
    let value = if broken { Ok(Value::Null) } else { merged(&texts, settings) };
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
            wrong(place, &format!("this is not TOML: {message}"), "mend the line's syntax");
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

fn add_variable(name: &str, places: &mut Places, faults: &mut Vec<Fault>) {
    let Some(path) = variable_path(name) else {
        let place = Some(Place::Variable { variable: name.to_owned() });
        let mend = "write PORTCULLIS__SECTION__KEY with letters, digits, - and _, such as PORTCULLIS__SERVER__LISTEN";
        faults.push(Fault::new(Severity::Error, "", place, "this variable names no setting", mend));
        return;
    };
    let twin = places.twin(&path);
    places.add_variable(&path, name);
    if let Some(twin) = twin {
        let what = format!("this variable sets {path}, not {twin}: variables reach lower-case names only");
        let place = places.place(&path, Part::Key);
        faults.push(Fault::new(
            Severity::Error,
            &path,
            place,
            &what,
            "set it in a file, or name it in lower case",
        ));
    }
}

/// The path of a value that a variable sets.
fn variable_path(name: &str) -> Option<String> {
    let rest = name.strip_prefix(PREFIX)?;
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
    let parts: Vec<&str> = rest.split("__").collect();
    let fine = |part: &&str| part.starts_with(|c: char| c.is_ascii_alphanumeric());
    (parts.len() <= DEEPEST && parts.iter().all(fine) && rest.bytes().all(plain))
        .then(|| parts.iter().fold(String::new(), |path, part| child(&path, &part.to_lowercase())))
}

fn merged(texts: &[(String, String)], settings: Vec<(String, String)>) -> Result<Value, config::ConfigError> {
    let mut builder = Config::builder();
    for (_, text) in texts {
        builder = builder.add_source(File::from_str(text, FileFormat::Toml));
    }
    // One source for each variable, so that their order is theirs and not a hash map's.
    for (name, value) in settings {
        let mut variables = Environment::with_prefix("PORTCULLIS").separator("__").try_parsing(true);
        let path = variable_path(&name).unwrap_or_default();
        if LISTS.iter().any(|list| path.ends_with(&format!(".{list}"))) {
            variables = variables.list_separator(",").with_list_parse_key(&path);
        }
        builder = builder.add_source(variables.source(Some(std::iter::once((name, value)).collect())));
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
