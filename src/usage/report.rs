//! One report of usage, whatever its provider calls the counts.
//!
//! Fields are known by their names and by the object that they stand in; a name means the same for every provider
//! that uses it, and what is not known is passed over. The sums are made here: Anthropic and Bedrock leave cached
//! tokens out of their input, Gemini its thoughts out of the candidates, xAI its reasoning out of the completion.

use std::fmt;

use serde::de::{DeserializeSeed, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::Usage;
use crate::money::Money;

/// What one report said.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Report {
    usage: Usage,
    /// Whether it told of the input, and of the output.
    input: bool,
    output: bool,
    /// Whether it told of anything else.
    else_told: bool,
}

impl Report {
    /// Reads a usage object; nothing if it tells nothing, or is not one.
    pub(super) fn read(object: &[u8]) -> Option<Self> {
        let mut raw = Raw::default();
        let mut reader = serde_json::Deserializer::from_slice(object);
        Within { raw: &mut raw, field: Field::Into(Part::Top) }.deserialize(&mut reader).ok()?;
        raw.report()
    }

    /// A count that stands by itself in an answer.
    pub(super) fn alone(field: Field, count: u64) -> Option<Self> {
        let mut raw = Raw::default();
        raw.count(field, count);
        raw.report()
    }

    /// Puts what it says in the place of what was said before: of each side the last word counts.
    pub(super) fn over(self, before: Option<Usage>) -> Usage {
        let Some(mut all) = before else { return self.usage };
        let new = self.usage;
        if self.input {
            all = Usage {
                input: new.input,
                cached: new.cached,
                cached_audio: new.cached_audio,
                cache_writes: new.cache_writes,
                long_cache_writes: new.long_cache_writes,
                input_audio: new.input_audio,
                input_image: new.input_image,
                ..all
            };
        }
        if self.output {
            all = Usage {
                output: new.output,
                reasoning: new.reasoning,
                output_audio: new.output_audio,
                output_image: new.output_image,
                ..all
            };
        }
        for (old, new) in [
            (&mut all.audio_ms, new.audio_ms),
            (&mut all.characters, new.characters),
            (&mut all.images, new.images),
            (&mut all.pages, new.pages),
            (&mut all.searches, new.searches),
        ] {
            if new > 0 {
                *old = new;
            }
        }
        all.cost = new.cost.or(all.cost);
        all
    }

    pub(super) const fn usage(self) -> Usage {
        self.usage
    }
}

/// The objects within a report that are looked into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Top,
    InputDetails,
    CachedDetails,
    WriteDetails,
    OutputDetails,
    CacheCreation,
    ServerTools,
    Billed,
    /// Cohere's tokens, where they are not those that are billed.
    Unbilled,
    Cost,
    /// Lists of `{modality, tokenCount}`.
    InputModes,
    CachedModes,
    OutputModes,
    /// A list of `{ttl, inputTokens}`.
    Lasting,
}

/// What a field is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Field {
    Nothing,
    Into(Part),
    /// Tokens read; whether those of a cache are left out, if any are told.
    Input {
        bare: bool,
    },
    ToolInput,
    Output,
    Thoughts,
    /// Reasoning that is surely no part of the output.
    ReasoningBeside,
    CitationsBeside,
    Total,
    Cached,
    CachedBare,
    CachedAudio,
    Writes,
    WritesBare,
    ShortWrites,
    LongWrites,
    InputAudio,
    InputImage,
    Reasoning,
    OutputAudio,
    OutputImage,
    Seconds,
    Characters,
    Images,
    Pages,
    Searches,
    Dollars,
    UnbilledInput,
    UnbilledOutput,
    /// Of a list's entry: its kind, and how much of it.
    Kind,
    Share,
}

