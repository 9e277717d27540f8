//! One report of usage, whatever its provider calls the counts.
//!
//! Fields are known by their names and by the object that they stand in; a name means the same for every provider
//! that uses it, and what is not known is passed over. The sums are made here: Anthropic and Bedrock leave cached
//! tokens out of their input, Gemini its thoughts out of the candidates, xAI its reasoning out of the completion.

use super::Usage;
use super::field::{Field, Kind, Part, Sampled};
use super::read;
use crate::money::Money;
use crate::tier::Served;

/// The most of anything that an answer can have used, tokens or other; and the most that it can have cost. Who reports more
/// is wrong somewhere else too: nothing of it is believed, as if there were no report. Believed, it would have spent a
/// budget for weeks.
pub(super) const MOST: u64 = 1 << 30;
const MOST_DOLLARS: u64 = 1_000_000;
const PICODOLLARS: u64 = 1_000_000_000_000;
/// One of xAI's ticks in picodollars.
const TICK: u64 = 100;

/// The most that a field can tell.
const fn most(field: Field) -> u64 {
    match field {
        Field::Dollars | Field::Into(Part::Cost) => MOST_DOLLARS,
        Field::Ticks => MOST_DOLLARS * PICODOLLARS / TICK,
        // Nothing is taken from these.
        Field::Nothing | Field::Into(_) | Field::Kind | Field::Tier => u64::MAX,
        Field::Input { .. }
        | Field::Output
        | Field::Thoughts
        | Field::ToolInput
        | Field::ReasoningBeside
        | Field::CitationsBeside
        | Field::Total
        | Field::Cached
        | Field::CachedBare
        | Field::CachedAudio
        | Field::CachedImage
        | Field::Writes
        | Field::WritesBare
        | Field::ShortWrites
        | Field::LongWrites
        | Field::InputAudio
        | Field::InputImage
        | Field::Reasoning
        | Field::OutputAudio
        | Field::OutputImage
        | Field::Seconds
        | Field::Characters
        | Field::Images
        | Field::Pages
        | Field::Searches
        | Field::UnbilledInput
        | Field::UnbilledOutput
        | Field::Share
        | Field::Sampled(_) => MOST,
    }
}

/// What one report said.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Report {
    usage: Usage,
    /// Whether it told of the input, and of the output.
    input: bool,
    output: bool,
    /// Whether it told of anything else.
    else_told: bool,
    /// Whether it told how long its cache writes last.
    lasting: bool,
    /// The tier that it says the answer was served in.
    served: Option<Served>,
}

impl Report {
    /// Reads the usage object with which a text begins, and where it ends; nothing if it is not one. It may tell
    /// nothing.
    pub(super) fn read(text: &[u8]) -> Option<(Option<Self>, usize)> {
        let mut raw = Raw::default();
        let end = read::report(text, &mut raw)?;
        Some((raw.report(), end))
    }

    /// Reads the object that tells what an answer's tools used: how many searches, and where it ends.
    pub(super) fn searches(text: &[u8]) -> Option<(u64, usize)> {
        let mut raw = Raw::default();
        let end = read::tools(text, &mut raw)?;
        Some((raw.report.usage.searches, end))
    }

    /// The report with searches that were told beside it.
    pub(super) fn with_searches(mut self, searches: u64) -> Self {
        self.usage.searches = self.usage.searches.max(searches);
        self
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
        // An input does not become nothing while it is answered: that is no word at all.
        if self.input && (new.input > 0 || all.input == 0) {
            // Anthropic's streams tell how long cache writes last in their first report only, and all of them again in
            // the last.
            let long = if self.lasting { 0 } else { all.long_cache_writes.min(new.cache_writes) };
            all = Usage {
                input: new.input,
                cached: new.cached,
                cached_audio: new.cached_audio,
                cached_image: new.cached_image,
                cache_writes: new.cache_writes - long,
                long_cache_writes: new.long_cache_writes + long,
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
        if self.input || self.output {
            // Who counts tokens does not count pictures.
            all.images = new.images;
        }
        all.cost = new.cost.or(all.cost);
        all
    }

    pub(super) const fn usage(self) -> Usage {
        self.usage
    }

    pub(super) const fn served(self) -> Option<Served> {
        self.served
    }
}

/// The tokens of samplings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Tokens {
    input: u64,
    cached: u64,
    writes: u64,
    long_writes: u64,
    output: u64,
}

/// The counts as they came.
#[derive(Debug, Default)]
pub(super) struct Raw {
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
    /// Whether it tells of more than there can be.
    absurd: bool,
    /// The sampling under way, and those that summed up what was said so far.
    sampling: Tokens,
    compactions: Tokens,
}

impl Tokens {
    const fn add(&mut self, other: Self) {
        self.input = self.input.saturating_add(other.input);
        self.cached = self.cached.saturating_add(other.cached);
        self.writes = self.writes.saturating_add(other.writes);
        self.long_writes = self.long_writes.saturating_add(other.long_writes);
        self.output = self.output.saturating_add(other.output);
    }
}

impl Raw {
    /// What kind an entry of a list is of.
    pub(super) const fn kind(&mut self, kind: Kind) {
        self.kind = kind;
    }

