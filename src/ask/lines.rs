//! A file of requests for a batch, checked line by line on its way.
//!
//! 1. Each line that is not blank is one JSON object, read like the body of a request, and no longer than one.
//! 2. Every model that a line names is one that the project may use, and its endpoint one that it may call.
//! 3. A line without a model is refused, but where the batch itself names the model, as Mistral's do.

use std::sync::Arc;

use super::rules::Rules;
use crate::denial::{Denial, Reason};
use crate::endpoint::Places;
use crate::peek::{Fault, Peek};

const MODELS: Places = &[
    &["body", "model"],
    &["body", "moderation", "model"],
    &["body", "tools", "[]", "model"],
    &["body", "tools", "[]", "svg", "model"],
    &["body", "input", "[]", "tools", "[]", "model"],
    &["body", "svg", "model"],
    &["body", "guardrails", "[]", "moderation_llm_v1", "model_name"],
    &["body", "guardrails", "[]", "moderation_llm_v2", "model_name"],
];
const URL: Places = &[&["url"]];

/// The file, as far as it came.
#[derive(Debug)]
pub(super) struct Lines {
    models: Peek,
    urls: Peek,
    blank: bool,
    length: usize,
    number: u64,
    may_lack_model: bool,
    /// The model that was refused.
    pub(super) refused: Option<Arc<str>>,
}

impl Lines {
    pub(super) fn new(may_lack_model: bool) -> Self {
        Self {
            models: Peek::within_a_line(MODELS),
            urls: Peek::within(URL),
            blank: true,
            length: 0,
            number: 1,
            may_lack_model,
            refused: None,
        }
    }

    pub(super) fn feed(&mut self, mut data: &[u8], rules: &Rules) -> Result<(), Denial> {
        while let Some(at) = memchr::memchr(b'\n', data) {
            let (line, rest) = data.split_at_checked(at).unwrap_or_default();
            self.part(line, rules)?;
            self.end(rules)?;
            data = rest.get(1..).unwrap_or_default();
        }
        self.part(data, rules)
    }

    fn part(&mut self, part: &[u8], rules: &Rules) -> Result<(), Denial> {
        self.length = self.length.saturating_add(part.len());
        if self.length > rules.longest_line() {
            return Err(wrong(self.number, "it is longer than server.max_body"));
        }
        self.blank &= part.iter().all(u8::is_ascii_whitespace);
        let fed = self.models.feed(part).and_then(|()| self.urls.feed(part));
        fed.map_err(|fault| self.fault(fault))
    }

    /// A line ended.
    pub(super) fn end(&mut self, rules: &Rules) -> Result<(), Denial> {
        let number = self.number;
        let next = Self { number: number + 1, ..Self::new(self.may_lack_model) };
        let Self { mut models, mut urls, blank, .. } = std::mem::replace(self, next);
        if blank {
            return Ok(());
        }
        let both = models.finish().and_then(|models| Ok((models, urls.finish()?)));
        let (found, urls) = both.map_err(|fault| fault_in(number, fault))?;
        for url in &urls.inside {
            rules.url(url).map_err(|denial| {
                let what = denial.detail.as_deref().unwrap_or_default();
                let what = if denial.reason == Reason::BodyInvalid {
                    format!("line {number} of the file: {what}")
                } else {
                    what.to_owned()
                };
                denial.clone().because(what)
            })?;
        }
        if let Some(field) = found.rerouting {
            let why = format!(
                "'{field}' in line {number} of the file would choose another model, host or key than the one that was checked"
            );
            return Err(Denial::built_in(Reason::ParameterNotAllowed).because(why));
        }
        let mut named = found.model.iter().chain(&found.inside).peekable();
        if named.peek().is_none() && !self.may_lack_model {
            return Err(wrong(number, "it names no model"));
        }
        for model in named {
            let refused = rules.model(model, || format!(" in line {number} of the file"));
            if refused.is_err() {
                self.refused = Some(Arc::clone(model));
                return refused;
            }
        }
        Ok(())
    }

    fn fault(&self, fault: Fault) -> Denial {
        fault_in(self.number, fault)
    }
}

fn fault_in(number: u64, fault: Fault) -> Denial {
    match fault {
        Fault::NotJson(what) | Fault::Unfit(what) => wrong(number, what),
        Fault::Ambiguous(what) => {
            Denial::built_in(Reason::ModelAmbiguous).because(format!("{what}, in line {number} of the file"))
        }
    }
}

fn wrong(number: u64, what: &str) -> Denial {
    Denial::built_in(Reason::BodyInvalid).because(format!("line {number} of the file: {what}"))
}
