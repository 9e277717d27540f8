//! The price of a model: what each kind of token, and whatever else is counted, costs.

use crate::money::Money;
use crate::usage::Usage;

/// What is priced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Tokens read, and those of a kind below that has no price of its own.
    Input,
    /// Tokens read from a cache.
    Cached,
    /// Tokens written to a cache that lasts minutes.
    CacheWrite,
    /// Tokens written to a cache that lasts an hour or longer.
    LongCacheWrite,
    /// Tokens of sound, read.
    InputAudio,
    /// Tokens of pictures or films, read.
    InputImage,
    /// Tokens of sound, read from a cache.
    CachedAudio,
    /// Tokens of pictures, read from a cache.
    CachedImage,
    /// Tokens written, and those of a kind below that has no price of its own.
    Output,
    /// Tokens written to reason.
    Reasoning,
    /// Tokens of sound, written.
    OutputAudio,
    /// Tokens of pictures or films, written.
    OutputImage,
    /// An hour of sound, where it is sold by time.
    AudioHour,
    /// A million characters.
    Characters,
    /// A picture.
    Image,
    /// A search.
    Search,
    /// A request.
    Request,
}

impl Kind {
    /// Every kind, with its name in price lists and in the configuration.
    pub const ALL: [(Self, &'static str); 17] = [
        (Self::Input, "input"),
        (Self::Cached, "cached"),
        (Self::CacheWrite, "cache_write"),
        (Self::LongCacheWrite, "long_cache_write"),
        (Self::InputAudio, "input_audio"),
        (Self::InputImage, "input_image"),
        (Self::CachedAudio, "cached_audio"),
        (Self::CachedImage, "cached_image"),
        (Self::Output, "output"),
        (Self::Reasoning, "reasoning"),
        (Self::OutputAudio, "output_audio"),
        (Self::OutputImage, "output_image"),
        (Self::AudioHour, "audio_hour"),
        (Self::Characters, "characters"),
        (Self::Image, "image"),
        (Self::Search, "search"),
        (Self::Request, "request"),
    ];

    /// The kind with this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, known)| *known == name).map(|(kind, _)| *kind)
    }

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(kind, _)| *kind == self).map_or("", |(_, name)| *name)
    }

    /// Whose price holds where this kind has none.
    const fn parent(self) -> Option<Self> {
        match self {
            Self::Cached | Self::CacheWrite | Self::InputAudio | Self::InputImage => Some(Self::Input),
            Self::LongCacheWrite => Some(Self::CacheWrite),
            Self::CachedAudio | Self::CachedImage => Some(Self::Cached),
            Self::Reasoning | Self::OutputAudio | Self::OutputImage => Some(Self::Output),
            Self::Input
            | Self::Output
            | Self::AudioHour
            | Self::Characters
            | Self::Image
            | Self::Search
            | Self::Request => None,
        }
    }
}

/// A rate, and from which length of input on it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Rate {
    kind: Kind,
    /// It holds for requests with more tokens of input than this; `None` for those of any length.
    above: Option<u64>,
    /// For a million tokens or characters, or for one of what else it is.
    each: Money,
}

/// The price of a model.
///
/// 1. A kind without a price of its own costs what the kind that it is part of does: cached tokens what other
///    input does, reasoning what other output does.
/// 2. Where the price depends on the input's length, the whole request is charged at the rate of its length.
/// 3. Amounts are summed up exactly and rounded up once, to a picodollar.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Price {
    /// Of one kind, the shorter lengths first.
    rates: Vec<Rate>,
}

impl Price {
    /// Adds a rate, in the order of `above`. An earlier one of the same kind and length is replaced.
    pub fn set(&mut self, kind: Kind, above: Option<u64>, each: Money) {
        self.rates.retain(|rate| rate.kind != kind || rate.above != above);
        self.rates.push(Rate { kind, above, each });
        self.rates.sort_by_key(|rate| (rate.kind as u8, rate.above));
    }

    /// This price with the kinds that another one has in place of its own.
    #[must_use]
    pub(super) fn with(&self, other: &Self) -> Self {
        let of_other = |kind: Kind| other.rates.iter().any(|rate| rate.kind == kind);
        let kept = self.rates.iter().filter(|rate| !of_other(rate.kind));
        let mut rates: Vec<Rate> = kept.chain(&other.rates).copied().collect();
        rates.sort_by_key(|rate| (rate.kind as u8, rate.above));
        Self { rates }
    }

    /// The price of a kind for requests of any length, if it has one of its own: for a million tokens or
    /// characters, or for one of what else it is.
    #[must_use]
    pub fn listed(&self, kind: Kind) -> Option<Money> {
        self.rates.iter().find(|rate| rate.kind == kind && rate.above.is_none()).map(|rate| rate.each)
    }

