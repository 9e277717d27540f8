//! `portcullis prices`: what models cost, and how another price list differs.

use std::path::Path;

use serde_json::{Map, Value, json};

use super::{FAILED, FINE, WRONG, complain, say};
use crate::clock::Moment;
use crate::config::{Sources, load};
use crate::limits::Registry;
use crate::prices::{self, Charge, Difference, Kind, Override, Price};
use crate::snapshot::Snapshot;

/// How to print.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// For people.
    Text,
    /// For machines.
    Json,
    /// For sheets.
    Csv,
}

/// A line of what is shown.
struct Row {
    seller: String,
    model: String,
    price: Price,
    /// As whom it is priced, in place of a price.
    like: Option<String>,
    tiers: Vec<String>,
    source: String,
}

/// Prints the overrides of a configuration, if one is given, and the list that comes with the gate.
#[must_use]
pub fn run(config: Option<&Path>, pattern: Option<&str>, format: Format, now: Moment) -> u8 {
    let mut rows = Vec::new();
    if let Some(path) = config {
        match load(&Sources::at(path), &Registry::new(now)) {
            Ok(loaded) => rows = overrides(&loaded.snapshot, pattern),
            Err(faults) => {
                complain(faults.render_text().trim_end());
                return WRONG;
            }
        }
    }
    let taken = prices::title().rsplit(' ').next().unwrap_or_default();
    rows.extend(prices::listed(pattern, now).into_iter().map(|one| Row {
        seller: one.seller.to_owned(),
        model: one.model.to_owned(),
        price: (*one.price).clone(),
        like: None,
        tiers: one.tiers,
        source: taken.to_owned(),
    }));
    if rows.is_empty() {
        let which = pattern.unwrap_or_default();
        complain(&format!("no price is known of `{which}`; one can be set with [prices.\"UPSTREAM/MODEL\"]"));
        return FAILED;
    }
    say(text_of(&rows, format).trim_end());
    FINE
}

/// Prints the licence of the list.
#[must_use]
pub fn notice() -> u8 {
    say(&format!("{}\n\n{}", prices::title(), prices::NOTICE.trim_end()));
    FINE
}

fn overrides(snapshot: &Snapshot, pattern: Option<&str>) -> Vec<Row> {
    let row = |one: &Override| {
        let (price, like) = match &one.charge {
            Charge::Own(price) => (price.clone(), None),
            Charge::Like(seller, None) => (Price::default(), Some(seller.to_string())),
            Charge::Like(seller, Some(model)) => (Price::default(), Some(format!("{seller}/{model}"))),
        };
        Row {
            seller: one.seller.to_string(),
            model: one.models.as_str().to_owned(),
            price,
            like,
            tiers: Vec::new(),
            source: snapshot.rule(one.rule).map(|rule| rule.at.to_string()).unwrap_or_default(),
        }
    };
    let fits = |one: &&Override| {
        pattern.is_none_or(|pattern| {
            one.models.fits(pattern) || format!("{}/{}", one.seller, one.models.as_str()).contains(pattern)
        })
    };
    snapshot.prices.overrides().filter(fits).map(row).collect()
}

/// What stands in a column of its own.
const COLUMNS: [Kind; 3] = [Kind::Input, Kind::Cached, Kind::Output];

const HEAD: [&str; 7] = ["seller", "model", "input", "cached", "output", "also", "source"];

impl Row {
    fn cells(&self) -> [String; 7] {
        let cell = |kind| self.price.listed(kind).map(|each| each.to_string()).unwrap_or_default();
        let [input, cached, output] = COLUMNS.map(cell);
        let also = self.also();
        [self.seller.clone(), self.model.clone(), input, cached, output, also, self.source.clone()]
    }

    /// What has no column.
    fn also(&self) -> String {
        let mut all: Vec<String> = Vec::new();
        all.extend(self.like.iter().map(|like| format!("like {like}")));
        if self.like.is_none() && self.price.is_free() {
            all.push("free".to_owned());
        }
        let beside = self.price.rates().filter(|(kind, above, _)| above.is_some() || !COLUMNS.contains(kind));
        all.extend(beside.map(|(kind, above, each)| match above {
            Some(above) => format!("{} {each} above {above}", kind.name()),
            None => format!("{} {each}", kind.name()),
        }));
        if !self.tiers.is_empty() {
            all.push(format!("tiers {}", self.tiers.join(" ")));
        }
        all.join(", ")
    }

    fn value(&self) -> Value {
        json!({
            "seller": self.seller,
            "model": self.model,
            "usd": usd(&self.price),
            "like": self.like,
            "tiers": self.tiers,
            "source": self.source,
        })
    }
}

/// A price as JSON: amounts are texts, so that none is rounded.
fn usd(price: &Price) -> Value {
    let mut all = Map::new();
    for (kind, above, each) in price.rates() {
        match above {
            None => all.insert(kind.name().to_owned(), json!(each.to_string())),
            Some(above) => all.insert(format!("{}_above_{above}", kind.name()), json!(each.to_string())),
        };
    }
    Value::Object(all)
}

