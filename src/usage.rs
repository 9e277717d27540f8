//! What a request used, counted alike for all providers.

use crate::money::Money;

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
}
