//! Reads what a JSON body asks for while it arrives, and proves that it says so only once.
//!
//! The scanner is fed the body's pieces as they come and keeps none of them. When it ends well:
//!
//! 1. The body is one JSON object of RFC 8259 in strict UTF-8, nested at most [`DEEPEST`] levels.
//! 2. No name stands twice at its top level, so that no reader can take another value than we did.
//! 3. No name at its top level is a look-alike of `model` (other case, spaces, escapes).
//! 4. So do the names on the way to models that stand elsewhere, where the endpoint's row says that they can; and
//!    all that is found there is told, also where a name stands twice.
//! 5. `model`, `stream` and the token ceilings have the types that the providers take.
//!
//! So the raw bytes can go on unchanged: what was checked is what every correct reader sees.

mod grammar;
mod inside;
mod options;
mod parameters;
mod text;

use std::sync::Arc;

use smallvec::SmallVec;

use crate::endpoint::{LONGEST_MODEL, Places};
use crate::tier::Tier;
use grammar::{Container, Grammar, Step};
use inside::{Inside, Towards};
pub use options::{Said, StreamOptions};
pub use parameters::Parameters;
use parameters::{Watch, Watched};

/// How deep a body may nest.
pub const DEEPEST: usize = 128;
/// How many names may stand at the top level.
const MOST_NAMES: usize = 512;
/// How many different models may be named below it.
const MOST_MODELS: usize = 64;

/// What a body asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Peeked {
    /// The top-level `model`.
    pub model: Option<Arc<str>>,
    /// Where in the body that stands: from behind the name of the field to the end of the value, and whether
    /// its colon is among it.
    pub model_at: Option<ModelAt>,
    /// The models named elsewhere, where the endpoint's row says that they can be; each once.
    pub inside: SmallVec<[Arc<str>; 1]>,
    /// The top-level `type`, which messages of a WebSocket have.
    pub kind: Option<Box<str>>,
    /// The top-level `stream`.
    pub stream: Option<bool>,
    /// The largest token ceiling named.
    pub token_ceiling: Option<u64>,
    /// The largest number of answers asked for at once.
    pub choices: Option<u64>,
    /// The tier of service asked for, where it has prices of its own.
    pub tier: Option<Tier>,
    /// The top-level `previous_response_id`: the response that is continued.
    pub previous_response: Option<Box<str>>,
    /// What else it asks for, where that was watched for.
    pub parameters: Option<Box<Parameters>>,
    /// A top-level field that would choose another model, host or key than the one checked.
    pub rerouting: Option<&'static str>,
    /// What it says of a report of usage.
    pub report: Said,
}

/// Where a body says its model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ModelAt {
    /// The first byte.
    pub from: usize,
    /// The byte behind the last.
    pub to: usize,
    /// Whether the colon stands between them.
    pub colon: bool,
}

/// Why a body is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Not JSON; what was wrong.
    NotJson(&'static str),
    /// JSON, but not an object or not of the types expected; what was wrong.
    Unfit(&'static str),
    /// Names its model in two ways; how.
    Ambiguous(&'static str),
}

/// Fields by which some servers are told to use another model, host or key.
pub static REROUTING: [&str; 7] =
    ["models", "fallbacks", "fallback_models", "api_base", "base_url", "api_key", "custom_llm_provider"];

/// What the value under way is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Meaning {
    Nothing,
    Model,
    /// A model that is named elsewhere.
    Inside,
    /// Something on the way to one.
    Towards(Towards),
    Kind,
    /// A parameter that is watched for.
    Watched(Watched),
    Stream,
    Ceiling,
    Choices,
    PreviousResponse,
    /// The tier of service, or an object with it.
    Tier,
    /// Another word for it.
    Speed,
    GenerationConfig,
    StreamOptions,
    IncludeUsage,
}

/// Where in the body a container stands; decides which names matter in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Elsewhere,
    Top,
    GenerationConfig,
    StreamOptions,
    Tier,
    /// The request that stands in a field.
    Request,
}

