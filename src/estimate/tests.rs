//! That the estimate holds its bounds on texts whose tokens are known, and does not depend on pieces.

use super::*;
use proptest::prelude::*;

fn of(estimator: Estimator, pieces: &[&[u8]]) -> u64 {
    let mut estimator = estimator;
    for piece in pieces {
        estimator.piece(piece);
    }
    estimator.tokens()
}

fn plain(text: &str) -> u64 {
    of(Estimator::plain(), &[text.as_bytes()])
}

fn json(text: &str) -> u64 {
    of(Estimator::default(), &[text.as_bytes()])
}

/// Samples with what `benches/estimate/count.mjs` counts: `=== kind o200k cl100k claude llama3`, and the text.
fn samples() -> Vec<(&'static str, [u64; 4], &'static str)> {
    let all = include_str!("samples.txt").split("=== ").skip(1);
    let read = all.map(|sample| {
        let (head, text) = sample.split_once('\n').unwrap();
        let mut words = head.split(' ');
        let kind = words.next().unwrap();
        let counts: Vec<u64> = words.map(|word| word.parse().unwrap()).collect();
        (kind, counts.try_into().unwrap(), text)
    });
    read.collect()
}

#[test]
fn the_estimate_is_seldom_low_and_never_far_off() {
    let samples = samples();
    assert!(samples.len() >= 8);
    for (kind, counts, text) in samples {
        let estimate = plain(text);
        let (least, most) = (counts.iter().min().unwrap(), counts.iter().max().unwrap());
        assert!(estimate * 100 >= most * 95, "{kind}: {estimate} is too low for {counts:?}");
        assert!(estimate * 10 <= least * 23, "{kind}: {estimate} is too high for {counts:?}");
    }
}

#[test]
fn escapes_count_as_what_they_stand_for() {
    for (_, _, text) in samples() {
        let bare = plain(text);
        let kept = serde_json::to_string(text).unwrap();
        let escaped: String = kept.encode_utf16().fold(String::new(), |out, unit| {
            match char::from_u32(u32::from(unit)).filter(char::is_ascii) {
                Some(ascii) => out + &ascii.to_string(),
                None => out + &format!("\\u{unit:04x}"),
            }
        });
        let near = |estimate: u64| estimate >= bare && estimate <= bare + 6;
        assert!(near(json(&kept)), "{} {bare} {text}", json(&kept));
        assert!(near(json(&escaped)), "{} {bare} {text}", json(&escaped));
    }
}

#[test]
fn a_picture_counts_as_one() {
    let picture = "iVBORw0KGgo".repeat(20_000);
    for around in [
        r#"{"url":"data:image/png;base64,@"}"#,
        r#"{"type":"base64","media_type":"image/png","data":"@"}"#,
        r#"{"inlineData": {"mimeType": "image/png", "data": "@"}}"#,
        r#"{"source":{"bytes":"@"}}"#,
        r#"{"bytesBase64Encoded": "@"}"#,
    ] {
        let estimate = json(&around.replace('@', &picture));
        let most = PICTURE + picture.len() as u64 / 1024 + 60;
        assert!((PICTURE..=most).contains(&estimate), "{around}: {estimate}");
    }
    let as_text = json(&format!(r#"{{"content":"{picture}"}}"#));
    assert!(as_text > picture.len() as u64 / 2, "{as_text}");
    let short = json(&format!(r#"{{"data":"{}"}}"#, &picture[..400]));
    assert!((290..400).contains(&short), "{short}");
}

proptest! {
    #[test]
    fn pieces_change_nothing(
        text in "[ -~äß中🙂\n]{0,60}(\"data\": ?\"|;base64,|\\\\u4e2d|\\\\n)?[A-Za-z0-9+/\\\\]{0,40}[ -~]{0,20}",
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
    ) {
        let bytes = text.as_bytes();
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
        cuts.extend([0, bytes.len()]);
        cuts.sort_unstable();
        let pieces: Vec<&[u8]> = cuts.windows(2).map(|cut| &bytes[cut[0]..cut[1]]).collect();
        let single: Vec<&[u8]> = bytes.chunks(1).collect();
        for estimator in [Estimator::default(), Estimator::plain()] {
            let whole = of(estimator.clone(), &[bytes]);
            prop_assert_eq!(of(estimator.clone(), &pieces), whole);
            prop_assert_eq!(of(estimator, &single), whole);
        }
    }

    #[test]
    fn pieces_change_nothing_in_what_is_no_json(
        words in prop::collection::vec(prop::sample::select(&[
            "\"data\":\"", "data\": \"", "\\data\":\"", "bytes\"", ":", "\"", ";base64,", ";base64", ",", "\\", "\\u",
            "\\u00", "4", "ab12", " ", "\n", "\u{4e2d}", "as is, here; there",
        ][..]), 0..40),
        size in 1..40_usize,
    ) {
        let text = words.concat();
        for estimator in [Estimator::default(), Estimator::plain()] {
            let single: Vec<&[u8]> = text.as_bytes().chunks(1).collect();
            let pieces: Vec<&[u8]> = text.as_bytes().chunks(size).collect();
            let whole = of(estimator.clone(), &[text.as_bytes()]);
            prop_assert_eq!(of(estimator.clone(), &pieces), whole);
            prop_assert_eq!(of(estimator, &single), whole);
        }
    }

    #[test]
    fn any_bytes_are_taken(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        of(Estimator::default(), &[&bytes]);
    }
}
