//! One setting of a text changed, with everything round it kept: comments, order, blanks.
//!
//! A path is dotted as in a fault: `projects.search.keys[0].models`. It may lead through tables,
//! inline tables, and lists of either.

use toml_edit::{Array, DocumentMut, Item, RawString, Table, TableLike, Value};

/// One change of one setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Edit {
    /// Adds an entry to a list, which is made if it is not there.
    Add(String),
    /// Leaves a list with exactly these entries.
    Only(Vec<String>),
    /// Sets a value.
    Set(New),
}

/// A new value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum New {
    /// True or false.
    Bool(bool),
    /// A whole number.
    Number(i64),
    /// A text.
    Text(String),
    /// A date such as `2027-01-01`; stays a text where it was one.
    Date(String),
    /// A number of bytes; stays a bare number where it was one.
    Bytes(u64),
}

/// The change as an order, to be followed by hand.
impl std::fmt::Display for Edit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Add(entry) => write!(f, "add \"{entry}\" there"),
            Self::Only(entries) => write!(f, "leave only {} there", entries.join(", ")),
            Self::Set(New::Bool(value)) => write!(f, "set it to {value} there"),
            Self::Set(New::Number(value)) => write!(f, "set it to {value} there"),
            Self::Set(New::Text(value) | New::Date(value)) => write!(f, "set it to {value} there"),
            Self::Set(New::Bytes(bytes)) => write!(f, "set it to {} there", size(*bytes)),
        }
    }
}

/// A step of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Name(String),
    Entry(usize),
}

/// The text with the change made; `None` where the path leads nowhere.
pub(super) fn edited(text: &str, path: &str, edit: &Edit) -> Option<String> {
    // The editor writes one kind of line end.
    let foreign = text.contains("\r\n");
    let mut document: DocumentMut = text.parse().ok()?;
    let steps = steps(path)?;
    if let [Step::Name(section), Step::Name(_)] = steps.as_slice()
        && !document.contains_key(section)
    {
        add_section(&mut document, section);
    }
    match steps.split_last()? {
        (Step::Name(name), above) => change(table(document.as_table_mut(), above)?, name, edit)?,
        (Step::Entry(at), above) => {
            let (Step::Name(name), above) = above.split_last()? else { return None };
            let list = table(document.as_table_mut(), above)?.get_mut(name)?.as_array_mut()?;
            let Edit::Set(new) = edit else { return None };
            put(list.get_mut(*at)?, new);
        }
    }
    let edited = document.to_string();
    Some(if foreign { edited.replace("\r\n", "\n").replace('\n', "\r\n") } else { edited })
}

/// Adds a section to the end of the text, behind the words that stand there.
fn add_section(document: &mut DocumentMut, name: &str) {
    let words = text(Some(document.trailing()));
    document.set_trailing("");
    let mut section = Table::new();
    let blank = if document.is_empty() && words.is_empty() { "" } else { "\n" };
    section.decor_mut().set_prefix(format!("{words}{blank}"));
    document.insert(name, Item::Table(section));
}

fn steps(path: &str) -> Option<Vec<Step>> {
    let mut steps = Vec::new();
    let mut rest = path;
    while !rest.is_empty() {
        if let Some(quoted) = rest.strip_prefix('"') {
            let (name, after) = quoted.split_once('"')?;
            steps.push(Step::Name(name.to_owned()));
            rest = after;
        } else if let Some(inner) = rest.strip_prefix('[') {
            let (number, after) = inner.split_once(']')?;
            steps.push(Step::Entry(number.parse().ok()?));
            rest = after;
        } else {
            let end = rest.find(['.', '[']).unwrap_or(rest.len());
            let (name, after) = rest.split_at_checked(end)?;
            steps.push(Step::Name(name.to_owned()));
            rest = after;
        }
        rest = rest.strip_prefix('.').unwrap_or(rest);
    }
    Some(steps)
}

/// The table at a path.
fn table<'t>(here: &'t mut dyn TableLike, path: &[Step]) -> Option<&'t mut dyn TableLike> {
    match path {
        [] => Some(here),
        [Step::Name(name), Step::Entry(at), rest @ ..] => match here.get_mut(name)? {
            Item::ArrayOfTables(list) => table(list.get_mut(*at)?, rest),
            Item::Value(list) => table(list.as_array_mut()?.get_mut(*at)?.as_inline_table_mut()?, rest),
            Item::Table(_) | Item::None => None,
        },
        [Step::Name(name), rest @ ..] => table(here.get_mut(name)?.as_table_like_mut()?, rest),
        [Step::Entry(_), ..] => None,
    }
}

fn change(table: &mut dyn TableLike, name: &str, edit: &Edit) -> Option<()> {
    let missing = table.get(name).is_none_or(Item::is_none);
    match edit {
        Edit::Set(new) if missing => insert(table, name, value(new, None)),
        Edit::Set(new) => put(table.get_mut(name)?.as_value_mut()?, new),
        Edit::Add(entry) if missing => insert(table, name, list([entry])),
        Edit::Add(entry) => add(table.get_mut(name)?.as_array_mut()?, entry),
        Edit::Only(entries) if missing => insert(table, name, list(entries)),
        Edit::Only(entries) => {
            let value = table.get_mut(name)?.as_value_mut()?;
            match value.as_array_mut() {
                Some(array) => only(array, entries),
                // A word that opens the list.
                None => replace(value, list(entries)),
            }
        }
    }
    Some(())
}

