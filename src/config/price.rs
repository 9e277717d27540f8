//! `[prices."SELLER/MODEL"]`: what models cost that the price list does not know, or for which you pay another price.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Deserialize;
use serde::de::{Deserializer, Error, Visitor};

use super::place::{Part, child};
use super::shape::suggestion;
use super::work::Work;
use crate::model_name::ModelPattern;
use crate::money::Money;
use crate::prices::{Charge, Kind, Override, Price, Prices};
use crate::provider::Provider;
use crate::snapshot::Upstream;

/// What models cost, in USD: for a million tokens or characters, or for one of what else it is. A kind of
/// tokens that is left out costs what `input` or `output` does.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "Price"))]
pub(super) struct PriceWritten {
    /// Whether it costs nothing, as models on your own machines.
    pub(super) free: Option<bool>,
    /// Costs what a seller in the price list takes for a model of this name ("openai"), or for another
    /// ("openai/gpt-4o"). `portcullis prices` shows the list.
    pub(super) like: Option<String>,
    /// A million tokens read.
    pub(super) input: Option<Dollars>,
    /// A million tokens read from a cache.
    pub(super) cached: Option<Dollars>,
    /// A million tokens written to a cache that lasts minutes.
    pub(super) cache_write: Option<Dollars>,
    /// A million tokens written to a cache that lasts an hour or longer. Default: `cache_write`.
    pub(super) long_cache_write: Option<Dollars>,
    /// A million tokens of sound, read.
    pub(super) input_audio: Option<Dollars>,
    /// A million tokens of pictures or films, read.
    pub(super) input_image: Option<Dollars>,
    /// A million tokens of sound, read from a cache. Default: `cached`.
    pub(super) cached_audio: Option<Dollars>,
    /// A million tokens of pictures, read from a cache. Default: `cached`.
    pub(super) cached_image: Option<Dollars>,
    /// A million tokens written.
    pub(super) output: Option<Dollars>,
    /// A million tokens written to reason.
    pub(super) reasoning: Option<Dollars>,
    /// A million tokens of sound, written.
    pub(super) output_audio: Option<Dollars>,
    /// A million tokens of pictures or films, written.
    pub(super) output_image: Option<Dollars>,
    /// An hour of sound, where it is sold by time.
    pub(super) audio_hour: Option<Dollars>,
    /// A million characters.
    pub(super) characters: Option<Dollars>,
    /// A picture.
    pub(super) image: Option<Dollars>,
    /// A search.
    pub(super) search: Option<Dollars>,
    /// A request.
    pub(super) request: Option<Dollars>,
}

impl PriceWritten {
    fn amounts(&self) -> impl Iterator<Item = (Kind, &'static str, &Dollars)> {
        Kind::ALL.into_iter().filter_map(|(kind, name)| {
            let written = match kind {
                Kind::Input => &self.input,
                Kind::Cached => &self.cached,
                Kind::CacheWrite => &self.cache_write,
                Kind::LongCacheWrite => &self.long_cache_write,
                Kind::InputAudio => &self.input_audio,
                Kind::InputImage => &self.input_image,
                Kind::CachedAudio => &self.cached_audio,
                Kind::CachedImage => &self.cached_image,
                Kind::Output => &self.output,
                Kind::Reasoning => &self.reasoning,
                Kind::OutputAudio => &self.output_audio,
                Kind::OutputImage => &self.output_image,
                Kind::AudioHour => &self.audio_hour,
                Kind::Characters => &self.characters,
                Kind::Image => &self.image,
                Kind::Search => &self.search,
                Kind::Request => &self.request,
            };
            Some((kind, name, written.as_ref()?))
        })
    }
}

/// An amount of dollars: a number, or a text where that has too many digits for one.
#[derive(Clone, Debug)]
pub(super) struct Dollars(String);

/// A number of TOML with more digits may have been rounded before it gets here.
const EXACT_DIGITS: usize = 15;

impl Dollars {
    fn money(&self) -> Option<Money> {
        Money::parse_dollars(&self.0)
    }
}

