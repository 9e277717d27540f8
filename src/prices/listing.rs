//! The price list as people see it: what is in it, and how two of them differ.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::line::{self, Entry};
use super::list::{self, List};
use super::price::Price;
use crate::clock::Moment;
use crate::model_name::ModelPattern;

/// A model of the list.
#[derive(Clone, Debug)]
pub struct Listed {
    /// Who sells it, by the list's name.
    pub seller: &'static str,
    /// The list's name of it; the names that clients use may be others.
    pub model: &'static str,
    /// What it costs now.
    pub price: Arc<Price>,
    /// Tiers of service with prices of their own.
    pub tiers: Vec<String>,
}

/// A model whose line differs between two lists.
#[derive(Clone, Debug)]
pub struct Difference {
    /// Who sells it.
    pub seller: String,
    /// Its name.
    pub model: String,
    /// What it costs now by the one list, if it is there.
    pub was: Option<Arc<Price>>,
    /// What it costs now by the other.
    pub is: Option<Arc<Price>>,
}

/// Version and date of the list that comes with the gate.
#[must_use]
pub fn title() -> &'static str {
    list::title(list::BUILT_IN)
}

/// The models of the list whose `seller/model` the pattern fits, or contains it if it has no `*`. Where the
/// pattern is just the name that a client would use, so are those that it is priced by.
#[must_use]
pub fn listed(pattern: Option<&str>, at: Moment) -> Vec<Listed> {
    let fits = |name: &str, line: &str| match pattern {
        None => true,
        Some(pattern) if pattern.contains('*') => ModelPattern::new(pattern).fits(name),
        Some(pattern) => name.contains(pattern) || line::is_of(line, &pattern.to_lowercase()),
    };
    let all =
        list::built_in().lines().filter(|(seller, line)| fits(&format!("{seller}/{}", line::id(line)), line));
    let read = all.filter_map(|(seller, line)| {
        let entry = Entry::read(line)?;
        let price = entry.at(at.unix_seconds(), None)?;
        let tiers = entry.tiers().iter().map(|tier| (*tier).to_owned()).collect();
        Some(Listed { seller, model: line::id(line), price, tiers })
    });
    read.collect()
}

/// How another list, given as text, differs from the one that comes with the gate. Nothing if it is none, or has
/// a line that cannot be read.
#[must_use]
pub fn differences(other: &str, at: Moment) -> Option<Vec<Difference>> {
    let ours: BTreeMap<_, _> = by_name(list::built_in());
    let other = List::read(other)?;
    let theirs: BTreeMap<_, _> = by_name(&other);
    let price = |line: Option<&&str>| match line {
        None => Some(None),
        Some(line) => Entry::read(line)?.at(at.unix_seconds(), None).map(Some),
    };
    let mut names: Vec<_> = ours.keys().chain(theirs.keys()).collect();
    names.sort_unstable();
    names.dedup();
    let differing = names.into_iter().filter(|name| ours.get(name) != theirs.get(name));
    let each = differing.map(|name| {
        let (was, is) = (price(ours.get(name))?, price(theirs.get(name))?);
        Some(Difference { seller: name.0.to_owned(), model: name.1.to_owned(), was, is })
    });
    each.collect()
}

fn by_name<'a>(list: &List<'a>) -> BTreeMap<(&'a str, &'a str), &'a str> {
    list.lines().map(|(seller, line)| ((seller, line::id(line)), line)).collect()
}