/// What a name means in an object.
fn field(part: Part, name: &str) -> Field {
    use Field as F;
    use Part as P;
    match (part, name) {
        (P::Top, "prompt_tokens" | "promptTokenCount" | "prompt_token_count" | "total_input_tokens") => {
            F::Input { bare: false }
        }
        (P::Top | P::Billed, "input_tokens") | (P::Top, "inputTokens" | "inputTokenCount") => {
            F::Input { bare: true }
        }
        (P::Top, "toolUsePromptTokenCount" | "total_tool_use_tokens") => F::ToolInput,
        (
            P::Top,
            "completion_tokens"
            | "candidatesTokenCount"
            | "responseTokenCount"
            | "outputTokens"
            | "outputTokenCount"
            | "total_output_tokens",
        )
        | (P::Top | P::Billed, "output_tokens") => F::Output,
        (P::Top, "thoughtsTokenCount" | "total_thought_tokens") => F::Thoughts,
        (P::Top, "total_reasoning_tokens") | (P::OutputDetails, "reasoning_tokens" | "thinking_tokens") => {
            F::Reasoning
        }
        (P::Top, "reasoning_tokens") => F::ReasoningBeside,
        (P::Top, "citation_tokens") => F::CitationsBeside,
        (P::Top, "total_tokens" | "totalTokens" | "totalTokenCount") => F::Total,
        (
            P::Top,
            "cached_tokens"
            | "num_cached_tokens"
            | "prompt_cache_hit_tokens"
            | "cachedContentTokenCount"
            | "cached_prompt_text_tokens"
            | "total_cached_tokens",
        )
        | (P::InputDetails, "cached_tokens" | "cache_read_input_tokens") => F::Cached,
        (P::Top, "cache_read_input_tokens" | "cacheReadInputTokens" | "cacheReadInputTokenCount") => {
            F::CachedBare
        }
        (P::Top, "cache_creation_input_tokens" | "cacheWriteInputTokens" | "cacheWriteInputTokenCount") => {
            F::WritesBare
        }
        (P::InputDetails, "cache_write_tokens" | "cache_creation_input_tokens") => F::Writes,
        (P::CachedDetails, "audio_tokens") => F::CachedAudio,
        (P::CacheCreation, "ephemeral_5m_input_tokens") | (P::WriteDetails, "ttl_30m_tokens") => {
            F::ShortWrites
        }
        (P::CacheCreation, "ephemeral_1h_input_tokens") | (P::WriteDetails, "ttl_12h_tokens") => {
            F::LongWrites
        }
        (P::InputDetails, "audio_tokens") => F::InputAudio,
        (P::InputDetails, "image_tokens" | "video_tokens") | (P::Billed, "image_tokens") => F::InputImage,
        (P::OutputDetails, "audio_tokens") => F::OutputAudio,
        (P::OutputDetails, "image_tokens") => F::OutputImage,
        (P::Top, "seconds" | "prompt_audio_seconds" | "billable_audio_seconds") => F::Seconds,
        (P::Top, "billableCharacterCount" | "characters") => F::Characters,
        (P::Billed, "images") => F::Images,
        (P::Top, "pages_processed") => F::Pages,
        (P::Billed, "search_units")
        | (P::Top, "num_search_queries")
        | (P::ServerTools, "web_search_requests") => F::Searches,
        // An object in Perplexity's answers, a number in OpenRouter's.
        (P::Top, "cost") => F::Into(P::Cost),
        (P::Cost, "total_cost") => F::Dollars,
        (P::Unbilled, "input_tokens") => F::UnbilledInput,
        (P::Unbilled, "output_tokens") => F::UnbilledOutput,
        (P::Top, "prompt_tokens_details" | "input_tokens_details" | "input_token_details") => {
            F::Into(P::InputDetails)
        }
        (P::Top, "completion_tokens_details" | "output_tokens_details" | "output_token_details") => {
            F::Into(P::OutputDetails)
        }
        (P::InputDetails, "cached_tokens_details") => F::Into(P::CachedDetails),
        (P::InputDetails, "cache_write_tokens_details") => F::Into(P::WriteDetails),
        (P::Top, "cache_creation") => F::Into(P::CacheCreation),
        (P::Top, "server_tool_use") => F::Into(P::ServerTools),
        (P::Top, "billed_units") => F::Into(P::Billed),
        (P::Top, "tokens") => F::Into(P::Unbilled),
        (
            P::Top,
            "promptTokensDetails"
            | "toolUsePromptTokensDetails"
            | "input_tokens_by_modality"
            | "tool_use_tokens_by_modality",
        ) => F::Into(P::InputModes),
        (P::Top, "cacheTokensDetails" | "cached_tokens_by_modality") => F::Into(P::CachedModes),
        (P::Top, "candidatesTokensDetails" | "responseTokensDetails" | "output_tokens_by_modality") => {
            F::Into(P::OutputModes)
        }
        (P::Top, "cacheDetails") => F::Into(P::Lasting),
        (P::InputModes | P::CachedModes | P::OutputModes, "modality") | (P::Lasting, "ttl") => F::Kind,
        (P::InputModes | P::CachedModes | P::OutputModes, "tokenCount" | "tokens")
        | (P::Lasting, "inputTokens") => F::Share,
        _ => F::Nothing,
    }
}

