//! What models cost.
//!
//! 1. An override of the configuration decides, if one fits; of several the one for the upstream's name before one
//!    for its provider, and of those the one that fixes more characters.
//! 2. Else the list that comes with the gate does, by the model's name among what the provider sells; where that
//!    depends on the date, the time of the day or the tier of service, by these.
//! 3. An upstream of unknown make is looked up by its host. Under an unknown host nothing has a price: it is better
//!    to say so than to guess.
//! 4. What a name was found to cost is remembered, so that a request asks for the price of 40 ns, not of a search.
//!
//! Caveats: a deployment of Azure is priced only if it is named like its model; a rule with a better fit or a
//! newer list is [`Override`]. Pages, citations, storage, time of containers, pictures that a tool makes and Gemini's
//! searches are not counted.

mod line;
mod list;
mod listing;
mod price;

use std::hash::BuildHasher as _;
use std::sync::Arc;

use arc_swap::ArcSwapOption;

use crate::clock::Moment;
use crate::denial::RuleId;
use crate::model_name::ModelPattern;
use crate::provider::Provider;
use crate::tier::Tier;

pub use listing::{Difference, Listed, differences, listed, title};
pub use price::{Kind, Price};

use line::Entry;

/// The licence of the price list, which goes where the list goes.
pub const NOTICE: &str = include_str!("prices/LICENSE.genai-prices");

/// How many names are remembered at once.
const REMEMBERED: usize = 256;

/// What the models of a configuration's upstreams cost.
pub struct Prices {
    overrides: Vec<Arc<Override>>,
    tariffs: Vec<Tariff>,
    known: Box<[ArcSwapOption<Known>]>,
    hasher: foldhash::fast::RandomState,
}

/// What an upstream's models cost.
#[derive(Debug)]
struct Tariff {
    provider: Provider,
    host: Box<str>,
    /// Those that are for it, the best first.
    overrides: Vec<Arc<Override>>,
}

/// A price that the configuration sets.
#[derive(Clone, Debug)]
pub struct Override {
    /// For which upstream or provider, by its name; `*` for all.
    pub seller: Box<str>,
    /// For which of its models.
    pub models: ModelPattern,
    /// What they cost.
    pub charge: Charge,
    /// The line that says so.
    pub rule: RuleId,
}

/// How a price is set.
#[derive(Clone, Debug)]
pub enum Charge {
    /// By itself.
    Own(Price),
    /// As in the list: a seller's name there, and the model's if it is another.
    Like(Box<str>, Option<Box<str>>),
}

/// What was found for a name.
struct Known {
    upstream: usize,
    model: Box<str>,
    entry: Option<Entry>,
}

impl Prices {
    /// The prices of upstreams, given by name, provider and host in the order of their numbers.
    #[must_use]
    pub fn new<'a>(
        upstreams: impl Iterator<Item = (&'a str, Provider, &'a str)>,
        overrides: &[Override],
    ) -> Self {
        let overrides: Vec<Arc<Override>> = overrides.iter().cloned().map(Arc::new).collect();
        let tariff = |(name, provider, host): (&str, Provider, &str)| {
            let closeness = |one: &Override| match &*one.seller {
                seller if seller == name => 3,
                seller if seller == provider.name() => 2,
                "*" => 1,
                _ => 0,
            };
            let mut own: Vec<Arc<Override>> =
                overrides.iter().filter(|one| closeness(one) > 0).map(Arc::clone).collect();
            own.sort_by_key(|one| std::cmp::Reverse((closeness(one), one.models.fixed())));
            Tariff { provider, host: host.into(), overrides: own }
        };
        Self {
            tariffs: upstreams.map(tariff).collect(),
            overrides,
            known: std::iter::repeat_with(ArcSwapOption::empty).take(REMEMBERED).collect(),
            hasher: foldhash::fast::RandomState::default(),
        }
    }

    /// What an upstream's model costs at a moment, where no tier of service was asked for, or in the one that was;
    /// nothing if that is not known.
    #[must_use]
    pub fn find(&self, upstream: usize, model: &str, tier: Option<Tier>, at: Moment) -> Option<Arc<Price>> {
        self.find_in_tier(upstream, model, tier.map(Tier::word), at)
    }

    /// The same in a tier by its name, such as `flex`, `priority`, `fast` or `batch`. A tier without prices of its
    /// own costs the same.
    #[must_use]
    pub fn find_in_tier(
        &self,
        upstream: usize,
        model: &str,
        tier: Option<&str>,
        at: Moment,
    ) -> Option<Arc<Price>> {
        let hash = self.hasher.hash_one((upstream, model));
        let slot = self.known.get(usize::try_from(hash % REMEMBERED as u64).unwrap_or_default())?;
        if let Some(known) = &*slot.load()
            && known.upstream == upstream
            && *known.model == *model
        {
            return known.entry.as_ref()?.at(at.unix_seconds(), tier);
        }
        let entry = self.tariffs.get(upstream)?.entry(model);
        let price = entry.as_ref().and_then(|entry| entry.at(at.unix_seconds(), tier));
        slot.store(Some(Arc::new(Known { upstream, model: model.into(), entry })));
        price
    }

    /// What the configuration sets.
    pub fn overrides(&self) -> impl Iterator<Item = &Override> {
        self.overrides.iter().map(|one| &**one)
    }

    /// The override that decides what an upstream's model costs, if one does.
    #[must_use]
    pub fn overriding(&self, upstream: usize, model: &str) -> Option<&Override> {
        self.tariffs.get(upstream)?.overriding(model)
    }
}

impl Tariff {
    fn overriding(&self, model: &str) -> Option<&Override> {
        self.overrides.iter().find(|one| one.models.fits(model)).map(|one| &**one)
    }

    fn entry(&self, model: &str) -> Option<Entry> {
        match self.overriding(model) {
            Some(one) => one.charge.entry(model),
            None => list::entry_of(self.provider, &self.host, model),
        }
    }
}

impl Charge {
    /// As a seller of the list, or a provider by the gate's name for it, charges: `openai`, or `openai/gpt-4o` for
    /// that model. Nothing if there is no such seller, or it has no such model.
    #[must_use]
    pub fn like(text: &str) -> Option<Self> {
        let (name, model) = text.split_once('/').map_or((text, None), |(name, model)| (name, Some(model)));
        let provider = Provider::ALL.iter().find(|provider| provider.name() == name);
        let name = provider.and_then(|provider| list::seller(*provider)).unwrap_or(name);
        let known = list::built_in();
        match model {
            Some(model) => Entry::read(known.find(name, model)?.1).map(|_| ())?,
            None => known.lines().find(|(seller, _)| *seller == name).map(|_| ())?,
        }
        Some(Self::Like(name.into(), model.map(Into::into)))
    }

    fn entry(&self, model: &str) -> Option<Entry> {
        match self {
            Self::Own(price) => Some(Entry::from(price.clone())),
            Self::Like(seller, other) => {
                Entry::read(list::built_in().find(seller, other.as_deref().unwrap_or(model))?.1)
            }
        }
    }
}

impl std::fmt::Debug for Prices {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Prices").field("tariffs", &self.tariffs).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