fn text_of(rows: &[Row], format: Format) -> String {
    match format {
        Format::Json => {
            let all: Vec<Value> = rows.iter().map(Row::value).collect();
            format!("{:#}", json!({ "list": prices::title(), "prices": all }))
        }
        Format::Csv => sheet(&HEAD, rows.iter().map(Row::cells)),
        Format::Text => {
            let table = table(&HEAD, &rows.iter().map(Row::cells).collect::<Vec<_>>());
            format!(
                "{table}\nUSD for a million tokens or characters, an hour of sound, or one of what else it is; from {}.",
                prices::title()
            )
        }
    }
}

fn sheet<const N: usize>(head: &[&str; N], rows: impl Iterator<Item = [String; N]>) -> String {
    let quoted = |cell: &str| {
        if cell.contains([',', '"', '\n']) {
            format!("\"{}\"", cell.replace('"', "\"\""))
        } else {
            cell.to_owned()
        }
    };
    let line = |cells: &[String]| cells.iter().map(|cell| quoted(cell)).collect::<Vec<_>>().join(",");
    std::iter::once(head.join(",")).chain(rows.map(|row| line(&row))).collect::<Vec<_>>().join("\n")
}

fn table<const N: usize>(head: &[&str; N], rows: &[[String; N]]) -> String {
    let width = |at: usize| {
        let cells = rows.iter().filter_map(|row| row.get(at)).map(|cell| cell.chars().count());
        cells.chain(head.get(at).map(|cell| cell.len())).max().unwrap_or_default()
    };
    let widths: Vec<usize> = (0..N).map(width).collect();
    let line = |cells: Vec<&str>| {
        let padded = cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    let body = rows.iter().map(|row| line(row.iter().map(String::as_str).collect()));
    std::iter::once(line(head.to_vec())).chain(body).fold(String::new(), |out, line| out + &line + "\n")
}

/// Prints how another list differs from the one that comes with the gate.
#[must_use]
pub fn diff(file: &Path, format: Format, now: Moment) -> u8 {
    let text = match std::fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) => {
            complain(&format!("cannot read {}: {error}", file.display()));
            return WRONG;
        }
    };
    let Some(all) = prices::differences(&text, now) else {
        complain(&format!(
            "{} is no price list; `src/prices/update` makes one from the data of genai-prices",
            file.display()
        ));
        return WRONG;
    };
    let cells = |one: &Difference| {
        let (was, is) = (one.was.as_deref(), one.is.as_deref());
        [one.seller.clone(), one.model.clone(), changed(was, is)]
    };
    let head = ["seller", "model", "change"];
    let shown = match format {
        Format::Json => {
            let value = |one: &Difference| {
                json!({
                    "seller": one.seller,
                    "model": one.model,
                    "was": one.was.as_deref().map(usd),
                    "is": one.is.as_deref().map(usd),
                })
            };
            format!("{:#}", Value::Array(all.iter().map(value).collect()))
        }
        Format::Csv => sheet(&head, all.iter().map(cells)),
        Format::Text if all.is_empty() => "no difference".to_owned(),
        Format::Text => table(&head, &all.iter().map(cells).collect::<Vec<_>>()),
    };
    say(shown.trim_end());
    if all.is_empty() { FINE } else { FAILED }
}

/// What changed between two prices, in words.
fn changed(was: Option<&Price>, is: Option<&Price>) -> String {
    let (was, is) = match (was, is) {
        (None, Some(is)) => return format!("new: {}", written(is)),
        (Some(was), None) => return format!("gone: {}", written(was)),
        (None, None) => return String::new(),
        (Some(was), Some(is)) => (was, is),
    };
    let named = |kind: Kind, above: Option<u64>| match above {
        Some(above) => format!("{} above {above}", kind.name()),
        None => kind.name().to_owned(),
    };
    let mut all: Vec<String> = Vec::new();
    for (kind, above, each) in is.rates() {
        match was.rates().find(|(other, length, _)| (*other, *length) == (kind, above)) {
            Some((_, _, before)) if before == each => {}
            Some((_, _, before)) => all.push(format!("{} {before} -> {each}", named(kind, above))),
            None => all.push(format!("{} {each} is new", named(kind, above))),
        }
    }
    let kept = |kind, above| is.rates().any(|(other, length, _)| (other, length) == (kind, above));
    all.extend(
        was.rates()
            .filter(|(kind, above, _)| !kept(*kind, *above))
            .map(|(kind, above, each)| format!("{} {each} is gone", named(kind, above))),
    );
    if all.is_empty() {
        "its names, its tiers or what it costs at other times".to_owned()
    } else {
        all.join(", ")
    }
}

fn written(price: &Price) -> String {
    let all = price.rates().filter(|(_, above, _)| above.is_none());
    all.map(|(kind, _, each)| format!("{} {each}", kind.name())).collect::<Vec<_>>().join(", ")
}
