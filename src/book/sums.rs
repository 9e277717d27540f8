//! What requests used together, as the fixed row of numbers in which it is kept.

use std::ops::AddAssign;

use crate::money::Money;
use crate::usage::Usage;

/// How many numbers a request's usage and cost are.
pub(super) const NUMBERS: usize = 18;

/// The columns of these numbers, in their order.
pub(super) const COLUMNS: [&str; NUMBERS] = [
    "input",
    "cached",
    "cached_audio",
    "cache_writes",
    "long_cache_writes",
    "input_audio",
    "input_image",
    "output",
    "reasoning",
    "output_audio",
    "output_image",
    "audio_ms",
    "characters",
    "images",
    "pages",
    "searches",
    "cost",
    "reported_cost",
];

/// What these numbers are called where they are told; money is told in dollars.
pub(super) const TOLD: [&str; NUMBERS] = [
    "input_tokens",
    "cached_tokens",
    "cached_audio_tokens",
    "cache_write_tokens",
    "long_cache_write_tokens",
    "input_audio_tokens",
    "input_image_tokens",
    "output_tokens",
    "reasoning_tokens",
    "output_audio_tokens",
    "output_image_tokens",
    "audio_ms",
    "characters",
    "images",
    "pages",
    "searches",
    "cost_usd",
    "reported_cost_usd",
];

/// What requests used together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sums {
    /// How many requests.
    pub requests: u64,
    /// Of how many of them usage and cost are an estimate.
    pub estimated: u64,
    /// What they used; its `cost` is what the providers said, where they did.
    pub usage: Usage,
    /// What they cost.
    pub cost: Money,
}

/// The numbers of a usage and its cost.
pub(super) const fn numbers(usage: &Usage, cost: Money) -> [u64; NUMBERS] {
    let Usage {
        input,
        cached,
        cached_audio,
        // It has a part in the cost, and no column of its own.
        cached_image: _,
        cache_writes,
        long_cache_writes,
        input_audio,
        input_image,
        output,
        reasoning,
        output_audio,
        output_image,
        audio_ms,
        characters,
        images,
        pages,
        searches,
        cost: reported,
    } = *usage;
    let reported = match reported {
        Some(reported) => reported.as_picodollars(),
        None => 0,
    };
    [
        input,
        cached,
        cached_audio,
        cache_writes,
        long_cache_writes,
        input_audio,
        input_image,
        output,
        reasoning,
        output_audio,
        output_image,
        audio_ms,
        characters,
        images,
        pages,
        searches,
        cost.as_picodollars(),
        reported,
    ]
}

/// The usage and the cost of these numbers. Of what a provider says, nothing and zero are one.
pub(super) const fn usage(numbers: &[u64; NUMBERS]) -> (Usage, Money) {
    let [
        input,
        cached,
        cached_audio,
        cache_writes,
        long_cache_writes,
        input_audio,
        input_image,
        output,
        reasoning,
        output_audio,
        output_image,
        audio_ms,
        characters,
        images,
        pages,
        searches,
        cost,
        reported,
    ] = *numbers;
    let reported = if reported == 0 { None } else { Some(Money::picodollars(reported)) };
    let usage = Usage {
        input,
        cached,
        cached_audio,
        cached_image: 0,
        cache_writes,
        long_cache_writes,
        input_audio,
        input_image,
        output,
        reasoning,
        output_audio,
        output_image,
        audio_ms,
        characters,
        images,
        pages,
        searches,
        cost: reported,
    };
    (usage, Money::picodollars(cost))
}

impl Sums {
    /// Those of one request.
    pub(super) fn of(numbers: &[u64; NUMBERS], estimated: bool) -> Self {
        let (usage, cost) = usage(numbers);
        Self { requests: 1, estimated: u64::from(estimated), usage, cost }
    }

    /// Their numbers.
    pub(super) const fn numbers(&self) -> [u64; NUMBERS] {
        numbers(&self.usage, self.cost)
    }

    /// Whether they are of no request at all.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.requests == 0
    }
}

/// Sums stop at the largest number instead of turning over.
impl AddAssign<&Self> for Sums {
    fn add_assign(&mut self, other: &Self) {
        let mut sums = self.numbers();
        for (sum, more) in sums.iter_mut().zip(other.numbers()) {
            *sum = sum.saturating_add(more);
        }
        (self.usage, self.cost) = usage(&sums);
        self.requests = self.requests.saturating_add(other.requests);
        self.estimated = self.estimated.saturating_add(other.estimated);
    }
}
