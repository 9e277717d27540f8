//! Says why a provider refused: the cause, whose it is, whether a retry can help, and the mend.
//!
//! 1. What a provider answers is compared with a table of known causes, the most specific first. Only
//!    what is there decides: the status, the machine-readable codes, and, where a provider gives none,
//!    its own phrases. Where a phrase would cost a credential, it has to be the provider's: what a client wrote,
//!    and a message repeats, says nothing of a credential.
//! 2. An ordinary error has a row of its own, so that it is not taken for one of the others. What
//!    fits no row is undiagnosed, and said to be.
//! 3. Nothing of the answer is repeated but a few parts that are looked for by name: an id, a model,
//!    a missing scope.

mod asked;
mod naming;
mod reading;
mod table;
mod wait;
mod words;

use http::{HeaderMap, StatusCode};

use crate::provider::Provider;
use crate::provider_key::up_to_a_key;
use reading::Answer;

pub use asked::stands_in;
pub use reading::excerpt;
pub use wait::wait;
use words::Shape;
pub use words::{About, Effect, Maker, Retry, Sure, Whose};

/// One row of the table.
#[derive(Debug)]
pub struct Cause {
    /// Its word in records, metrics and headers.
    pub id: &'static str,
    /// Whose answers it is looked for in.
    pub maker: Maker,
    /// Who can mend it.
    pub whose: Whose,
    /// Whether a retry can help.
    pub retry: Retry,
    /// Whether it is about the gate's own credential, so that it is nothing for the caller to mend.
    pub ours: bool,
    /// What it says of the credential that was used.
    pub effect: Effect,
    /// What was not in order.
    pub about: About,
    /// What happened.
    pub what: &'static str,
    /// What mends it.
    pub mend: &'static str,
    /// How sure it is that the provider answers like this.
    pub sure: Sure,
    /// Where it says so, or where it was met.
    pub source: &'static str,
    statuses: &'static [u16],
    shape: Shape,
    codes: &'static [&'static str],
    says: &'static [&'static str],
}

/// The word for what fits no row.
pub const UNDIAGNOSED: &str = "undiagnosed";

/// Every known cause, the most specific first.
#[must_use]
pub fn causes() -> &'static [Cause] {
    table::ALL
}

/// The number of a cause in the table, and of one that no row fits; [`cause_word`] turns it back.
#[must_use]
pub fn cause_number(cause: Option<&Cause>) -> u16 {
    let at = cause.and_then(|cause| causes().iter().position(|known| std::ptr::eq(known, cause)));
    at.and_then(|at| u16::try_from(at).ok()).unwrap_or(u16::MAX)
}

/// The word for the cause with this number.
#[must_use]
pub fn cause_word(number: u16) -> &'static str {
    causes().get(usize::from(number)).map_or(UNDIAGNOSED, |cause| cause.id)
}

/// The table of all causes as `docs/refusals.md` shows it, in Markdown.
#[must_use]
pub fn table() -> String {
    use std::fmt::Write as _;
    let mut out = String::from(
        "| cause | whose | retry | credential | what happened | mend | source |\n|---|---|---|---|---|---|---|\n",
    );
    for cause in causes() {
        let (id, whose, retry) = (cause.id, cause.whose.word(), cause.retry.word());
        let hidden = if cause.ours { " *" } else { "" };
        let effect = if cause.effect == Effect::None { "" } else { cause.effect.word() };
        let (what, mend) = (cause.what, cause.mend);
        let source = format!("[{}]({})", cause.sure.word(), cause.source);
        let _ =
            writeln!(out, "| `{id}`{hidden} | {whose} | {retry} | {effect} | {what} | {mend} | {source} |");
    }
    out
}

/// What an answer means.
#[derive(Debug)]
pub struct Diagnosis {
    /// The row that fits; `None` if none does.
    pub cause: Option<&'static Cause>,
    /// The provider's own code for it.
    pub code: Option<Box<str>>,
    /// What the answer names, by name: scopes, project, model, principal, action, resource, the address that
    /// the provider saw…
    pub named: Vec<(&'static str, Box<str>)>,
}

impl Diagnosis {
    /// The word for the cause.
    #[must_use]
    pub fn id(&self) -> &'static str {
        self.cause.map_or(UNDIAGNOSED, |cause| cause.id)
    }

