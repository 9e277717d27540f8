//! That the list is read whole, and that its prices are those of its source.

use super::list::{self, List};
use super::*;
use crate::money::Money;
use crate::usage::Usage;
use std::time::{Duration, SystemTime};

fn at(date: &str) -> Moment {
    let at: jiff::Timestamp = date.parse().unwrap();
    let wall = SystemTime::UNIX_EPOCH + Duration::from_secs(u64::try_from(at.as_second()).unwrap());
    Moment::now().dated(wall)
}

fn prices(upstreams: &[(&str, Provider, &str)], overrides: &[Override]) -> Prices {
    Prices::new(upstreams.iter().copied(), overrides)
}

const NOW: &str = "2026-11-21T12:00:00Z";

#[test]
fn every_line_of_the_list_can_be_read() {
    let lines = list::built_in().lines().collect::<Vec<_>>();
    assert!(lines.len() > 1_500, "{}", lines.len());
    for (seller, line) in lines {
        let entry = Entry::read(line).unwrap_or_else(|| panic!("{seller}: {line}"));
        assert!(entry.at(0, None).is_some(), "{seller}: {line}");
    }
    for provider in Provider::ALL {
        if let Some(seller) = list::seller(*provider) {
            assert!(list::built_in().lines().any(|(known, _)| known == seller), "{seller}");
        }
    }
    assert!(title().starts_with("genai-prices "), "{}", title());
}

/// `oracle.txt` is written by `tests/sdk/prices.py` with the package itself.
#[test]
fn costs_are_those_that_genai_prices_computes() {
    let mut asked = 0;
    for line in include_str!("oracle.txt").lines().filter(|line| !line.starts_with('#')) {
        let fields: Vec<&str> = line.split('\t').collect();
        let [provider, model, when, tier, counts, cost] = fields[..] else { panic!("{line}") };
        let provider = *Provider::ALL.iter().find(|known| known.name() == provider).unwrap();
        let mut usage = Usage::default();
        for (name, count) in counts.split(' ').filter_map(|word| word.split_once('=')) {
            let count: u64 = count.parse().unwrap();
            match name {
                "input" => usage.input = count,
                "cached" => usage.cached = count,
                "cached_audio" => usage.cached_audio = count,
                "cached_image" => usage.cached_image = count,
                "cache_writes" => usage.cache_writes = count,
                "long_cache_writes" => usage.long_cache_writes = count,
                "input_audio" => usage.input_audio = count,
                "input_image" => usage.input_image = count,
                "output" => usage.output = count,
                "reasoning" => usage.reasoning = count,
                "output_audio" => usage.output_audio = count,
                "output_image" => usage.output_image = count,
                "audio_ms" => usage.audio_ms = count,
                "characters" => usage.characters = count,
                "searches" => usage.searches = count,
                other => panic!("{other}"),
            }
        }
        let all = prices(&[("one", provider, "")], &[]);
        let tier = (!tier.is_empty()).then_some(tier);
        let price = all.find_in_tier(0, model, tier, at(when)).unwrap_or_else(|| panic!("{line}"));
        assert_eq!(price.of(&usage), Money::parse_dollars(cost).unwrap(), "{line}");
        asked += 1;
    }
    assert!(asked >= 100, "{asked}");
}

#[test]
fn sound_and_pictures_of_the_cache_cost_what_the_list_says() {
    let all = prices(&[("openai", Provider::OpenAi, ""), ("google", Provider::Gemini, "")], &[]);
    let cost =
        |upstream, model, usage| all.find(upstream, model, None, at(NOW)).unwrap().of(&usage).to_string();
    let half = Usage { input: 1000, cached: 600, ..Usage::default() };
    // 300 of text, 100 of sound, 600 of the cache.
    let sound = Usage { cached_audio: 500, input_audio: 600, ..half };
    assert_eq!(cost(0, "gpt-realtime", sound), "0.00464");
    // 300 of text, 100 of pictures, 100 of text and 500 of pictures of the cache.
    let pictures = Usage { cached_image: 500, input_image: 600, ..half };
    assert_eq!(cost(0, "gpt-realtime", pictures), "0.00199");
    let sound =
        Usage { input: 10_000, cached: 5000, cached_audio: 5000, input_audio: 5000, ..Usage::default() };
    assert_eq!(cost(1, "gemini-2.5-flash", sound), "0.002");
}

#[test]
fn names_are_found_as_clients_write_them() {
    let all = prices(
        &[
            ("openai", Provider::OpenAi, ""),
            ("azure", Provider::AzureOpenAi, ""),
            ("vertex", Provider::Vertex, ""),
            ("bedrock", Provider::Bedrock, ""),
            ("cerebras", Provider::OpenAiCompatible, "api.cerebras.ai"),
            ("unknown", Provider::OpenAiCompatible, "models.internal.example"),
            ("router", Provider::OpenRouter, ""),
        ],
        &[],
    );
    let input = |upstream, model| {
        let price = all.find(upstream, model, None, at(NOW))?;
        Some(price.listed(Kind::Input)?.to_string())
    };
    assert_eq!(input(0, "gpt-4o").as_deref(), Some("2.50"));
    assert_eq!(input(0, "GPT-4o").as_deref(), Some("2.50"));
    assert_eq!(input(0, "gpt-4o-20241120"), input(0, "gpt-4o-2024-11-20"));
    assert_eq!(input(0, "gpt-4o-of-my-own"), None);
    assert_eq!(input(1, "gpt-4o").as_deref(), Some("2.50"), "Azure sells what OpenAI does");
    assert_eq!(input(1, "my-deployment"), None);
    assert_eq!(input(2, "google/gemini-2.5-flash"), input(2, "gemini-2.5-flash"));
    assert!(input(2, "gemini-2.5-flash").is_some());
    assert!(input(2, "claude-opus-4-5@20251101").is_some());
    let arn =
        "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.anthropic.claude-opus-4-5-20251101-v1:0";
    assert!(input(3, arn).is_some());
    assert_eq!(input(3, arn), input(3, "us.anthropic.claude-opus-4-5-20251101-v1:0"));
    assert!(input(4, "gpt-oss-120b").is_some(), "a host that is known");
    assert_eq!(input(5, "gpt-4o"), None, "a host that is not");
    assert_eq!(input(6, "openai/gpt-4o:nitro"), input(6, "openai/gpt-4o"));
    assert_eq!(input(7, "gpt-4o"), None, "no such upstream");
}

