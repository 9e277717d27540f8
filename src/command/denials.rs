//! `portcullis denials`: what was refused lately, by what, and what mends it.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{FAILED, FINE, WRONG, complain, say};
use crate::config::{Sources, store_of, unknown_key, unknown_project};
use crate::flood::Summary;
use crate::printable::in_a_line;
use crate::receipt::Receipt;
use crate::store::read::{By, Counted, Entry, Failed, Filter, Reader, Share};

/// How often a followed store is looked at.
const LOOK: Duration = Duration::from_millis(500);

/// Where the store is: named, or in the configuration.
#[derive(Debug)]
pub struct Place {
    /// The database's file, if it was named.
    pub store: Option<PathBuf>,
    /// The configuration that names it.
    pub config: PathBuf,
}

/// What is shown.
#[derive(Debug)]
pub enum Shown {
    /// The last so many.
    List {
        /// How many.
        most: usize,
        /// Whether those to come are shown too.
        follow: bool,
    },
    /// How many by what.
    Top {
        /// By what.
        by: By,
        /// How many values.
        most: usize,
    },
    /// One request.
    One {
        /// Its id.
        id: String,
        /// Only what may be shown to a provider's support.
        support: bool,
    },
}

impl Place {
    /// Opens the store, or says why not.
    ///
    /// # Errors
    /// Why not, and the exit code.
    pub fn open(&self) -> Result<Reader, (String, u8)> {
        let path = self.path()?;
        if !crate::store::exists(&path) {
            let why =
                format!("there is no store at {}: has the gate run with this configuration?", path.display());
            return Err((why, FAILED));
        }
        Reader::open(&path).map_err(|why| (why.to_string(), FAILED))
    }

    /// Says so where the configuration has no such project or key: nothing would be found of it.
    pub(super) fn note_unknown(&self, project: Option<&str>, key: Option<&str>) {
        if self.store.is_some() {
            return;
        }
        let sources = Sources::at(&self.config);
        let project = project.and_then(|name| unknown_project(&sources, name));
        let key = key.and_then(|id| unknown_key(&sources, id));
        for note in project.into_iter().chain(key) {
            complain(&note);
        }
    }

    /// Where the store is, or why that is not known.
    ///
    /// # Errors
    /// Why not, and the exit code.
    pub fn path(&self) -> Result<PathBuf, (String, u8)> {
        match &self.store {
            Some(path) => Ok(path.clone()),
            None => configured(&self.config).map_err(|why| (why, WRONG)),
        }
    }
}

fn configured(config: &Path) -> Result<PathBuf, String> {
    match store_of(&Sources::at(config)) {
        Ok(Some(settings)) => Ok(settings.path),
        Ok(None) => Err(format!(
            "{} keeps neither denials nor usage: add\n\n[store]\npath = \"/var/lib/portcullis/store.db\"",
            config.display()
        )),
        Err(faults) => Err(faults.to_string()),
    }
}

/// Shows what the store holds.
#[must_use]
pub fn run(place: &Place, filter: &Filter, shown: &Shown, as_json: bool) -> u8 {
    let reader = match place.open() {
        Ok(reader) => reader,
        Err((why, code)) => {
            complain(&why);
            return code;
        }
    };
    place.note_unknown(filter.project.as_deref(), filter.key.as_deref());
    let done = match shown {
        Shown::List { most, follow } => list(&reader, filter, *most, *follow, as_json),
        Shown::Top { by, most } => top(&reader, filter, *by, *most, as_json),
        Shown::One { id, support } => one(&reader, id, *support, as_json),
    };
    done.unwrap_or_else(|error| {
        complain(&format!("the store cannot be read: {error}"));
        FAILED
    })
}

