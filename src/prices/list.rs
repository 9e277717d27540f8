//! The price list that comes with the gate, and how a model is found in it.
//!
//! It is text in the program, read where it is asked and no earlier: a gate without a limit on money never
//! touches it. Its form is told in `line`; `update` makes it from the data of genai-prices.

use std::sync::OnceLock;

use super::line::{self, Entry};
use crate::provider::Provider;

/// The list.
pub(super) const BUILT_IN: &str = include_str!("prices.txt");

/// Who sells models, and the lines of theirs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seller<'a> {
    pub(super) name: &'a str,
    hosts: &'a str,
    /// Whose prices hold for models that are not among its own.
    also: &'a str,
    lines: &'a str,
}

/// A price list.
#[derive(Debug)]
pub(super) struct List<'a> {
    sellers: Vec<Seller<'a>>,
}

impl<'a> List<'a> {
    /// Finds the sellers of a list; nothing if it is none.
    pub(super) fn read(text: &'a str) -> Option<Self> {
        let sections = text.split("\n> ").skip(1);
        let sellers = sections.map(|section| {
            let (head, lines) = section.split_once('\n')?;
            let mut words = head.split(' ');
            let name = words.next()?;
            let (mut hosts, mut also) = ("", "");
            for word in words {
                match word.split_once('=')? {
                    ("hosts", list) => hosts = list,
                    ("also", list) => also = list,
                    _ => return None,
                }
            }
            Some(Seller { name, hosts, also, lines })
        });
        let sellers: Vec<Seller<'a>> = sellers.collect::<Option<_>>()?;
        (!sellers.is_empty()).then_some(Self { sellers })
    }

    /// Every seller and its lines.
    pub(super) fn lines(&self) -> impl Iterator<Item = (&'a str, &'a str)> + '_ {
        self.sellers.iter().flat_map(|seller| seller.lines.lines().map(|line| (seller.name, line)))
    }

    fn seller(&self, name: &str) -> Option<&Seller<'a>> {
        self.sellers.iter().find(|seller| seller.name == name)
    }

    /// The line of a model and the seller it stands with.
    pub(super) fn find(&self, seller: &str, model: &str) -> Option<(&'a str, &'a str)> {
        let seller = self.seller(seller)?;
        let model = model.to_lowercase();
        // A resource's name ends with the model's.
        let model = if model.starts_with("arn:") { last(&model) } else { &model };
        let model = model.strip_prefix("models/").unwrap_or(model);
        let tries = [Some(model.to_owned()), dashed(model), shortened(seller.name, model)];
        tries.iter().flatten().find_map(|model| self.among(seller, model))
    }

    fn among(&self, seller: &Seller<'a>, model: &str) -> Option<(&'a str, &'a str)> {
        let others = seller.also.split(',').filter_map(|name| self.seller(name));
        std::iter::once(seller).chain(others).find_map(|seller| {
            let line = seller.lines.lines().find(|line| line::is_of(line, model))?;
            Some((seller.name, line))
        })
    }

    /// Who sells under a host, if it is known.
    pub(super) fn seller_at(&self, host: &str) -> Option<&'a str> {
        let found =
            self.sellers.iter().find(|seller| seller.hosts.split(',').any(|known| is_host(known, host)));
        found.map(|seller| seller.name)
    }
}

/// The list that comes with the gate.
pub(super) fn built_in() -> &'static List<'static> {
    static LIST: OnceLock<List<'static>> = OnceLock::new();
    LIST.get_or_init(|| List::read(BUILT_IN).unwrap_or(List { sellers: Vec::new() }))
}

/// What the list says of itself: version and date.
pub(super) fn title(text: &str) -> &str {
    text.lines().next().unwrap_or_default().trim_start_matches("# Prices in USD, from ").trim_end_matches('.')
}

/// The line of a model as an upstream sells it, and the seller. What is sold under an unknown host has none:
/// whoever stands there may charge anything, or nothing.
pub(super) fn line_of(provider: Provider, host: &str, model: &str) -> Option<(&'static str, &'static str)> {
    let list = built_in();
    let seller = seller(provider).or_else(|| list.seller_at(host))?;
    list.find(seller, model)
}

/// The entry of a model as an upstream sells it.
pub(super) fn entry_of(provider: Provider, host: &str, model: &str) -> Option<Entry> {
    Entry::read(line_of(provider, host, model)?.1)
}

/// The name in the list of a provider that sells under names of its own.
pub(super) const fn seller(provider: Provider) -> Option<&'static str> {
    Some(match provider {
        Provider::OpenAi => "openai",
        Provider::Anthropic => "anthropic",
        Provider::Gemini | Provider::Vertex => "google",
        Provider::AzureOpenAi => "azure",
        Provider::Bedrock => "aws",
        Provider::Mistral => "mistral",
        Provider::Cohere => "cohere",
        Provider::Groq => "groq",
        Provider::DeepSeek => "deepseek",
        Provider::Xai => "x-ai",
        Provider::Together => "together",
        Provider::Fireworks => "fireworks",
        Provider::OpenRouter => "openrouter",
        Provider::Perplexity => "perplexity",
        Provider::Ollama
        | Provider::Vllm
        | Provider::LlamaCpp
        | Provider::OpenAiCompatible
        | Provider::AnthropicCompatible => return None,
    })
}

fn last(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}

/// The name with a date at its end as `-2025-12-11` where it was `-20251211`.
fn dashed(model: &str) -> Option<String> {
    let (name, date) = model.rsplit_once('-')?;
    let is_date = date.len() == 8 && date.starts_with("20") && date.bytes().all(|b| b.is_ascii_digit());
    let parts = (date.get(..4)?, date.get(4..6)?, date.get(6..)?);
    is_date.then(|| format!("{name}-{}-{}-{}", parts.0, parts.1, parts.2))
}

/// The name without what the seller takes beside it: Google's publisher, `OpenRouter`'s way of routing.
fn shortened(seller: &str, model: &str) -> Option<String> {
    match seller {
        "google" => model.contains('/').then(|| last(model).to_owned()),
        "openrouter" => model.split_once(':').map(|(name, _)| name.to_owned()),
        _ => None,
    }
}

/// Whether a host is one of a list, in which an asterisk stands for any run of characters.
fn is_host(known: &str, host: &str) -> bool {
    match known.split_once('*') {
        None => known == host,
        Some((front, back)) => {
            host.len() > front.len() + back.len() && host.starts_with(front) && host.ends_with(back)
        }
    }
}