/// The kind of a list's entry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Kind {
    #[default]
    Plain,
    Audio,
    Image,
    Hour,
}

impl Kind {
    fn of(text: &str) -> Self {
        match text {
            "AUDIO" | "audio" => Self::Audio,
            "IMAGE" | "VIDEO" | "DOCUMENT" | "image" | "video" | "document" => Self::Image,
            "1h" => Self::Hour,
            _ => Self::Plain,
        }
    }
}

/// The counts as they came.
#[derive(Debug, Default)]
struct Raw {
    report: Report,
    bare: bool,
    cached_bare: u64,
    writes_bare: u64,
    short_writes: u64,
    tool_input: u64,
    thoughts: u64,
    beside: u64,
    total: Option<u64>,
    unbilled_input: Option<u64>,
    unbilled_output: Option<u64>,
    kind: Kind,
    share: u64,
}

impl Raw {
    fn count(&mut self, field: Field, count: u64) {
        let Report { usage, input, output, else_told } = &mut self.report;
        match field {
            Field::Input { bare } => {
                (usage.input, self.bare, *input) = (count, bare, true);
            }
            Field::Output => (usage.output, *output) = (count, true),
            Field::Thoughts => (self.thoughts, *output) = (count, true),
            Field::ToolInput => self.tool_input = count,
            Field::ReasoningBeside => {
                self.beside = self.beside.saturating_add(count);
                usage.reasoning = count;
            }
            Field::CitationsBeside => self.beside = self.beside.saturating_add(count),
            Field::Total => self.total = Some(count),
            // Some tell it twice; one of them may be empty.
            Field::Cached => usage.cached = usage.cached.max(count),
            Field::CachedBare => self.cached_bare = count,
            Field::CachedAudio => usage.cached_audio = count,
            Field::Writes => usage.cache_writes = count,
            Field::WritesBare => self.writes_bare = count,
            Field::ShortWrites => self.short_writes = count,
            Field::LongWrites => usage.long_cache_writes = count,
            Field::InputAudio => usage.input_audio = count,
            Field::InputImage => usage.input_image = usage.input_image.saturating_add(count),
            Field::Reasoning => usage.reasoning = count,
            Field::OutputAudio => usage.output_audio = count,
            Field::OutputImage => usage.output_image = count,
            Field::Seconds => (usage.audio_ms, *else_told) = (count.saturating_mul(1000), true),
            Field::Characters => (usage.characters, *else_told) = (count, true),
            Field::Images => (usage.images, *else_told) = (count, true),
            Field::Pages => (usage.pages, *else_told) = (count, true),
            Field::Searches => (usage.searches, *else_told) = (count, true),
            Field::UnbilledInput => self.unbilled_input = Some(count),
            Field::UnbilledOutput => self.unbilled_output = Some(count),
            Field::Share => self.share = count,
            Field::Dollars | Field::Into(Part::Cost) => {
                usage.cost = Some(Money::picodollars(count.saturating_mul(1_000_000_000_000)));
            }
            Field::Nothing | Field::Into(_) | Field::Kind => {}
        }
    }

    fn fraction(&mut self, field: Field, value: f64) {
        let whole = |value: f64| {
            // What is no sensible number becomes nothing, or as much as there can be.
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a cast saturates")]
            let whole = value.round() as u64;
            whole
        };
        match field {
            Field::Dollars | Field::Into(Part::Cost) => {
                self.report.usage.cost = Some(Money::picodollars(whole(value * 1e12)));
            }
            Field::Seconds => {
                self.report.usage.audio_ms = whole(value * 1e3);
                self.report.else_told = true;
            }
            other => self.count(other, whole(value)),
        }
    }