    /// Every rate: kind, the length of input above which it holds, and the rate.
    pub fn rates(&self) -> impl Iterator<Item = (Kind, Option<u64>, Money)> + '_ {
        self.rates.iter().map(|rate| (rate.kind, rate.above, rate.each))
    }

    /// Whether nothing in it costs anything.
    #[must_use]
    pub fn is_free(&self) -> bool {
        self.rates.iter().all(|rate| rate.each == Money::ZERO)
    }

    /// What the usage costs: what the provider says, if it does.
    #[must_use]
    pub fn of(&self, usage: &Usage) -> Money {
        usage.cost.unwrap_or_else(|| self.counted(usage))
    }

    /// What the tokens cost, by the million.
    fn tokens(&self, usage: &Usage) -> u128 {
        let Usage { input, cached, cache_writes, long_cache_writes, .. } = *usage;
        // What was told of the cache only came from there all the same.
        let cached_audio = usage.cached_audio.min(cached);
        let cached_image = usage.cached_image.min(cached - cached_audio);
        let (audio, image) = (usage.input_audio.max(cached_audio), usage.input_image.max(cached_image));
        let of_output = usage.reasoning | usage.output_audio | usage.output_image;
        if cached | cache_writes | long_cache_writes | audio | image | of_output == 0 {
            // Many have no other tokens.
            let of_input = product(self.each(Kind::Input, input), input);
            return of_input.saturating_add(product(self.each(Kind::Output, input), usage.output));
        }
        // Not all providers say how many of the cached were sound or pictures: at least as many as must have been.
        let sum = |all: &[u64]| all.iter().fold(0u64, |sum, one| sum.saturating_add(*one));
        let told = sum(&[input, cached_audio, cached_image]);
        let twice = sum(&[cached, cache_writes, long_cache_writes, audio, image]).saturating_sub(told);
        let text = cached - cached_audio - cached_image;
        let more_audio = twice.min(audio - cached_audio).min(text);
        let more_image = (twice - more_audio).min(image - cached_image).min(text - more_audio);
        let (cached_audio, cached_image) = (cached_audio + more_audio, cached_image + more_image);
        let input_of = [
            (Kind::Cached, text - more_audio - more_image),
            (Kind::CachedAudio, cached_audio),
            (Kind::CachedImage, cached_image),
            (Kind::CacheWrite, cache_writes),
            (Kind::LongCacheWrite, long_cache_writes),
            (Kind::InputAudio, audio - cached_audio),
            (Kind::InputImage, image - cached_image),
        ];
        let output_of = [
            (Kind::Reasoning, usage.reasoning),
            (Kind::OutputAudio, usage.output_audio),
            (Kind::OutputImage, usage.output_image),
        ];
        let rest = |all: u64, parts: &[(Kind, u64)]| {
            parts.iter().fold(all, |left, (_, count)| left.saturating_sub(*count))
        };
        let plain = [(Kind::Input, rest(input, &input_of)), (Kind::Output, rest(usage.output, &output_of))];
        let mut tokens = 0u128;
        for (kind, count) in
            plain.into_iter().chain(input_of).chain(output_of).filter(|(_, count)| *count > 0)
        {
            tokens = tokens.saturating_add(product(self.each(kind, input), count));
        }
        tokens
    }

    fn counted(&self, usage: &Usage) -> Money {
        let input = usage.input;
        let mut tokens = self.tokens(usage);
        let mut all = self.each(Kind::Request, input);
        // Most requests have none of these.
        if usage.characters > 0 {
            tokens = tokens.saturating_add(product(self.each(Kind::Characters, input), usage.characters));
        }
        if usage.audio_ms > 0 {
            all += shared(product(self.each(Kind::AudioHour, input), usage.audio_ms), HOUR_MS);
        }
        for (kind, count) in [(Kind::Image, usage.images), (Kind::Search, usage.searches)] {
            if count > 0 {
                all += self.each(kind, input).times(count);
            }
        }
        all + shared(tokens, MILLION)
    }

    /// What a request costs at most that has so many tokens, whatever their kinds are and however many of the
    /// input's there are in the end. What is not counted in tokens (sound by time, characters, pictures,
    /// searches) is not in it.
    #[must_use]
    pub fn most(&self, input_tokens: u64, output_tokens: u64) -> Money {
        // Each rate holds for some length of an input that is no longer; a kind without one has that of its parent.
        let (mut input, mut output, mut request) = (Money::ZERO, Money::ZERO, Money::ZERO);
        for rate in self.rates.iter().filter(|rate| rate.above.is_none_or(|above| above < input_tokens)) {
            if let Some(dearest) = match rate.kind {
                Kind::Input
                | Kind::Cached
                | Kind::CacheWrite
                | Kind::LongCacheWrite
                | Kind::InputAudio
                | Kind::InputImage
                | Kind::CachedAudio
                | Kind::CachedImage => Some(&mut input),
                Kind::Output | Kind::Reasoning | Kind::OutputAudio | Kind::OutputImage => Some(&mut output),
                Kind::Request => Some(&mut request),
                Kind::AudioHour | Kind::Characters | Kind::Image | Kind::Search => None,
            } {
                *dearest = rate.each.max(*dearest);
            }
        }
        shared(product(input, input_tokens).saturating_add(product(output, output_tokens)), MILLION) + request
    }

    /// The rate of a kind for a request whose input has this length.
    fn each(&self, kind: Kind, input: u64) -> Money {
        let holds = |rate: &&Rate| rate.kind == kind && rate.above.is_none_or(|above| input > above);
        match (self.rates.iter().rfind(holds), kind.parent()) {
            (Some(rate), _) => rate.each,
            (None, Some(parent)) => self.each(parent, input),
            (None, None) => Money::ZERO,
        }
    }
}

const MILLION: u128 = 1_000_000;
const HOUR_MS: u128 = 3_600_000;

fn product(each: Money, count: u64) -> u128 {
    u128::from(each.as_picodollars()).saturating_mul(u128::from(count))
}

/// A sum of rates for so many pieces as one amount, rounded up.
fn shared(sum: u128, pieces: u128) -> Money {
    Money::picodollars(u64::try_from(sum.div_ceil(pieces)).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests;