/// The scanner.
#[derive(Debug)]
pub struct Peek {
    grammar: Grammar,
    places: [Place; 4],
    inside: Inside,
    watch: Option<Box<Watch>>,
    /// Whether the request stands in a field.
    in_a_field: bool,
    /// Whether ceilings are read in the options only, as Ollama does.
    in_options: bool,
    meaning: Meaning,
    names: SmallVec<[u64; 24]>,
    found: Peeked,
    /// How long the pieces before this one were.
    before: usize,
}

impl Default for Peek {
    fn default() -> Self {
        Self {
            grammar: Grammar::default(),
            places: [Place::Elsewhere; 4],
            inside: Inside::default(),
            watch: None,
            in_a_field: false,
            in_options: false,
            meaning: Meaning::Nothing,
            names: SmallVec::new(),
            found: Peeked::default(),
            before: 0,
        }
    }
}

impl Peek {
    /// A scanner that finds models in these places too.
    #[must_use]
    pub fn within(places: Places) -> Self {
        Self { inside: Inside::of(places), ..Self::default() }
    }

    /// Takes for ceilings only what stands among the options: the service reads none at the top.
    #[must_use]
    pub const fn with_ceilings_in_options(mut self) -> Self {
        self.in_options = true;
        self
    }

    /// A scanner for lines of a batch's file: the request stands in the one field with which all places begin.
    #[must_use]
    pub fn within_a_line(places: Places) -> Self {
        Self { in_a_field: true, ..Self::within(places) }
    }

    /// Looks for parameters too; whether the kind of a tool is the name of its field, as in Google's dialect.
    #[must_use]
    pub fn watching(mut self, by_field: bool) -> Self {
        self.watch = Some(Box::new(Watch::new(by_field)));
        self
    }

    /// Takes the next piece of the body.
    ///
    /// # Errors
    /// As soon as the body cannot end well any more.
    pub fn feed(&mut self, piece: &[u8]) -> Result<(), Fault> {
        let end = self.before + piece.len();
        let mut piece = piece.iter();
        loop {
            match self.grammar.step(&mut piece)? {
                Step::More => {
                    self.before = end;
                    return Ok(());
                }
                Step::Opened(container) => {
                    let options = self.meaning == Meaning::StreamOptions;
                    self.opened(container)?;
                    let at = end - piece.len();
                    if self.grammar.depth() == 1 {
                        self.found.report.top = at;
                    } else if options && container == Container::Object {
                        self.found.report.options = StreamOptions::Silent { at, empty: true };
                    }
                }
                Step::Name => {
                    self.named()?;
                    if self.meaning == Meaning::Model {
                        let from = end - piece.len();
                        self.found.model_at =
                            Some(ModelAt { from, to: from, colon: self.grammar.awaits_colon() });
                    }
                }
                Step::Text => {
                    if self.meaning == Meaning::Model
                        && let Some(at) = &mut self.found.model_at
                    {
                        at.to = end - piece.len();
                    }
                    self.text()?;
                }
                Step::Number => self.number()?,
                Step::Literal(literal) => self.literal(literal, end - piece.len())?,
            }
        }
    }

    /// Tells what the body asked for, now that it has ended; once.
    ///
    /// # Errors
    /// When it ended before its JSON did.
    pub fn finish(&mut self) -> Result<Peeked, Fault> {
        if !self.grammar.is_whole() {
            return Err(Fault::NotJson("it ends too early"));
        }
        self.found.parameters = self.watch.take().map(|watch| Box::new(watch.finish()));
        Ok(std::mem::take(&mut self.found))
    }

    fn place(&self) -> Place {
        self.places.get(self.grammar.depth()).copied().unwrap_or(Place::Elsewhere)
    }