    /// An entry of a list has ended.
    fn entry(&mut self, part: Part) {
        let (kind, share) = (std::mem::take(&mut self.kind), std::mem::take(&mut self.share));
        let usage = &mut self.report.usage;
        let of = match (part, kind) {
            (Part::InputModes, Kind::Audio) => &mut usage.input_audio,
            (Part::InputModes, Kind::Image) => &mut usage.input_image,
            (Part::CachedModes, Kind::Audio) => &mut usage.cached_audio,
            (Part::OutputModes, Kind::Audio) => &mut usage.output_audio,
            (Part::OutputModes, Kind::Image) => &mut usage.output_image,
            (Part::Lasting, Kind::Hour) => &mut usage.long_cache_writes,
            _ => return,
        };
        *of = of.saturating_add(share);
    }

    /// The sums; nothing if nothing was told.
    fn report(mut self) -> Option<Report> {
        let usage = &mut self.report.usage;
        if let (false, Some(count)) = (self.report.input, self.unbilled_input) {
            (usage.input, self.report.input) = (count, true);
        }
        if let (false, Some(count)) = (self.report.output, self.unbilled_output) {
            (usage.output, self.report.output) = (count, true);
        }
        if self.cached_bare > 0 || self.writes_bare > 0 {
            usage.cached = usage.cached.max(self.cached_bare);
            usage.cache_writes = self.writes_bare;
            if self.bare {
                let beside = self.cached_bare.saturating_add(self.writes_bare);
                usage.input = usage.input.saturating_add(beside);
            }
        }
        if self.short_writes > 0 || usage.long_cache_writes > 0 {
            // What is not said to last long lasts short.
            let all = usage.cache_writes.max(self.short_writes.saturating_add(usage.long_cache_writes));
            usage.cache_writes = all.saturating_sub(usage.long_cache_writes);
        }
        usage.input = usage.input.saturating_add(self.tool_input);
        usage.output = usage.output.saturating_add(self.thoughts).saturating_add(self.beside);
        usage.reasoning = usage.reasoning.max(self.thoughts);
        // A part is no more than the whole: then it stands beside it.
        if usage.reasoning > usage.output {
            usage.output = usage.output.saturating_add(usage.reasoning);
        }
        // What a total has more than its parts was thought and not told: Gemini's thoughts behind OpenAI's
        // dialect, xAI's reasoning.
        if let Some(more) = self.total.and_then(|total| total.checked_sub(usage.tokens()))
            && self.report.input
            && self.report.output
        {
            usage.output = usage.output.saturating_add(more);
            usage.reasoning = usage.reasoning.max(more);
        }
        let told = self.report.input || self.report.output || self.report.else_told || usage.cost.is_some();
        told.then_some(self.report)
    }
}

/// Reads the value of a field.
struct Within<'r> {
    raw: &'r mut Raw,
    field: Field,
}

/// Reads a field's name.
struct Name(Part);

impl<'de> DeserializeSeed<'de> for Name {
    type Value = Field;

    fn deserialize<D: serde::Deserializer<'de>>(self, from: D) -> Result<Field, D::Error> {
        from.deserialize_str(self)
    }
}

impl Visitor<'_> for Name {
    type Value = Field;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Field, E> {
        Ok(field(self.0, name))
    }
}

impl<'de> DeserializeSeed<'de> for Within<'_> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        if self.field == Field::Nothing {
            return from.deserialize_ignored_any(IgnoredAny).map(drop);
        }
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Within<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a count")
    }

    fn visit_u64<E: Error>(self, count: u64) -> Result<(), E> {
        self.raw.count(self.field, count);
        Ok(())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<(), E> {
        self.raw.fraction(self.field, value);
        Ok(())
    }

    // A negative count says nothing.
    fn visit_i64<E: Error>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        if self.field == Field::Kind {
            self.raw.kind = Kind::of(text);
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        // Within a list an entry is what the list is.
        while list.next_element_seed(Within { raw: &mut *self.raw, field: self.field })?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<(), A::Error> {
        let Field::Into(part) = self.field else {
            while object.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
            return Ok(());
        };
        while let Some(field) = object.next_key_seed(Name(part))? {
            object.next_value_seed(Within { raw: &mut *self.raw, field })?;
        }
        self.raw.entry(part);
        Ok(())
    }
}