    /// A tier of service or a speed; one with prices of its own counts more than the word for none.
    pub(super) fn served(&mut self, value: &[u8]) {
        let served = &mut self.report.served;
        if !matches!(served, Some(Served::In(_))) {
            *served = Served::told(value).or(*served);
        }
    }

    /// A number that is whole.
    pub(super) fn count(&mut self, field: Field, count: u64) {
        if count > most(field) {
            self.absurd = true;
            return;
        }
        let Report { usage, input, output, else_told, lasting, served: _ } = &mut self.report;
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
            Field::CachedImage => usage.cached_image = usage.cached_image.saturating_add(count),
            Field::Writes => usage.cache_writes = count,
            Field::WritesBare => self.writes_bare = count,
            Field::ShortWrites => (self.short_writes, *lasting) = (count, true),
            Field::LongWrites => (usage.long_cache_writes, *lasting) = (count, true),
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
            Field::Sampled(of) => {
                let tokens = &mut self.sampling;
                match of {
                    Sampled::Input => tokens.input = count,
                    Sampled::Cached => tokens.cached = count,
                    Sampled::Writes => tokens.writes = count,
                    Sampled::LongWrites => tokens.long_writes = count,
                    Sampled::Output => tokens.output = count,
                }
            }
            Field::Dollars | Field::Into(Part::Cost) => {
                usage.cost = Some(Money::picodollars(count * PICODOLLARS));
            }
            Field::Ticks => usage.cost = Some(Money::picodollars(count * TICK)),
            Field::Nothing | Field::Into(_) | Field::Kind | Field::Tier => {}
        }
    }

    /// Any other number.
    pub(super) fn fraction(&mut self, field: Field, value: f64) {
        let whole = |value: f64| {
            // What is no sensible number becomes nothing, or as much as there can be.
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a cast saturates")]
            let whole = value.round() as u64;
            whole
        };
        if matches!(field, Field::Dollars | Field::Into(Part::Cost)) {
            // Looks at how much it is, which the next line tells more exactly.
            self.count(field, whole(value));
            self.report.usage.cost = Some(Money::picodollars(whole(value * 1e12)));
        } else if field == Field::Seconds {
            self.count(field, whole(value));
            self.report.usage.audio_ms = whole(value * 1e3);
        } else {
            self.count(field, whole(value));
        }
    }

    /// An entry of a list has ended.
    pub(super) fn entry(&mut self, part: Part) {
        if part == Part::SamplingWrites {
            // The sampling goes on behind it.
            return;
        }
        let (kind, share) = (std::mem::take(&mut self.kind), std::mem::take(&mut self.share));
        let sampling = std::mem::take(&mut self.sampling);
        if (part, kind) == (Part::Samplings, Kind::Compaction) {
            self.compactions.add(sampling);
        }
        let usage = &mut self.report.usage;
        let of = match (part, kind) {
            (Part::InputModes, Kind::Audio) => &mut usage.input_audio,
            (Part::InputModes, Kind::Image) => &mut usage.input_image,
            (Part::CachedModes, Kind::Audio) => &mut usage.cached_audio,
            (Part::CachedModes, Kind::Image) => &mut usage.cached_image,
            (Part::OutputModes, Kind::Audio) => &mut usage.output_audio,
            (Part::OutputModes, Kind::Image) => &mut usage.output_image,
            (Part::Lasting, Kind::Hour) => &mut usage.long_cache_writes,
            _ => return,
        };
        *of = of.saturating_add(share);
    }

    /// The sums; nothing if nothing was told.
    fn report(mut self) -> Option<Report> {
        if self.absurd {
            return None;
        }
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
        if self.compactions != Tokens::default() {
            // They are no part of Anthropic's sums, but paid for (and told again in the last report of a stream).
            let Tokens { input, cached, writes, long_writes, output } = self.compactions;
            let long_writes = long_writes.min(writes);
            *usage = Usage {
                input: [input, cached, writes].into_iter().fold(usage.input, u64::saturating_add),
                cached: usage.cached.saturating_add(cached),
                cache_writes: usage.cache_writes.saturating_add(writes - long_writes),
                long_cache_writes: usage.long_cache_writes.saturating_add(long_writes),
                output: usage.output.saturating_add(output),
                ..*usage
            };
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