    fn opened(&mut self, container: Container) -> Result<(), Fault> {
        let meaning = std::mem::replace(&mut self.meaning, Meaning::Nothing);
        let depth = self.grammar.depth();
        let place = match (depth, meaning, container) {
            (1, _, Container::Object) => Place::Top,
            (1, _, Container::Array) => return Err(Fault::Unfit("it is not a JSON object")),
            (2, Meaning::GenerationConfig, Container::Object) => Place::GenerationConfig,
            (2, Meaning::StreamOptions, Container::Object) => Place::StreamOptions,
            (2, Meaning::Tier, Container::Object) => Place::Tier,
            (2, Meaning::Towards(_), Container::Object) if self.in_a_field => Place::Request,
            _ => Place::Elsewhere,
        };
        if let Some(slot) = self.places.get_mut(depth) {
            *slot = place;
        }
        let mut matters = self.inside.opened(depth, container, meaning);
        if let Some(watch) = &mut self.watch {
            matters |= watch.opened(depth, container)?;
        }
        self.grammar.keep_names(place != Place::Elsewhere || matters);
        // Some endpoints take an object for `model`, with the name in it.
        if meaning == Meaning::Model && matters { Ok(()) } else { unfit(meaning) }
    }

    fn named(&mut self) -> Result<(), Fault> {
        let name = self.grammar.kept();
        self.meaning = match self.place() {
            Place::Top => {
                if looks_like_model(name, self.grammar.kept_escapes()) {
                    return Err(Fault::Ambiguous("a field looks like 'model' without being it"));
                }
                let hash = self.grammar.kept_hash();
                if self.names.contains(&hash) {
                    return Err(match name {
                        b"model" => Fault::Ambiguous("the field 'model' is there twice"),
                        _ => Fault::Unfit("a field is there twice"),
                    });
                }
                if self.names.len() >= MOST_NAMES {
                    return Err(Fault::Unfit("it has too many fields"));
                }
                self.names.push(hash);
                match name {
                    b"model" => Meaning::Model,
                    b"stream" => Meaning::Stream,
                    b"type" => Meaning::Kind,
                    b"max_tokens" | b"max_completion_tokens" | b"max_output_tokens" | b"n_predict"
                        if !self.in_options =>
                    {
                        Meaning::Ceiling
                    }
                    b"n" | b"best_of" | b"num_generations" | b"num_return_sequences" => Meaning::Choices,
                    b"previous_response_id" => Meaning::PreviousResponse,
                    b"service_tier" | b"serviceTier" => Meaning::Tier,
                    b"speed" => Meaning::Speed,
                    b"generationConfig" | b"generation_config" | b"inferenceConfig" | b"options" => {
                        Meaning::GenerationConfig
                    }
                    _ if self.found.report.options.named(name) => Meaning::StreamOptions,
                    _ if in_another_case(name) => return Err(Fault::Unfit(CASE)),
                    _ => {
                        self.found.rerouting = self.found.rerouting.or_else(|| rerouting(name, &self.inside));
                        Meaning::Nothing
                    }
                }
            }
            Place::GenerationConfig if in_another_case(name) => return Err(Fault::Unfit(CASE)),
            Place::GenerationConfig => match name {
                b"maxOutputTokens" | b"max_output_tokens" | b"maxTokens" | b"num_predict" => Meaning::Ceiling,
                b"candidateCount" | b"candidate_count" => Meaning::Choices,
                _ => Meaning::Nothing,
            },
            Place::StreamOptions if self.found.report.options.inside(name) => Meaning::IncludeUsage,
            Place::Tier if name == b"type" => Meaning::Tier,
            Place::Request => {
                self.found.rerouting = self.found.rerouting.or_else(|| rerouting(name, &self.inside));
                Meaning::Nothing
            }
            Place::StreamOptions | Place::Tier | Place::Elsewhere => Meaning::Nothing,
        };
        if self.meaning == Meaning::Nothing {
            self.meaning =
                self.inside.named(self.grammar.depth(), self.grammar.kept(), self.grammar.kept_escapes())?;
        } else if self.meaning == Meaning::Model {
            self.inside.named(self.grammar.depth(), b"model", false)?;
        }
        if let Some(watch) = &mut self.watch {
            let watched = watch.named(self.grammar.depth(), self.grammar.kept());
            if self.meaning == Meaning::Nothing && watched != Watched::Nothing {
                self.meaning = Meaning::Watched(watched);
            }
        }
        self.grammar.keep_value(!matches!(self.meaning, Meaning::Nothing));
        Ok(())
    }