fn list(reader: &Reader, filter: &Filter, most: usize, follow: bool, as_json: bool) -> Result<u8, Failed> {
    let last = reader.last()?;
    let kept = reader.list(filter, most)?;
    let counted = if filter.model.is_some() { Vec::new() } else { reader.counted(filter)? };
    let last_counted = counted.first().map_or(0, |one| one.id);
    let latest = Entry::latest(kept, counted, most);
    for one in latest.iter().rev() {
        match one {
            Entry::Whole(one) => tell(&one.line, as_json),
            Entry::Counted(one) => tell_counted(one, as_json),
        }
    }
    if latest.is_empty() && most > 0 && !as_json && !follow {
        say("nothing was refused, as far as the store goes back");
    }
    if follow {
        go_on(reader, filter, last, last_counted, as_json)?;
    }
    Ok(FINE)
}

/// Tells what comes, until the program is ended or the store cannot be read.
fn go_on(
    reader: &Reader,
    filter: &Filter,
    mut last: i64,
    mut last_counted: i64,
    as_json: bool,
) -> Result<(), Failed> {
    loop {
        std::thread::sleep(LOOK);
        for one in reader.after(filter, last)? {
            last = last.max(one.id);
            tell(&one.line, as_json);
        }
        if filter.model.is_some() {
            continue;
        }
        let counted = reader.counted(filter)?;
        for one in counted.iter().filter(|one| one.id > last_counted).rev() {
            tell_counted(one, as_json);
        }
        last_counted = counted.first().map_or(last_counted, |one| one.id.max(last_counted));
    }
}

fn tell(line: &str, as_json: bool) {
    match Receipt::read(line) {
        Some(receipt) if !as_json => say(&receipt.in_a_list()),
        Some(_) | None => say(line),
    }
}

fn tell_counted(one: &Counted, as_json: bool) {
    if as_json {
        let mut line = String::new();
        Summary {
            event: &one.outcome,
            reason: &one.reason,
            rule: &one.rule,
            project: &one.project,
            key_id: &one.key_id,
            network: &one.network,
            count: one.count,
            first: one.first,
            last: one.last,
        }
        .render(&mut line);
        say(&line);
        return;
    }
    let who = if one.key_id.is_empty() { "-".to_owned() } else { format!("{}/{}", one.project, one.key_id) };
    let network = if one.network.is_empty() { "anywhere" } else { &one.network };
    say(&format!(
        "{}  {:<6} {} more {}  {who}  {network}  {}",
        moment(one.last),
        one.outcome,
        one.count,
        one.reason,
        one.rule,
    ));
}

fn top(reader: &Reader, filter: &Filter, by: By, most: usize, as_json: bool) -> Result<u8, Failed> {
    let mut shares = reader.top(filter, by)?;
    let all: i64 = shares.iter().map(|share| share.count).sum();
    shares.truncate(most);
    if as_json {
        say(&serde_json::to_string_pretty(&shares).unwrap_or_default());
        return Ok(FINE);
    }
    let mut out = String::new();
    for Share { value, count, last } in &shares {
        let value = if value.is_empty() { "(unknown)".into() } else { in_a_line(value) };
        let _ = writeln!(out, "{count:>9}  {value}  (last {})", moment(*last));
    }
    let _ = write!(out, "{all:>9}  in all");
    say(&out);
    Ok(FINE)
}

fn one(reader: &Reader, id: &str, support: bool, as_json: bool) -> Result<u8, Failed> {
    let Some(receipt) = reader.find(id)?.as_deref().and_then(Receipt::read) else {
        complain(&format!(
            "the store has no refused request {id}: it may have been served, counted only, or be too old"
        ));
        return Ok(FAILED);
    };
    if support && !receipt.reached_the_provider() {
        complain(
            "the gate itself refused this request: the provider never saw it, and its support knows nothing of it",
        );
        return Ok(FAILED);
    }
    let text = match (support, as_json) {
        (false, true) => format!("{:#}", receipt.value()),
        (true, _) => receipt.for_support(),
        (false, false) => receipt.whole(),
    };
    say(text.trim_end());
    Ok(FINE)
}

/// A time in milliseconds since 1970, to the second.
pub(super) fn moment(millis: i64) -> String {
    jiff::Timestamp::from_millisecond(millis)
        .map_or_else(|_| "?".to_owned(), |at| format!("{at:.0}").replace('T', " ").replace('Z', ""))
}
