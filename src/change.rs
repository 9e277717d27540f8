//! What would have to change in the configuration for a request to pass?
//!
//! 1. Each refusal is taken away by the smallest edit of the setting that decides it; then the stages
//!    are asked again, with the changed text, since a project and its key may both refuse.
//! 2. It is a change only if the request passes with it. Half a way is not shown.
//! 3. Nothing is written: the change is for a person to read, and to apply.
//! 4. What the environment sets cannot be changed in a file; then the variable is named instead.

mod diff;
mod edit;
mod remedy;

use std::sync::Arc;

use crate::clock::Moment;
use crate::config::{self, Faults, Loaded, Sheets, Sources, Standing};
use crate::denial::Reason;
use crate::expect;
use crate::explain::{Question, Told, Verdict, explain, explain_by_model};
use crate::limits::{Budget, Registry};
use crate::snapshot::Snapshot;

use edit::{Edit, New};
use remedy::{Refused, larger_body};

/// How many settings one change may touch: thirteen can refuse one request.
const MOST: usize = 16;

/// A change of the configuration that lets a request pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The files that change.
    pub files: Vec<Changed>,
    /// The expectations that held before and would not hold any more, each with its place.
    pub breaks: Vec<String>,
    /// Whether it passes only if its model is allowed, which nobody looked at.
    pub if_its_model_is: bool,
}

/// A file that changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changed {
    /// Its name, as the configuration was given.
    pub file: String,
    /// The whole new text. Never shown: it holds what the diff hides.
    pub text: String,
    /// What differs, as a unified diff.
    pub diff: String,
    /// Whether a line that differs holds what may be a secret: it is shown with stars, and the diff
    /// cannot be applied.
    pub hidden: bool,
}

/// What is known of the body of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    /// All that a rule asks about.
    All,
    /// Its model, and how many tokens the answer may have, as a record tells them; what else it asks for is taken
    /// to be allowed.
    Model,
    /// Nothing: it was refused before its body was read.
    Nothing,
}

impl Known {
    /// Asks the stages about such a request.
    #[must_use]
    pub fn explain(self, snapshot: &Arc<Snapshot>, question: &Question, now: Moment) -> Verdict {
        match self {
            Self::All => explain(snapshot, question, now),
            Self::Model | Self::Nothing => explain_by_model(snapshot, question, now),
        }
    }
}

/// A refusal that only a running gate can decide, as its record tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exceeded {
    /// The reason.
    pub reason: Reason,
    /// The path of the rule.
    pub rule: String,
    /// How many bytes of the body were read.
    pub bytes: u64,
}

impl Exceeded {
    /// Whether a reason is one that only a running gate can decide, and a setting can take away.
    #[must_use]
    pub fn is(reason: Reason) -> bool {
        matches!(
            reason,
            Reason::RateLimited
                | Reason::ConcurrencyLimited
                | Reason::TokensLimited
                | Reason::BudgetExhausted
                | Reason::BodyTooLarge
                | Reason::MemoryLimited
        )
    }
}

/// The change that lets a request pass; without files if it passes already. Of one that was refused before its body
/// was read the model is not known: then it is asked as far as that.
///
/// # Errors
/// Why there is none.
pub fn change(
    sources: &Sources,
    key_id: &str,
    asked: &Question,
    exceeded: Option<&Exceeded>,
    known: Known,
    now: Moment,
) -> Result<Change, String> {
    let first = Sheets::read(sources).map_err(|faults| unusable(&faults))?;
    let mut sheets = match exceeded {
        Some(exceeded) => raised(&first, exceeded, now)?,
        None => first.clone(),
    };
    let mut done = Vec::new();
    for _ in 0..=MOST {
        let loaded = loaded(&sheets, now)?;
        let Some(key) = loaded.snapshot.keys.iter().position(|key| *key.id == *key_id) else {
            return Err(format!("there is no key with the id '{key_id}'"));
        };
        let question = Question { key, ..asked.clone() };
        let verdict = known.explain(&loaded.snapshot, &question, now);
        let Some(told) = &verdict.denied else { return Ok(compared(&first, &sheets, now)) };
        if known == Known::Nothing && told.denial.reason == Reason::ModelMissing {
            return Ok(Change { if_its_model_is: true, ..compared(&first, &sheets, now) });
        }
        let snapshot = &loaded.snapshot;
        let step = Refused { snapshot, question: &question, verdict: &verdict, told, now }.remedy()?;
        if done.contains(&step) {
            return Err(format!("a change of {} would not be enough", step.0));
        }
        sheets = applied(&sheets, &step.0, &step.1)?;
        done.push(step);
    }
    Err(format!("more than {MOST} settings refuse it"))
}

fn unusable(faults: &Faults) -> String {
    let first = faults.0.first().map(|fault| fault.what.clone()).unwrap_or_default();
    format!("the configuration cannot be used: {first}")
}

fn loaded(sheets: &Sheets, now: Moment) -> Result<Loaded, String> {
    config::load_at(sheets.sources(), &Registry::new(now), now).map_err(|faults| unusable(&faults))
}

/// The sheets with one setting changed where it stands.
fn applied(sheets: &Sheets, path: &str, edit: &Edit) -> Result<Sheets, String> {
    let path = match edit {
        Edit::Add(_) | Edit::Only(_) => sheets.list_path(path),
        Edit::Set(_) => path.to_owned(),
    };
    let number = match sheets.standing(&path) {
        Standing::Text(number) => number,
        Standing::Variable(name) => {
            return Err(format!("the environment variable {name} sets {path}: {edit}"));
        }
    };
    let text = sheets.texts().get(number).and_then(|(_, text)| edit::edited(text, &path, edit));
    let text =
        text.ok_or_else(|| format!("{path} is written in a way that is not understood here: {edit}"))?;
    sheets.with(number, text).map_err(|faults| unusable(&faults))
}

