//! What every part of the compilation needs at hand: the places, the faults so far, the rules.

use std::cell::OnceCell;
use std::sync::Arc;

use super::fault::{Fault, Severity};
use super::load::Sources;
use super::network::ANY;
use super::place::{Part, Places, is_within, item};
use super::project::ALL;
use super::tls::Trusted;
use super::value::OneOrMany;
use crate::clock::Moment;
use crate::denial::RuleId;
use crate::limits::Registry;
use crate::snapshot::Rule;

/// A compilation under way.
pub(super) struct Work<'a> {
    pub(super) sources: &'a Sources,
    pub(super) registry: &'a Registry,
    pub(super) places: &'a Places,
    pub(super) now: Moment,
    pub(super) faults: Vec<Fault>,
    pub(super) lints: Vec<Fault>,
    pub(super) rules: Vec<Rule>,
    /// Whether only this machine can reach the gate, and no proxy speaks for others.
    pub(super) only_local: bool,
    /// The zone of the calendar by which budgets go.
    pub(super) zone: jiff::tz::TimeZone,
    /// Whether there is a place where what was spent outlives the gate.
    pub(super) has_store: bool,
    /// Whether several gates share the limits.
    pub(super) shared: bool,
    /// Whether clients are asked for certificates.
    pub(super) client_certificates: bool,
    /// Files that the configuration refers to.
    pub(super) referred: Vec<std::path::PathBuf>,
    /// Variables that it refers to.
    pub(super) asked: Vec<String>,
    /// Which authorities upstreams are trusted by, once that was asked; nothing within if they cannot be had.
    pub(super) trusted: OnceCell<Option<Arc<Trusted>>>,
    wrong: Vec<String>,
}

impl<'a> Work<'a> {
    pub(super) fn new(sources: &'a Sources, registry: &'a Registry, places: &'a Places, now: Moment) -> Self {
        let built_in = Rule { path: "".into(), at: "".into() };
        Self {
            sources,
            registry,
            places,
            now,
            faults: Vec::new(),
            lints: Vec::new(),
            rules: vec![built_in],
            only_local: false,
            zone: jiff::tz::TimeZone::UTC,
            has_store: false,
            shared: false,
            client_certificates: false,
            referred: Vec::new(),
            asked: Vec::new(),
            trusted: OnceCell::new(),
            wrong: Vec::new(),
        }
    }

    /// Records a mistake in a value. What follows from an earlier mistake in it is not told again.
    pub(super) fn wrong(&mut self, path: &str, what: &str, mend: &str) {
        self.wrong_at(path, Part::Value, what, mend);
    }

    /// Records a mistake, pointing at the value's name or at what it is set to.
    pub(super) fn wrong_at(&mut self, path: &str, part: Part, what: &str, mend: &str) {
        if self.is_wrong(path) {
            return;
        }
        self.wrong.push(path.to_owned());
        let place = self.places.place(path, part);
        self.faults.push(Fault::new(Severity::Error, path, place, what, mend));
    }

    /// Whether a mistake in this value, or in one that holds it, was recorded.
    pub(super) fn is_wrong(&self, path: &str) -> bool {
        !path.is_empty() && self.wrong.iter().any(|wrong| !wrong.is_empty() && is_within(path, wrong))
    }

    /// Whether a mistake in this value, or in one that it holds, was recorded.
    pub(super) fn holds_wrong(&self, path: &str) -> bool {
        self.wrong.iter().any(|wrong| is_within(wrong, path))
    }

    /// Records what is probably not meant.
    pub(super) fn lint(&mut self, path: &str, what: &str, mend: &str) {
        let place = self.places.place(path, Part::Value);
        self.lints.push(Fault::new(Severity::Lint, path, place, what, mend));
    }

    /// Makes a value of the configuration into a rule that a denial can name.
    pub(super) fn rule(&mut self, path: &str) -> RuleId {
        let Ok(id) = u32::try_from(self.rules.len()) else { return RuleId::BUILT_IN };
        self.rules.push(Rule { path: path.into(), at: self.places.line(path).into() });
        RuleId(id)
    }

    /// The entries of a list with their paths; `word` is what may stand in the list's place.
    pub(super) fn entries(
        &mut self,
        path: &str,
        list: Option<&OneOrMany>,
        word: Option<&str>,
    ) -> Vec<(String, String)> {
        match list {
            None => Vec::new(),
            Some(OneOrMany::One(one)) if Some(one.as_str()) == word => vec![(path.to_owned(), one.clone())],
            Some(OneOrMany::One(one)) => {
                let or = word.map(|word| format!(" or \"{word}\"")).unwrap_or_default();
                let mend = word
                    .and_then(|word| opening(one, word))
                    .unwrap_or_else(|| format!("put the value in brackets: [\"…\"]{or}"));
                self.wrong(path, "this must be a list", &mend);
                Vec::new()
            }
            Some(OneOrMany::Many(many)) => many
                .iter()
                .enumerate()
                .filter_map(|(at, entry)| Some((item(path, at), entry.clone()?)))
                .collect(),
        }
    }
}

/// Which word opens a list, where another was written that looks as if it did.
pub(super) fn opening(text: &str, word: &str) -> Option<String> {
    let meant = [ALL, ANY, "all"].iter().any(|other| text.eq_ignore_ascii_case(other));
    (meant && text != word).then(|| format!("the word that opens this list is \"{word}\""))
}
