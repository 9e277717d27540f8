//! Finds what an answer used, and how much it wrote so far, as its pieces pass.

use bytes::Bytes;
use http::HeaderMap;

use super::Usage;
use super::aws::Frames;
use super::events::{Events, Texts, lines};
use super::report::MOST;
use super::text::Bringer;
use super::walk::{Told, Words};
use crate::dialect::Surface;
use crate::endpoint::{Endpoint, Family, Gives, ModelIn, Verb};
use crate::tier::Served;

/// How an answer's texts stand in it.
#[derive(Debug)]
enum Framing {
    /// It is one; or a list of them, as Gemini streams where no events are asked for. The first piece is kept if it
    /// looked as if it were all of it.
    One {
        first: Option<Bytes>,
    },
    Events(Events),
    Lines,
    Aws(Box<Frames>),
    /// Each is a message of a session.
    Messages,
}

/// Looks through one answer, or one session.
#[derive(Debug)]
pub struct Meter {
    framing: Framing,
    texts: Texts,
    served: Option<Served>,
    /// How many tokens had been written, about, when the piece with the last report had passed.
    reported_at: u64,
}

impl Meter {
    /// Looks through an answer of this endpoint, if such answers report anything. Upstreams are sent no
    /// `accept-encoding`, so answers come as they are; one that is coded all the same is not looked through.
    #[must_use]
    pub fn of(endpoint: &Endpoint, headers: &HeaderMap) -> Option<Self> {
        if !reports(endpoint) || headers.contains_key(http::header::CONTENT_ENCODING) {
            return None;
        }
        let kind = headers.get(http::header::CONTENT_TYPE).map(http::HeaderValue::as_bytes);
        let framing = framing(kind, endpoint.gives)?;
        let bringer = match framing {
            // Gemini's stream as a list: each of its entries brings a text.
            Framing::One { .. } if endpoint.gives == Gives::Events => bringer(endpoint),
            Framing::One { .. } if writes(endpoint.scope.family) => Bringer::Whole,
            Framing::One { .. } => Bringer::Nothing,
            Framing::Events(_) | Framing::Lines | Framing::Aws(_) | Framing::Messages => bringer(endpoint),
        };
        // Pictures are listed in an answer that is one text; a stream's events bring one each, and tell tokens.
        let pictures = endpoint.scope.family == Family::Images && matches!(framing, Framing::One { .. });
        let words = if pictures { Words::Pictures } else { words(endpoint.surface) };
        Some(Self { framing, texts: Texts::new(words, bringer), served: None, reported_at: 0 })
    }

    /// Looks through the messages of a session, whose reports are added up: each tells of one response, or of one
    /// turn.
    #[must_use]
    pub fn of_session(endpoint: &Endpoint) -> Self {
        let texts = Texts::new(words(endpoint.surface), bringer(endpoint));
        Self { framing: Framing::Messages, texts, served: None, reported_at: 0 }
    }

    /// What the head of an answer tells: Bedrock's has counts where the body, which is the model's own, may have
    /// none.
    #[must_use]
    pub fn in_head(endpoint: &Endpoint, headers: &HeaderMap) -> Option<Usage> {
        if endpoint.surface != Surface::Bedrock {
            return None;
        }
        let count = |name: &str| {
            let count = headers.get(name)?.to_str().ok()?.parse::<u64>().ok();
            count.filter(|count| *count <= MOST)
        };
        let input = count("x-amzn-bedrock-input-token-count");
        let output = count("x-amzn-bedrock-output-token-count");
        if input.is_none() && output.is_none() {
            return None;
        }
        let cached = count("x-amzn-bedrock-cache-read-input-token-count").unwrap_or_default();
        let cache_writes = count("x-amzn-bedrock-cache-write-input-token-count").unwrap_or_default();
        let input = input.unwrap_or_default().saturating_add(cached).saturating_add(cache_writes);
        Some(Usage { input, cached, cache_writes, output: output.unwrap_or_default(), ..Usage::default() })
    }

    /// Takes the next piece of the answer; `usage` is what was found before, and is what is found with it.
    pub fn piece(&mut self, piece: &Bytes, usage: &mut Option<Usage>) {
        let texts = &mut self.texts;
        let told = &mut Told { usage, served: &mut self.served, adds: false, took: false };
        match &mut self.framing {
            Framing::One { first } => match first.take() {
                None if texts.taken_for_whole(piece, told) => *first = Some(piece.clone()),
                None => texts.part(piece, true, told),
                Some(kept) => {
                    texts.was_not_whole(&kept, told);
                    texts.part(piece, true, told);
                }
            },
            Framing::Events(events) => events.feed(piece, texts, told),
            Framing::Lines => lines(piece, texts, told),
            Framing::Aws(frames) => frames.feed(piece, texts, told),
            Framing::Messages => return self.message(piece, false, usage),
        }
        if told.took {
            self.reported_at = self.texts.tokens();
        }
    }