/// The sheets with a limit doubled that a running gate has met.
fn raised(sheets: &Sheets, exceeded: &Exceeded, now: Moment) -> Result<Sheets, String> {
    let gone = || "the limit that the record names is not in the configuration any more".to_owned();
    let loaded = loaded(sheets, now)?;
    let snapshot = &loaded.snapshot;
    let is = |rule| snapshot.rule(rule).is_some_and(|rule| *rule.path == *exceeded.rule);
    let owners = || {
        let own = snapshot.projects.iter().map(|project| &project.limits);
        let own = own.chain(snapshot.keys.iter().map(|key| &key.limits));
        own.flat_map(|own| std::iter::once(own).chain(own.models.iter().map(|one| &one.limits)))
    };
    let mut quotas = owners().flat_map(|own| own.requests.iter().chain(&own.tokens));
    let mut bounds = owners().filter_map(|own| own.concurrency.as_ref());
    let mut budgets = owners().flat_map(|own| &own.budgets);
    let step = if matches!(exceeded.reason, Reason::BodyTooLarge | Reason::MemoryLimited) {
        larger_body(snapshot, &exceeded.rule, exceeded.bytes)?
    } else if let Some(limit) = quotas.find(|limit| is(limit.rule)) {
        let mut quota = limit.meter.quota();
        let two = std::num::NonZeroU32::MIN.saturating_add(1);
        (quota.amount, quota.burst) = (quota.amount.saturating_mul(two), quota.burst.saturating_mul(two));
        (exceeded.rule.clone(), Edit::Set(New::Text(config::quota_text(quota))))
    } else if let Some(bound) = bounds.find(|bound| is(bound.rule)) {
        (exceeded.rule.clone(), Edit::Set(New::Number(i64::from(bound.most).saturating_mul(2))))
    } else if let Some(budget) = budgets.find(|budget| is(budget.rule)) {
        let twice = Budget { most: budget.most + budget.most, ..budget.clone() };
        (exceeded.rule.clone(), Edit::Set(New::Text(config::budget_text(&twice))))
    } else {
        return Err(gone());
    };
    applied(sheets, &step.0, &step.1)
}

/// Why no change takes away a refusal of parameters that only its record tells.
#[must_use]
pub fn why_no_change(told: &Told) -> String {
    remedy::parameter(&told.rule, &told.hint)
}

/// What differs in the end, and what it would break.
fn compared(first: &Sheets, last: &Sheets, now: Moment) -> Change {
    let differ = |((file, before), (_, text)): (&(String, String), &(String, String))| {
        (before != text).then(|| {
            let (diff, hidden) = diff::unified(file, before, text);
            Changed { file: file.clone(), text: text.clone(), diff, hidden }
        })
    };
    let files = first.texts().iter().zip(last.texts()).filter_map(differ).collect();
    let broken = |sheets| match loaded(sheets, now).map(|loaded| expect::hold(&loaded, now)) {
        Ok(Err(faults)) => faults.0,
        Ok(Ok(())) | Err(_) => Vec::new(),
    };
    let before: Vec<String> = broken(first).into_iter().map(|fault| fault.path).collect();
    let newly = broken(last).into_iter().filter(|fault| !before.contains(&fault.path));
    let breaks = newly.map(|fault| match &fault.place {
        Some(place) => format!("{place}: {}", fault.what),
        None => fault.what,
    });
    Change { files, breaks: breaks.collect(), if_its_model_is: false }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_within_a_table_is_changed_there() {
        for (before, after) in [
            (
                "models = { list = [\"a\"], mode = \"observe\" }\n",
                "models = { list = [\"a\", \"b\"], mode = \"observe\" }\n",
            ),
            ("models = { mode = \"observe\" }\n", "models = { mode = \"observe\", list = [\"b\"] }\n"),
            ("models.mode = \"observe\"\n", "models.mode = \"observe\"\nmodels.list = [\"b\"]\n"),
            (
                "[projects.a.models]\nlist = [\"a\"] # one\n",
                "[projects.a.models]\nlist = [\"a\", \"b\"] # one\n",
            ),
            ("models = [\"a\"]\n", "models = [\"a\", \"b\"]\n"),
        ] {
            let text = format!("[projects.a]\n{before}");
            let sheets = Sheets::read(&Sources::from_texts([("a.toml", text.as_str())], [])).unwrap();
            let edit = Edit::Add("b".to_owned());
            for path in ["projects.a.models", sheets.list_path("projects.a.models").as_str()] {
                let changed = applied(&sheets, path, &edit).unwrap();
                assert_eq!(changed.texts(), [("a.toml".to_owned(), format!("[projects.a]\n{after}"))]);
            }
        }
    }

    #[test]
    fn a_list_within_a_table_can_be_the_environments() {
        let sources = Sources::from_texts(
            [("a.toml", "[projects.a]\nmodels = { mode = \"observe\" }\n")],
            [("PORTCULLIS__PROJECTS__A__MODELS__LIST", "a")],
        );
        let sheets = Sheets::read(&sources).unwrap();
        let why = applied(&sheets, "projects.a.models", &Edit::Add("b".to_owned())).unwrap_err();
        assert!(why.contains("PORTCULLIS__PROJECTS__A__MODELS__LIST sets projects.a.models.list"), "{why}");
    }
}