    fn text(&mut self) -> Result<(), Fault> {
        let meaning = std::mem::replace(&mut self.meaning, Meaning::Nothing);
        match meaning {
            Meaning::Model => self.found.model = Some(model(self.grammar.kept())?),
            Meaning::Inside | Meaning::Towards(Towards { itself: true, .. }) => {
                let name = model(self.grammar.kept())?;
                if !self.found.inside.contains(&name) {
                    if self.found.inside.len() >= MOST_MODELS {
                        return Err(Fault::Unfit("it names too many models"));
                    }
                    self.found.inside.push(name);
                }
            }
            Meaning::Kind => {
                let kind = std::str::from_utf8(self.grammar.kept()).unwrap_or_default();
                self.found.kind = Some(kind.into());
            }
            Meaning::PreviousResponse => {
                let id = std::str::from_utf8(self.grammar.kept()).unwrap_or_default();
                self.found.previous_response = Some(id.into());
            }
            Meaning::Tier | Meaning::Speed => {
                self.found.tier = Tier::asked(self.grammar.kept()).or(self.found.tier);
                if let (Meaning::Tier, Some(watch)) = (meaning, &mut self.watch) {
                    watch.text(Watched::ServiceTier, self.grammar.kept());
                }
            }
            Meaning::Stream => return Err(Fault::Unfit("'stream' is not true or false")),
            Meaning::Watched(watched) => {
                if let Some(watch) = &mut self.watch {
                    watch.text(watched, self.grammar.kept());
                }
            }
            // There are services that read a number in quotes as one.
            Meaning::Ceiling | Meaning::Choices => self.count(meaning),
            Meaning::Nothing
            | Meaning::Towards(_)
            | Meaning::GenerationConfig
            | Meaning::StreamOptions
            | Meaning::IncludeUsage => {}
        }
        Ok(())
    }

    fn count(&mut self, meaning: Meaning) {
        let found =
            if meaning == Meaning::Choices { &mut self.found.choices } else { &mut self.found.token_ceiling };
        *found = (*found).max(count(self.grammar.kept()));
    }

    fn number(&mut self) -> Result<(), Fault> {
        let meaning = std::mem::replace(&mut self.meaning, Meaning::Nothing);
        if matches!(meaning, Meaning::Ceiling | Meaning::Choices) {
            self.count(meaning);
            return Ok(());
        }
        if let (Meaning::Watched(watched), Some(watch)) = (meaning, &mut self.watch) {
            watch.text(watched, self.grammar.kept());
            return Ok(());
        }
        unfit(meaning)
    }

    /// A word ended before this place.
    fn literal(&mut self, literal: Option<bool>, to: usize) -> Result<(), Fault> {
        let meaning = std::mem::replace(&mut self.meaning, Meaning::Nothing);
        if meaning == Meaning::Stream {
            self.found.stream = literal;
            return Ok(());
        }
        let from = to.saturating_sub(if literal == Some(false) { 5 } else { 4 });
        match (meaning, literal) {
            (Meaning::StreamOptions, None) => self.found.report.options = StreamOptions::Null(from, to),
            (Meaning::IncludeUsage, Some(true)) => self.found.report.options = StreamOptions::Wanted,
            (Meaning::IncludeUsage, Some(false) | None) => {
                self.found.report.options = StreamOptions::Declined(from, to);
            }
            _ => {}
        }
        if let (Meaning::Watched(Watched::Store), Some(watch)) = (meaning, &mut self.watch) {
            watch.found.store = literal;
            return Ok(());
        }
        // null says the same as not being there, but for the model that would be a default.
        unfit(meaning)
    }
}

