//! What is charged, and that a reservation is never too small.

use super::*;
use proptest::prelude::*;

fn dollars(text: &str) -> Money {
    Money::parse_dollars(text).unwrap()
}

fn price(rates: &[(Kind, Option<u64>, &str)]) -> Price {
    let mut price = Price::default();
    for (kind, above, each) in rates {
        price.set(*kind, *above, dollars(each));
    }
    price
}

#[test]
fn each_kind_is_charged_at_its_rate() {
    let price = price(&[
        (Kind::Input, None, "3"),
        (Kind::Cached, None, "0.3"),
        (Kind::CacheWrite, None, "3.75"),
        (Kind::LongCacheWrite, None, "6"),
        (Kind::Output, None, "15"),
        (Kind::Search, None, "0.01"),
    ]);
    let usage = Usage {
        input: 1_000_000,
        cached: 400_000,
        cache_writes: 200_000,
        long_cache_writes: 100_000,
        output: 100_000,
        reasoning: 50_000,
        searches: 3,
        ..Usage::default()
    };
    // 0.9 + 0.12 + 0.75 + 0.6 + 1.5 + 0.03
    assert_eq!(price.of(&usage), dollars("3.9"));
}

#[test]
fn a_kind_without_a_price_costs_what_it_is_part_of() {
    let price = price(&[(Kind::Input, None, "2"), (Kind::CacheWrite, None, "3"), (Kind::Output, None, "8")]);
    let usage =
        Usage { input: 30, cached: 10, long_cache_writes: 10, output: 10, reasoning: 9, ..Usage::default() };
    assert_eq!(price.of(&usage), Money::picodollars((20 * 2 + 10 * 3 + 10 * 8) * 1_000_000));
}

#[test]
fn the_whole_request_is_charged_at_the_rate_of_its_length() {
    let price = price(&[(Kind::Input, None, "1"), (Kind::Input, Some(200), "2"), (Kind::Output, None, "10")]);
    let of = |input| price.of(&Usage { input, ..Usage::default() }).as_picodollars();
    assert_eq!((of(200), of(201)), (200_000_000, 402_000_000));
    assert_eq!(price.most(201, 0).as_picodollars(), 402_000_000);
}

#[test]
fn sound_from_the_cache_is_charged_once() {
    let price = price(&[
        (Kind::Input, None, "4"),
        (Kind::Cached, None, "0.4"),
        (Kind::InputAudio, None, "32"),
        (Kind::CachedAudio, None, "0.5"),
    ]);
    let usage = Usage { input: 100, cached: 60, input_audio: 70, ..Usage::default() };
    // 30 of the sound must have come from the cache.
    assert_eq!(price.of(&usage).as_picodollars(), 30 * 400_000 + 30 * 500_000 + 40 * 32_000_000);
}

#[test]
fn what_came_from_the_cache_is_charged_as_what_it_is() {
    let price = price(&[
        (Kind::Input, None, "4"),
        (Kind::Cached, None, "0.4"),
        (Kind::InputAudio, None, "32"),
        (Kind::CachedAudio, None, "0.5"),
        (Kind::InputImage, None, "5"),
        (Kind::CachedImage, None, "0.6"),
    ]);
    let of = |usage| price.of(&usage).as_picodollars();
    let usage = Usage {
        input: 1000,
        cached: 700,
        cached_audio: 500,
        cached_image: 100,
        input_audio: 600,
        input_image: 150,
        ..Usage::default()
    };
    // 100 of cached text, and of what is new 100 of sound, 50 of pictures and 150 of text.
    let cached = 100 * 400_000 + 500 * 500_000 + 100 * 600_000;
    assert_eq!(of(usage), cached + 100 * 32_000_000 + 50 * 5_000_000 + 150 * 4_000_000);
    // More must have come from the cache than is told.
    let short = Usage { input: 800, ..usage };
    assert_eq!(of(short), 50 * 400_000 + 550 * 500_000 + 100 * 600_000 + 50 * 32_000_000 + 50 * 5_000_000);
    // What is told of the cache only came from there all the same, and no more than all that did.
    let alone = Usage { input: 100, cached: 60, cached_audio: 80, ..Usage::default() };
    assert_eq!(of(alone), 60 * 500_000 + 40 * 4_000_000);
}