impl<'de> Deserialize<'de> for Dollars {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reads;
        impl Visitor<'_> for Reads {
            type Value = Dollars;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an amount of dollars")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Dollars, E> {
                Ok(Dollars(text.to_owned()))
            }

            fn visit_u64<E: Error>(self, whole: u64) -> Result<Dollars, E> {
                Ok(Dollars(whole.to_string()))
            }

            fn visit_i64<E: Error>(self, whole: i64) -> Result<Dollars, E> {
                Ok(Dollars(whole.to_string()))
            }

            fn visit_f64<E: Error>(self, number: f64) -> Result<Dollars, E> {
                // The shortest text that reads as the number is what was written, as long as that is short.
                let text = number.to_string();
                let digits = text.trim_start_matches(['0', '.']).bytes().filter(u8::is_ascii_digit).count();
                Ok(Dollars(if digits > EXACT_DIGITS { String::new() } else { text }))
            }
        }
        deserializer.deserialize_any(Reads)
    }
}

impl Work<'_> {
    /// Compiles `[prices]` for the upstreams; `known` are the names of all that are written.
    pub(super) fn prices(
        &mut self,
        written: Option<&BTreeMap<String, PriceWritten>>,
        upstreams: &[Upstream],
        known: &[&str],
    ) -> Arc<Prices> {
        let overrides: Vec<Override> =
            written.into_iter().flatten().filter_map(|(name, one)| self.price(name, one, known)).collect();
        let sold = upstreams.iter().map(|one| (&*one.name, one.provider, &*one.host));
        Arc::new(Prices::new(sold, &overrides))
    }

    fn price(&mut self, name: &str, written: &PriceWritten, known: &[&str]) -> Option<Override> {
        let path = child("prices", name);
        let rule = self.rule(&path);
        let Some((seller, models)) = name.split_once('/').filter(|(_, models)| !models.is_empty()) else {
            self.wrong_at(
                &path,
                Part::Key,
                "this does not say whose model it is",
                "write it like [prices.\"openai/gpt-4o*\"], with the name of an upstream or a provider, or *",
            );
            return None;
        };
        let of_providers = Provider::ALL.iter().map(|provider| provider.name());
        if seller != "*" && !known.contains(&seller) && !of_providers.clone().any(|name| name == seller) {
            let words: Vec<&str> =
                known.iter().copied().chain(of_providers.filter(|name| !known.contains(name))).collect();
            let what = format!("there is no upstream and no provider `{seller}`");
            self.wrong_at(&path, Part::Key, &what, &suggestion(seller, &words));
            return None;
        }
        let charge = self.charge(&path, written)?;
        Some(Override { seller: seller.into(), models: ModelPattern::new(models), charge, rule })
    }

    fn charge(&mut self, path: &str, written: &PriceWritten) -> Option<Charge> {
        let free = written.free == Some(true);
        let ways = [free, written.like.is_some(), written.amounts().next().is_some()];
        match ways.iter().filter(|way| **way).count() {
            1 => {}
            0 if self.holds_wrong(path) => return None,
            0 => {
                let mend =
                    "write input = \"2.50\" and output = \"10.00\", like = \"openai/gpt-4o\", or free = true";
                self.wrong_at(path, Part::Key, "this says no price", mend);
                return None;
            }
            _ => {
                let what = "a price is free, like another, or amounts, and only one of these";
                self.wrong_at(path, Part::Key, what, "keep one and remove the others");
                return None;
            }
        }
        if let Some(like) = &written.like {
            let charge = Charge::like(like);
            if charge.is_none() {
                let what = format!("the price list has no `{like}`");
                self.wrong(&child(path, "like"), &what, "`portcullis prices` shows what is in it");
            }
            return charge;
        }
        let mut price = Price::default();
        for (kind, name, amount) in written.amounts() {
            match amount.money() {
                Some(each) => price.set(kind, None, each),
                None => self.wrong(
                    &child(path, name),
                    "this is not an amount of dollars with at most twelve digits behind the point",
                    "write it like \"2.50\", in quotes",
                ),
            }
        }
        Some(Charge::Own(price))
    }
}