/// Fields that decide how much may be written. There are services that read names in any case, and no SDK that writes
/// these in another.
const DECIDE: [&[u8]; 8] = [
    b"max_tokens",
    b"max_completion_tokens",
    b"max_output_tokens",
    b"n_predict",
    b"num_predict",
    b"best_of",
    b"options",
    b"generation_config",
];
const CASE: &str = "a field that decides how much may be written is spelled in another case";

/// Whether a name is one of those but for the case of its letters.
fn in_another_case(name: &[u8]) -> bool {
    name.iter().any(u8::is_ascii_uppercase) && DECIDE.iter().any(|field| name.eq_ignore_ascii_case(field))
}

/// The field that a name is, if it would choose another model, host or key, and nothing finds what it names.
fn rerouting(name: &[u8], inside: &Inside) -> Option<&'static str> {
    let field = REROUTING.iter().copied().find(|field| field.as_bytes() == name)?;
    (!inside.begins_with(field)).then_some(field)
}

/// A number of things; one with a point or an exponent is rounded up.
fn count(digits: &[u8]) -> Option<u64> {
    let digits = std::str::from_utf8(digits).ok()?;
    digits.parse().ok().or_else(|| {
        let number = digits.parse::<f64>().ok().filter(|number| *number >= 0.0)?;
        // Conversions stop at the type's bounds.
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "it is rounded and not negative"
        )]
        Some(number.ceil() as u64)
    })
}

fn unfit(meaning: Meaning) -> Result<(), Fault> {
    match meaning {
        Meaning::Model => Err(Fault::Unfit("'model' is not a string")),
        Meaning::Inside => Err(Fault::Unfit("a field that names a model is not a string")),
        Meaning::Stream => Err(Fault::Unfit("'stream' is not true or false")),
        // An id that is none is the provider's to refuse: nothing is decided by it but the credential.
        Meaning::Nothing
        | Meaning::Towards(_)
        | Meaning::Kind
        | Meaning::Watched(_)
        | Meaning::Ceiling
        | Meaning::Choices
        | Meaning::PreviousResponse
        | Meaning::Tier
        | Meaning::Speed
        | Meaning::GenerationConfig
        | Meaning::StreamOptions
        | Meaning::IncludeUsage => Ok(()),
    }
}

fn model(name: &[u8]) -> Result<Arc<str>, Fault> {
    let name = std::str::from_utf8(name).map_err(|_| Fault::Unfit("'model' holds half a character"))?;
    if name.is_empty() {
        return Err(Fault::Unfit("'model' is empty"));
    }
    if name.len() > LONGEST_MODEL {
        return Err(Fault::Unfit("'model' is too long"));
    }
    Ok(name.into())
}

/// Whether a lenient reader could take a name for `model`: other case, spaces or control characters
/// around it, or written with escapes, as no SDK does.
fn looks_like_model(name: &[u8], escaped: bool) -> bool {
    if let [b'!'..=b'~', .., b'!'..=b'~'] = name {
        // With nothing around it, as all names are that an SDK sends.
        return name.eq_ignore_ascii_case(b"model") && (escaped || name != b"model");
    }
    let blank = |b: &u8| b.is_ascii_whitespace() || b.is_ascii_control();
    let from = name.iter().position(|b| !blank(b)).unwrap_or(name.len());
    let to = name.iter().rposition(|b| !blank(b)).map_or(from, |at| at + 1);
    let trimmed = name.get(from..to).unwrap_or_default();
    let like = trimmed.eq_ignore_ascii_case(b"model")
        || trimmed.strip_prefix("\u{feff}".as_bytes()) == Some(b"model");
    like && (escaped || name != b"model")
}

#[cfg(test)]
mod tests;