#[test]
fn time_characters_pictures_and_requests_have_prices_of_their_own() {
    let price = price(&[
        (Kind::AudioHour, None, "0.36"),
        (Kind::Characters, None, "15"),
        (Kind::Image, None, "0.04"),
        (Kind::Request, None, "0.005"),
    ]);
    let usage = Usage { audio_ms: 60_000, characters: 1_000, images: 2, ..Usage::default() };
    assert_eq!(price.of(&usage), dollars("0.106")); // 0.006 + 0.015 + 0.08 + 0.005
    let odd = Usage { audio_ms: 1, ..Usage::default() };
    assert_eq!(price.of(&odd).as_picodollars(), 100_000 + 5_000_000_000);
}

#[test]
fn parts_of_a_picodollar_are_rounded_up_once() {
    let price = price(&[(Kind::Input, None, "0.0000004"), (Kind::Output, None, "0.0000004")]);
    assert_eq!(price.of(&Usage { input: 1, output: 1, ..Usage::default() }).as_picodollars(), 1);
    assert_eq!(price.of(&Usage { input: 2, output: 1, ..Usage::default() }).as_picodollars(), 2);
}

#[test]
fn what_the_provider_says_wins() {
    let price = price(&[(Kind::Input, None, "1")]);
    assert_eq!(
        price.of(&Usage { input: 10, cost: Some(dollars("0.5")), ..Usage::default() }),
        dollars("0.5")
    );
}

#[test]
fn nothing_turns_over() {
    let price = price(&[(Kind::Input, None, "18000000"), (Kind::Image, None, "18000000")]);
    let all =
        Usage { input: u64::MAX, output: u64::MAX, images: u64::MAX, cached: u64::MAX, ..Usage::default() };
    assert_eq!(price.of(&all).as_picodollars(), u64::MAX);
    assert_eq!(price.most(u64::MAX, u64::MAX).as_picodollars(), u64::MAX);
}

fn any_price() -> impl Strategy<Value = Price> {
    let rate = (0usize..17, prop::option::of(0u64..3_000), 0u64..100_000_000);
    prop::collection::vec(rate, 0..20).prop_map(|rates| {
        let mut price = Price::default();
        for (kind, above, each) in rates {
            price.set(Kind::ALL[kind].0, above, Money::picodollars(each));
        }
        price
    })
}

/// One in which longer inputs cost no less, as in every list.
fn rising_price() -> impl Strategy<Value = Price> {
    any_price().prop_map(|price| {
        let mut rising = Price::default();
        for (kind, above, _) in price.rates() {
            let shorter = price.rates().filter(|(other, below, _)| *other == kind && *below <= above);
            rising.set(kind, above, shorter.map(|(_, _, each)| each).max().unwrap());
        }
        rising
    })
}

/// Counts that a provider could report: the parts of a side are no more than the side.
fn any_usage() -> impl Strategy<Value = Usage> {
    (prop::array::uniform9(0u64..1_000), 0u64..500, 0u64..500, prop::array::uniform2(0u64..1_000)).prop_map(
        |(part, shared_audio, shared_image, told)| {
            let [
                text,
                cached,
                cache_writes,
                long_cache_writes,
                audio,
                image,
                reasoning,
                output_audio,
                output,
            ] = part;
            let shared_audio = shared_audio.min(audio).min(cached);
            let shared_image = shared_image.min(image).min(cached - shared_audio);
            let cached_audio = told[0].min(shared_audio);
            let cached_image = told[1].min(shared_image);
            Usage {
                input: text + cached + cache_writes + long_cache_writes + audio + image
                    - shared_audio
                    - shared_image,
                cached,
                cached_audio,
                cached_image,
                cache_writes,
                long_cache_writes,
                input_audio: audio,
                input_image: image,
                output: output + reasoning + output_audio,
                reasoning,
                output_audio,
                ..Usage::default()
            }
        },
    )
}

proptest! {
    #[test]
    fn the_most_is_never_less(price in any_price(), usage in any_usage(), more in 0u64..50, longer in 0u64..50) {
        prop_assert!(price.most(usage.input + more, usage.output + longer) >= price.of(&usage));
    }

    #[test]
    fn more_tokens_never_cost_less(price in rising_price(), usage in any_usage(), more in 0u64..500) {
        let dearer = Usage { output: usage.output + more, ..usage };
        prop_assert!(price.of(&dearer) >= price.of(&usage));
        // How many of the cached are sound and how many pictures goes by what there is of each: with more of one,
        // fewer may be charged at the price of the other.
        let shares = price.rates().any(|(kind, ..)| matches!(kind, Kind::CachedAudio | Kind::CachedImage));
        if !shares && price.rates().all(|(_, above, _)| above.is_none()) {
            let dearer = Usage { input: usage.input + more, input_audio: usage.input_audio + more, ..usage };
            prop_assert!(price.of(&dearer) >= price.of(&usage));
        }
    }
}