    /// Takes more of a session's message; whether it ends with it. `usage` is the sum so far.
    pub fn message(&mut self, part: &[u8], ends: bool, usage: &mut Option<Usage>) {
        let told = &mut Told { usage, served: &mut self.served, adds: true, took: false };
        if ends && !self.texts.begun() {
            self.texts.message(part, told);
            return;
        }
        // What comes in parts is most often sound.
        self.texts.part(part, false, told);
        if ends {
            self.texts.end();
        }
    }

    /// The tier that the answer says it was served in.
    #[must_use]
    pub const fn served(&self) -> Option<Served> {
        self.served
    }

    /// Whether a stream brought more behind its last report, which was none of all of it then: some report at the beginning
    /// what the model reads.
    #[must_use]
    pub const fn goes_on(&self) -> bool {
        let streams = matches!(self.framing, Framing::Events(_) | Framing::Lines | Framing::Aws(_));
        streams && self.texts.tokens() > self.reported_at
    }

    /// How many tokens were written so far, about; see `usage/text.rs`.
    #[must_use]
    pub const fn output_seen(&self) -> u64 {
        self.texts.tokens()
    }
}

/// Whether answers of an endpoint can report what the call of a model used. What only reads a response that was
/// made before does not: it would count twice.
#[must_use]
pub fn reports(endpoint: &Endpoint) -> bool {
    let family = matches!(
        endpoint.scope.family,
        Family::Chat
            | Family::Completions
            | Family::Responses
            | Family::Conversations
            | Family::Embeddings
            | Family::Classify
            | Family::Moderations
            | Family::Decisions
            | Family::Rerank
            | Family::Search
            | Family::Ocr
            | Family::Audio
            | Family::Images
            | Family::Assistants
            | Family::Agents
            | Family::Passthrough
    );
    family && endpoint.verb == Verb::Post && endpoint.model != ModelIn::Nowhere
}

/// Whether a family's answers are text of a model's.
const fn writes(family: Family) -> bool {
    matches!(
        family,
        Family::Chat
            | Family::Completions
            | Family::Responses
            | Family::Conversations
            | Family::Assistants
            | Family::Agents
    )
}

fn framing(kind: Option<&[u8]>, gives: Gives) -> Option<Framing> {
    let Some(kind) = kind else {
        return match gives {
            Gives::Json | Gives::StreamIfAsked => Some(Framing::One { first: None }),
            Gives::StreamUnlessDeclined | Gives::Lines => Some(Framing::Lines),
            Gives::Events => Some(Framing::Events(Events::new())),
            Gives::AwsEvents => Some(Framing::Aws(Box::default())),
            Gives::Bytes | Gives::Upload | Gives::WebSocket => None,
        };
    };
    let is =
        |name: &str| kind.get(..name.len()).is_some_and(|kind| kind.eq_ignore_ascii_case(name.as_bytes()));
    if is("text/event-stream") {
        Some(Framing::Events(Events::new()))
    } else if is("application/x-ndjson") || is("application/jsonl") || is("application/stream+json") {
        Some(Framing::Lines)
    } else if is("application/vnd.amazon.eventstream") {
        Some(Framing::Aws(Box::default()))
    } else if is("application/json") {
        Some(Framing::One { first: None })
    } else {
        None
    }
}

const fn words(surface: Surface) -> Words {
    match surface {
        Surface::Gemini | Surface::Vertex => Words::Google,
        Surface::Cohere => Words::Cohere,
        Surface::Ollama => Words::Ollama,
        Surface::LlamaCpp => Words::LlamaCpp,
        Surface::Bedrock => Words::Bedrock,
        Surface::OpenAi
        | Surface::Anthropic
        | Surface::Azure
        | Surface::Mistral
        | Surface::Together
        | Surface::Fireworks
        | Surface::OpenRouter
        | Surface::Xai
        | Surface::DeepSeek
        | Surface::Perplexity
        | Surface::Vllm
        | Surface::Passthrough => Words::Usual,
    }
}

/// The field in which an endpoint's events bring the next text.
fn bringer(endpoint: &Endpoint) -> Bringer {
    let completes = endpoint.scope.family == Family::Completions;
    match endpoint.surface {
        Surface::Gemini | Surface::Vertex => {
            let own = endpoint.path.ends_with("enerateContent") || endpoint.gives == Gives::WebSocket;
            if own { Bringer::Text } else { Bringer::Delta }
        }
        Surface::Ollama if completes => Bringer::Response,
        Surface::Ollama | Surface::LlamaCpp => Bringer::Content,
        // Mistral completes code in the events of its chat.
        Surface::Mistral => Bringer::Delta,
        Surface::OpenAi
        | Surface::Anthropic
        | Surface::Azure
        | Surface::Bedrock
        | Surface::Cohere
        | Surface::Together
        | Surface::Fireworks
        | Surface::OpenRouter
        | Surface::Xai
        | Surface::DeepSeek
        | Surface::Perplexity
        | Surface::Vllm
        | Surface::Passthrough => {
            if completes {
                Bringer::Text
            } else {
                Bringer::Delta
            }
        }
    }
}