#[test]
fn prices_follow_the_clock_and_the_tier() {
    let all = prices(&[("google", Provider::Gemini, ""), ("deepseek", Provider::DeepSeek, "")], &[]);
    let output = |upstream, model, tier, when| {
        all.find_in_tier(upstream, model, tier, at(when)).unwrap().listed(Kind::Output).unwrap().to_string()
    };
    assert_eq!(output(0, "gemini-3.8-flash-tts", None, "2026-12-31T23:59:59Z"), "9.00");
    assert_eq!(output(0, "gemini-3.8-flash-tts", None, "2027-01-01T00:00:00Z"), "18.00");
    assert_eq!(output(0, "gemini-3.8-flash-tts", Some("batch"), "2027-01-01T00:00:00Z"), "9.00");
    assert_eq!(output(0, "gemini-3.8-flash-tts", Some("unheard-of"), NOW), "9.00");
    assert_eq!(output(1, "deepseek-v4-pro", None, "2026-11-21T03:59:59Z"), "3.96");
    assert_eq!(output(1, "deepseek-v4-pro", None, "2026-11-21T04:00:00Z"), "1.98");
}

#[test]
fn overrides_take_the_place_of_the_list() {
    let own = |seller: &str, models: &str, input: &str| {
        let mut price = Price::default();
        price.set(Kind::Input, None, Money::parse_dollars(input).unwrap());
        let rule = RuleId::BUILT_IN;
        Override {
            seller: seller.into(),
            models: ModelPattern::new(models),
            charge: Charge::Own(price),
            rule,
        }
    };
    let like = Override { charge: Charge::like("openai").unwrap(), ..own("proxy", "gpt-4o-mini", "0") };
    let named = Override { charge: Charge::like("openai/gpt-4o").unwrap(), ..own("proxy", "team-*", "0") };
    let overrides = [
        own("*", "*", "9"),
        own("openai", "gpt-4*", "1"),
        own("openai", "gpt-4o", "2"),
        own("second", "*", "3"),
        like,
        named,
    ];
    let all = prices(
        &[
            ("first", Provider::OpenAi, ""),
            ("second", Provider::OpenAi, ""),
            ("proxy", Provider::OpenAiCompatible, "proxy.example"),
        ],
        &overrides,
    );
    let input = |upstream, model| {
        all.find(upstream, model, None, at(NOW)).unwrap().listed(Kind::Input).unwrap().to_string()
    };
    assert_eq!(input(0, "gpt-4o"), "2.00", "the closest");
    assert_eq!(input(0, "gpt-4.1"), "1.00");
    assert_eq!(input(0, "o3"), "9.00");
    assert_eq!(input(1, "gpt-4o"), "3.00", "the upstream's name before its provider");
    assert_eq!(input(2, "gpt-4o-mini"), "0.15");
    assert_eq!(input(2, "team-a"), "2.50");
    assert!(Charge::like("nobody").is_none() && Charge::like("openai/nothing").is_none());
}

#[test]
fn what_is_remembered_is_what_is_found() {
    let all = prices(&[("one", Provider::OpenAi, ""), ("two", Provider::OpenRouter, "")], &[]);
    let names: Vec<(&str, &str)> = list::built_in().lines().map(|(s, line)| (s, line::id(line))).collect();
    for _ in 0..2 {
        for (seller, name) in &names {
            let upstream = usize::from(*seller == "openrouter");
            if !["openai", "openrouter"].contains(seller) {
                continue;
            }
            let fresh =
                all.tariffs[upstream].entry(name).and_then(|entry| entry.at(at(NOW).unix_seconds(), None));
            assert_eq!(all.find(upstream, name, None, at(NOW)), fresh, "{name}");
            assert_eq!(all.find(upstream, name, None, at(NOW)), fresh, "{name}");
        }
    }
}

#[test]
fn lists_are_compared() {
    let older = list::BUILT_IN.replacen(
        "\ngpt-4o\t. =gpt-4o-2024-08-06 =gpt-4o-2024-11-20\tinput=2.5",
        "\ngpt-4o\t. =gpt-4o-2024-08-06 =gpt-4o-2024-11-20\tinput=3",
        1,
    );
    assert_ne!(older, list::BUILT_IN);
    let found = differences(&older, at(NOW)).unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!((&*found[0].seller, &*found[0].model), ("openai", "gpt-4o"));
    let input = |price: &Option<Arc<Price>>| price.as_ref().unwrap().listed(Kind::Input).unwrap().to_string();
    assert_eq!((input(&found[0].was), input(&found[0].is)), ("2.50".to_owned(), "3.00".to_owned()));
    assert!(List::read("nothing of the kind").is_none());
}