/// Adds a value behind the last. The blank before the brace that closes an inline table stays there.
fn insert(table: &mut dyn TableLike, name: &str, mut new: Value) {
    let last = table.iter_mut().last().and_then(|(_, item)| item.as_value_mut());
    if let Some(last) = last.filter(|last| text(last.decor().suffix()) == " ") {
        last.decor_mut().set_suffix("");
        new.decor_mut().set_suffix(" ");
    }
    table.insert(name, Item::Value(new));
}

fn list<'e>(entries: impl IntoIterator<Item = &'e String>) -> Value {
    let mut array: Array = entries.into_iter().map(String::as_str).collect();
    array.fmt();
    Value::Array(array)
}

/// Sets a value and keeps what stands round it.
fn replace(old: &mut Value, mut new: Value) {
    new.decor_mut().clone_from(old.decor());
    *old = new;
}

fn put(old: &mut Value, new: &New) {
    let new = value(new, Some(old));
    replace(old, new);
}

/// The value as it is written in the place of another.
fn value(new: &New, old: Option<&Value>) -> Value {
    let was_text = old.is_some_and(Value::is_str);
    match new {
        New::Bool(value) => Value::from(*value),
        New::Number(value) => Value::from(*value),
        New::Text(text) => Value::from(text.as_str()),
        New::Date(text) => match text.parse::<toml_edit::Datetime>() {
            Ok(date) if !was_text => Value::from(date),
            Ok(_) | Err(_) => Value::from(text.as_str()),
        },
        New::Bytes(bytes) => match i64::try_from(*bytes) {
            Ok(number) if old.is_some_and(Value::is_integer) => Value::from(number),
            Ok(_) | Err(_) => Value::from(size(*bytes)),
        },
    }
}

/// A number of bytes as one would write it.
fn size(bytes: u64) -> String {
    let units = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    match units.iter().find(|(unit, _)| bytes.is_multiple_of(*unit)) {
        Some((unit, name)) => format!("{} {name}", bytes / unit),
        None => format!("{bytes} B"),
    }
}

/// What stands before or behind a value.
fn text(raw: Option<&RawString>) -> String {
    raw.and_then(RawString::as_str).unwrap_or_default().to_owned()
}

/// Adds an entry in the manner of those that are there: on a line of its own if they are, and behind
/// the comment of the last, which stays with it.
fn add(array: &mut Array, entry: &str) {
    let mut new = Value::from(entry);
    let behind_list = text(Some(array.trailing()));
    let Some(at) = array.len().checked_sub(1) else {
        // What stands in an empty list, such as a comment, stays before the entry.
        let on_lines = behind_list.contains('\n');
        new.decor_mut().set_prefix(if on_lines { indented(&behind_list, "    ") } else { String::new() });
        array.set_trailing(if on_lines { last_line_end(&behind_list) } else { String::new() });
        array.set_trailing_comma(on_lines);
        array.push_formatted(new);
        return;
    };
    let comma = array.trailing_comma();
    let Some(last) = array.get_mut(at) else { return };
    let (before, behind_last) = (text(last.decor().prefix()), text(last.decor().suffix()));
    // With a comma behind it, what follows the last entry belongs to the list.
    let behind = if comma { &behind_list } else { &behind_last };
    if before.contains('\n') || behind.contains('\n') {
        let indent = before.rsplit_once('\n').map_or("    ", |(_, indent)| indent);
        new.decor_mut().set_prefix(indented(behind, indent));
        let end = last_line_end(behind);
        if comma {
            array.set_trailing(end);
        } else {
            last.decor_mut().set_suffix("");
            new.decor_mut().set_suffix(end);
        }
    } else {
        new.decor_mut().set_prefix(" ");
        if !comma {
            last.decor_mut().set_suffix("");
            new.decor_mut().set_suffix(behind_last);
        }
    }
    array.push_formatted(new);
}

/// What stood behind the last entry, and then the beginning of a line for another.
fn indented(behind: &str, indent: &str) -> String {
    let comments = behind.trim_end();
    format!("{comments}\n{indent}")
}

/// The end of the last line, up to the bracket that closes the list.
fn last_line_end(behind: &str) -> String {
    behind.rsplit_once('\n').map_or_else(String::new, |(_, indent)| format!("\n{indent}"))
}

/// Takes out what is not to stay, and adds what is missing.
fn only(array: &mut Array, entries: &[String]) {
    let stays = |value: &Value| value.as_str().is_some_and(|text| entries.iter().any(|entry| entry == text));
    loop {
        let goes = array.iter().position(|value| !stays(value));
        let Some(at) = goes else { break };
        let gone = array.remove(at);
        // The comment before an entry is the one behind the entry before it.
        if let Some(next) = array.get_mut(at) {
            next.decor_mut().set_prefix(text(gone.decor().prefix()));
        }
    }
    let there: Vec<String> = array.iter().filter_map(Value::as_str).map(str::to_owned).collect();
    for missing in entries.iter().filter(|entry| !there.contains(entry)) {
        add(array, missing);
    }
}
#[cfg(test)]
mod tests;
