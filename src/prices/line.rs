//! A line of the price list: which models it is of, and what they cost when.
//!
//! A line is `id`, the rule, and prices, with tabs between them. The rule is alternatives with spaces between
//! them, each of clauses joined by `&` that must all hold: `=` is, `^` begins with, `$` ends with, `~` contains,
//! `!$` and `!~` do not; `.` is the id itself, and `#` any digit. A price is words: `kind=dollars`, with
//! `>length:dollars` for longer inputs; before them `from:DATE`, `between:HH:MM-HH:MM` (in UTC) or `tier:NAME`. The last
//! that holds is taken; of a tier the first, for each kind.

use std::sync::Arc;

use super::price::{Kind, Price};
use crate::money::Money;

/// What a model costs, when, and in which tier of service.
#[derive(Clone, Debug, Default)]
pub(super) struct Entry {
    standard: Vec<(When, Arc<Price>)>,
    tiers: Vec<(Box<str>, When, Price)>,
}

/// When a price holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum When {
    Always,
    /// From this second on, since 1970.
    From(i64),
    /// Within the day, in minutes since midnight in UTC; the second is the first that is not in it.
    Between(i64, i64),
}

impl When {
    fn holds(self, now: i64) -> bool {
        let minute = now.div_euclid(60).rem_euclid(24 * 60);
        match self {
            Self::Always => true,
            Self::From(start) => now >= start,
            Self::Between(start, end) if end < start => minute >= start || minute < end,
            Self::Between(start, end) => minute >= start && minute < end,
        }
    }
}

impl From<Price> for Entry {
    fn from(price: Price) -> Self {
        Self { standard: vec![(When::Always, Arc::new(price))], tiers: Vec::new() }
    }
}

impl Entry {
    /// Reads the prices of a line; nothing if a word in them is not known.
    pub(super) fn read(line: &str) -> Option<Self> {
        let mut entry = Self::default();
        for text in line.split('\t').skip(2) {
            let (mut when, mut tier, mut price) = (When::Always, None, Price::default());
            for word in text.split(' ') {
                if let Some(date) = word.strip_prefix("from:") {
                    when = When::From(day(date)?);
                } else if let Some(window) = word.strip_prefix("between:") {
                    let (start, end) = window.split_once('-')?;
                    when = When::Between(minute(start)?, minute(end)?);
                } else if let Some(name) = word.strip_prefix("tier:") {
                    tier = Some(name);
                } else {
                    rate(word, &mut price)?;
                }
            }
            match tier {
                Some(name) => entry.tiers.push((name.into(), when, price)),
                None => entry.standard.push((when, Arc::new(price))),
            }
        }
        (!entry.standard.is_empty()).then_some(entry)
    }

    /// The price at a second since 1970, in a tier of service if one is named that has prices of its own.
    pub(super) fn at(&self, now: i64, tier: Option<&str>) -> Option<Arc<Price>> {
        let holding = self.standard.iter().rev().find(|(when, _)| when.holds(now));
        let (_, standard) = holding.or_else(|| self.standard.first())?;
        let Some(tier) = tier else { return Some(Arc::clone(standard)) };
        let own = self.tiers.iter().rev().filter(|(name, when, _)| **name == *tier && when.holds(now));
        let changes = own.fold(Price::default(), |all, (_, _, price)| all.with(price));
        Some(if changes == Price::default() {
            Arc::clone(standard)
        } else {
            Arc::new(standard.with(&changes))
        })
    }

    /// The tiers of service with prices of their own, each once.
    pub(super) fn tiers(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.tiers.iter().map(|(name, _, _)| &**name).collect();
        names.sort_unstable();
        names.dedup();
        names
    }
}

fn rate(word: &str, price: &mut Price) -> Option<()> {
    let (kind, amounts) = word.split_once('=')?;
    let kind = Kind::named(kind)?;
    let mut steps = amounts.split('>');
    price.set(kind, None, Money::parse_dollars(steps.next()?)?);
    for step in steps {
        let (above, each) = step.split_once(':')?;
        price.set(kind, Some(above.parse().ok()?), Money::parse_dollars(each)?);
    }
    Some(())
}

fn day(text: &str) -> Option<i64> {
    let date: jiff::civil::Date = text.parse().ok()?;
    let midnight = jiff::tz::Offset::UTC.to_timestamp(date.at(0, 0, 0, 0)).ok()?;
    Some(midnight.as_second())
}

fn minute(text: &str) -> Option<i64> {
    let (hours, minutes) = text.split_once(':')?;
    Some(hours.parse::<i64>().ok()? * 60 + minutes.parse::<i64>().ok()?)
}

/// The id of a line.
pub(super) fn id(line: &str) -> &str {
    line.split('\t').next().unwrap_or_default()
}

/// Whether a line is of a model, whose name is in lower case.
pub(super) fn is_of(line: &str, model: &str) -> bool {
    let mut fields = line.split('\t');
    let (Some(id), Some(rule)) = (fields.next(), fields.next()) else { return false };
    rule.split(' ').any(|all| all.split('&').all(|clause| holds(clause, id, model)))
}

fn holds(clause: &str, id: &str, model: &str) -> bool {
    if clause == "." {
        return id.eq_ignore_ascii_case(model);
    }
    if let Some(not) = clause.strip_prefix('!') {
        return !holds(not, id, model);
    }
    let Some((sign, text)) = clause.split_at_checked(1) else { return false };
    match sign {
        "=" => text.len() == model.len() && begins(model, text),
        "^" => begins(model, text),
        "$" => model.ends_with(text),
        "~" => model.contains(text),
        _ => false,
    }
}

/// Whether a name begins with a text in which `#` is any digit.
fn begins(name: &str, text: &str) -> bool {
    let like =
        |(of_name, of_text): (u8, u8)| of_name == of_text || (of_text == b'#' && of_name.is_ascii_digit());
    name.len() >= text.len() && name.bytes().zip(text.bytes()).all(like)
}
