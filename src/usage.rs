//! What a request used, counted alike for all providers, and found in answers as their bytes pass.
//!
//! 1. Nothing of an answer is held but a usage object that a piece cuts, up to a bound, and the first piece of an
//!    answer that looked as if it were all; what is longer is not counted, and the answer goes on all the same.
//! 2. A usage object counts where providers put it: at an event's top level, or one level below in a field of the
//!    provider's own. What a model writes stands deeper or in a string, and is never taken for it.
//! 3. The last report of an answer is its usage; reports of a session are added up.
//! 4. What was written is estimated meanwhile, for an answer that ends before its report.

mod aws;
mod end;
mod events;
mod field;
mod hide;
mod meter;
mod read;
mod report;
mod scan;
mod text;
mod walk;

use crate::money::Money;

pub use hide::Hider;
pub use meter::{Meter, reports};

/// What a request used.
///
/// `input` and `output` hold all tokens of their side; the other counts of tokens tell which part of them was of
/// another kind, and so of another price. Providers that leave cached or reasoning tokens out of their sums are
/// added up where their answers are read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Usage {
    /// Tokens that the model read.
    pub input: u64,
    /// Of these, read from a cache.
    pub cached: u64,
    /// Of the cached, of sound.
    pub cached_audio: u64,
    /// Of the cached, of pictures or films.
    pub cached_image: u64,
    /// Of these, written to a cache that lasts minutes.
    pub cache_writes: u64,
    /// Of these, written to a cache that lasts an hour or longer.
    pub long_cache_writes: u64,
    /// Of these, of sound.
    pub input_audio: u64,
    /// Of these, of pictures or films.
    pub input_image: u64,
    /// Tokens that the model wrote.
    pub output: u64,
    /// Of these, for reasoning.
    pub reasoning: u64,
    /// Of these, of sound.
    pub output_audio: u64,
    /// Of these, of pictures.
    pub output_image: u64,
    /// Milliseconds of sound, where a provider counts by time.
    pub audio_ms: u64,
    /// Characters, where a provider counts by these.
    pub characters: u64,
    /// Pictures, where a provider counts by these.
    pub images: u64,
    /// Pages of documents, where a provider counts by these.
    pub pages: u64,
    /// Searches of the web and the like.
    pub searches: u64,
    /// What the provider says it costs, where it says so.
    pub cost: Option<Money>,
}

impl Usage {
    /// All tokens.
    #[must_use]
    pub const fn tokens(&self) -> u64 {
        self.input.saturating_add(self.output)
    }

    /// What came after another count of the same.
    #[must_use]
    pub fn less(self, before: Self) -> Self {
        let cost = self.cost.map(|cost| cost.less(before.cost.unwrap_or_default()));
        Self {
            input: self.input.saturating_sub(before.input),
            cached: self.cached.saturating_sub(before.cached),
            cached_audio: self.cached_audio.saturating_sub(before.cached_audio),
            cached_image: self.cached_image.saturating_sub(before.cached_image),
            cache_writes: self.cache_writes.saturating_sub(before.cache_writes),
            long_cache_writes: self.long_cache_writes.saturating_sub(before.long_cache_writes),
            input_audio: self.input_audio.saturating_sub(before.input_audio),
            input_image: self.input_image.saturating_sub(before.input_image),
            output: self.output.saturating_sub(before.output),
            reasoning: self.reasoning.saturating_sub(before.reasoning),
            output_audio: self.output_audio.saturating_sub(before.output_audio),
            output_image: self.output_image.saturating_sub(before.output_image),
            audio_ms: self.audio_ms.saturating_sub(before.audio_ms),
            characters: self.characters.saturating_sub(before.characters),
            images: self.images.saturating_sub(before.images),
            pages: self.pages.saturating_sub(before.pages),
            searches: self.searches.saturating_sub(before.searches),
            cost,
        }
    }

    /// Both together.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        let cost = match (self.cost, other.cost) {
            (Some(one), Some(two)) => Some(one + two),
            (one, two) => one.or(two),
        };
        Self {
            input: self.input.saturating_add(other.input),
            cached: self.cached.saturating_add(other.cached),
            cached_audio: self.cached_audio.saturating_add(other.cached_audio),
            cached_image: self.cached_image.saturating_add(other.cached_image),
            cache_writes: self.cache_writes.saturating_add(other.cache_writes),
            long_cache_writes: self.long_cache_writes.saturating_add(other.long_cache_writes),
            input_audio: self.input_audio.saturating_add(other.input_audio),
            input_image: self.input_image.saturating_add(other.input_image),
            output: self.output.saturating_add(other.output),
            reasoning: self.reasoning.saturating_add(other.reasoning),
            output_audio: self.output_audio.saturating_add(other.output_audio),
            output_image: self.output_image.saturating_add(other.output_image),
            audio_ms: self.audio_ms.saturating_add(other.audio_ms),
            characters: self.characters.saturating_add(other.characters),
            images: self.images.saturating_add(other.images),
            pages: self.pages.saturating_add(other.pages),
            searches: self.searches.saturating_add(other.searches),
            cost,
        }
    }
}

#[cfg(test)]
mod tests;