    /// The word for who can mend it.
    #[must_use]
    pub fn whose(&self) -> &'static str {
        self.cause.map_or("unknown", |cause| cause.whose.word())
    }

    /// The word for whether a retry can help.
    #[must_use]
    pub fn retry(&self) -> &'static str {
        self.cause.map_or("unknown", |cause| cause.retry.word())
    }

    /// What mends it, with what the answer names.
    #[must_use]
    pub fn mend(&self) -> String {
        let Some(cause) = self.cause else { return String::new() };
        let named: Vec<String> =
            self.named.iter().map(|(name, value)| format!("{name} {}", up_to_a_key(value))).collect();
        if named.is_empty() {
            cause.mend.to_owned()
        } else {
            format!("{} ({})", cause.mend, named.join("; "))
        }
    }

    /// Whether the gate's own credential failed. An answer of 401 or 403 that nobody understands may
    /// speak of the account, so it is taken for such.
    #[must_use]
    pub fn is_ours(&self, status: StatusCode) -> bool {
        match self.cause {
            Some(cause) => cause.ours,
            None => matches!(status.as_u16(), 401 | 403),
        }
    }

    /// What it says of the credential. A 401 that nobody understands is still about who asks; a 403 may be
    /// about anything.
    #[must_use]
    pub fn effect(&self, status: StatusCode) -> Effect {
        match self.cause {
            Some(cause) => cause.effect,
            None if status == StatusCode::UNAUTHORIZED => Effect::Rejected,
            None => Effect::None,
        }
    }
}

/// The makers whose rows an upstream's answers are compared with.
#[must_use]
pub fn makers(provider: Provider, host: &str) -> &'static [Maker] {
    const HOSTS: [(&str, &[Maker]); 7] = [
        ("api.x.ai", &[Maker::Xai]),
        ("openrouter.ai", &[Maker::OpenRouter]),
        ("api.groq.com", &[Maker::Groq]),
        ("api.deepseek.com", &[Maker::DeepSeek]),
        ("api.mistral.ai", &[Maker::Mistral]),
        ("api.cohere.com", &[Maker::Cohere]),
        ("api.cohere.ai", &[Maker::Cohere]),
    ];
    match provider {
        Provider::OpenAi => &[Maker::OpenAi],
        Provider::Anthropic | Provider::AnthropicCompatible => &[Maker::Anthropic],
        Provider::Gemini | Provider::Vertex => &[Maker::Google],
        Provider::Bedrock => &[Maker::Bedrock, Maker::OpenAi],
        // Errors of the model itself come in OpenAI's own words.
        Provider::AzureOpenAi => &[Maker::Azure, Maker::OpenAi],
        Provider::Mistral => &[Maker::Mistral],
        Provider::Cohere => &[Maker::Cohere],
        Provider::Groq => &[Maker::Groq],
        Provider::DeepSeek => &[Maker::DeepSeek],
        Provider::Xai => &[Maker::Xai],
        Provider::OpenRouter => &[Maker::OpenRouter],
        Provider::Ollama | Provider::Vllm | Provider::LlamaCpp => &[Maker::Local],
        Provider::OpenAiCompatible if host.starts_with("bedrock") => &[Maker::Bedrock],
        Provider::Together | Provider::Fireworks | Provider::Perplexity | Provider::OpenAiCompatible => HOSTS
            .iter()
            .find(|(known, _)| *known == host)
            .map_or(&[Maker::OpenAi, Maker::Local][..], |(_, makers)| *makers),
    }
}

/// Says what an answer means; `asked` tells whether a phrase stands in the request, as far as that is known.
#[must_use]
pub fn diagnose(
    makers: &[Maker],
    status: StatusCode,
    headers: &HeaderMap,
    body: &[u8],
    asked: impl Fn(&str) -> bool,
) -> Diagnosis {
    let answer = Answer::read(headers, body);
    let status = status.as_u16();
    let of = |cause: &&Cause| cause.maker == Maker::Any || makers.contains(&cause.maker);
    let says = |cause: &Cause, phrase: &str| {
        // A 401 is about who asks, whatever it says.
        let harmless = cause.effect == Effect::None && !(cause.ours && of_the_request(status));
        if harmless || status == 401 {
            return answer.says(phrase);
        }
        let own = if of_the_request(status) { answer.is_only(phrase) } else { answer.says_itself(phrase) };
        own && !asked(phrase)
    };
    let fits = |cause: &&Cause| {
        cause.statuses.contains(&status)
            && answer.has_shape(cause.shape)
            && ((cause.codes.is_empty() && cause.says.is_empty())
                || cause.codes.iter().any(|code| answer.has_code(code))
                || cause.says.iter().any(|phrase| says(cause, phrase)))
    };
    // Of two makers' rows, the first maker's: what Azure says in OpenAI's words is Azure's.
    let rank = |cause: &&Cause| makers.iter().position(|maker| *maker == cause.maker);
    let mut fitting = table::ALL.iter().filter(of).filter(fits);
    let cause = fitting.next().and_then(|first| {
        let own = std::iter::once(first).chain(fitting).filter(|cause| rank(cause).is_some());
        if first.maker == Maker::Any { Some(first) } else { own.min_by_key(rank) }
    });
    Diagnosis { cause, code: answer.code(), named: naming::named(&answer, cause) }
}

/// Whether refusals of a status are mostly about the request, so that messages repeat what is wrong with it.
const fn of_the_request(status: u16) -> bool {
    matches!(status, 400 | 404)
}

#[cfg(test)]
mod tests;
